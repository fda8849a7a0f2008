import { Http2Counters } from "../http/h2/counters.ts";
import type { StatsSlab } from "./stats.ts";

/** `<prefix>http2.*`: the codecs count in plain fields, and sync() copies them into the slab. */
export class Http2Stats {
  readonly counters = new Http2Counters();
  readonly #slab: StatsSlab;
  readonly #slots: [name: keyof Http2Counters, slot: number][];

  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    const names = Object.keys(this.counters) as (keyof Http2Counters)[];
    this.#slots = names.map((name) => [
      name,
      name === "streams_active" ? slab.gauge(`${prefix}http2.${name}`) : slab.counter(`${prefix}http2.${name}`),
    ]);
  }

  sync(): void {
    for (const [name, slot] of this.#slots) this.#slab.values[slot] = this.counters[name];
  }
}
