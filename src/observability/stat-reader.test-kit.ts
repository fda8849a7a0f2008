import type { StatsSlab } from "./stats.ts";
import { StatsAggregate } from "./stats-aggregate.ts";

/** Reads single stats of one slab by name, for tests. */
export class StatReader {
  readonly #aggregate = new StatsAggregate();
  readonly #slab: StatsSlab;

  constructor(slab: StatsSlab) {
    this.#slab = slab;
  }

  /** Of a counter or gauge; undefined when nobody has it. -0: it was never written. */
  value(name: string): number | undefined {
    this.#aggregate.announce(this.#slab, this.#slab.takeAnnouncements());
    const reading = this.#aggregate.numbers().find((one) => one.name === name);
    return reading === undefined || reading.used ? reading?.value : -0;
  }
}
