import { HistogramBins } from "./histogram.ts";
import type { StatAnnouncement, StatKind, StatsSlab, StatUnit } from "./stats.ts";
import { addHistogram, isWritten } from "./stats.ts";

/** A counter or gauge of the whole process. */
export interface NumberReading {
  name: string;
  kind: "counter" | "gauge";
  value: number;
  /** Whether it was ever written. */
  used: boolean;
}

/** A histogram of the whole process as of the last flush; both are null before its first sample. */
export interface HistogramReading {
  name: string;
  unit: StatUnit;
  interval: HistogramBins | null;
  cumulative: HistogramBins | null;
}

/** Sums the slabs of all threads by name. Lives on the main thread. */
export class StatsAggregate {
  readonly #stats = new Map<string, Stat>();
  readonly #readouts = new Map<string, string>();

  /** Takes in the names of a thread's slab; names of a removed stat bring it back from zero. */
  announce(slab: StatsSlab, announcements: readonly StatAnnouncement[]): void {
    for (const { name, kind, slot, unit } of announcements) {
      let stat = this.#stats.get(name);
      if (stat === undefined || stat.kind !== kind) this.#stats.set(name, (stat = new Stat(kind, unit)));
      stat.sources.push({ slab, slot });
    }
  }

  /** A thread has ended: what it counted stays, its gauges go. */
  retire(slab: StatsSlab): void {
    for (const stat of this.#stats.values()) stat.retire(slab);
  }

  /** Removes the stats whose name starts so, such as those of a removed cluster: "cluster.c1.". */
  removePrefix(prefix: string): void {
    for (const name of this.#stats.keys()) if (name.startsWith(prefix)) this.#stats.delete(name);
    for (const name of this.#readouts.keys()) if (name.startsWith(prefix)) this.#readouts.delete(name);
  }

  /** /reset_counters: counters start from zero again, their memory is not touched. */
  resetCounters(): void {
    for (const stat of this.#stats.values()) if (stat.kind === "counter") stat.baseline = stat.sum();
  }

  /** Ends a histogram interval. Called at each stats flush, 5 s by default. */
  flush(): void {
    for (const stat of this.#stats.values()) if (stat.kind === "histogram") stat.flush();
  }

  setTextReadout(name: string, value: string): void {
    this.#readouts.set(name, value);
  }

  /** Name and value, sorted by name. */
  textReadouts(): [string, string][] {
    return [...this.#readouts].sort(byName);
  }

  /** Counters and gauges, sorted by name. */
  numbers(): NumberReading[] {
    const list: NumberReading[] = [];
    for (const [name, stat] of this.#stats) {
      if (stat.kind === "histogram") continue;
      list.push({ name, kind: stat.kind, value: stat.sum() - stat.baseline, used: stat.isUsed() });
    }
    return list.sort((a, b) => compare(a.name, b.name));
  }

  /** Sorted by name. */
  histograms(): HistogramReading[] {
    const list: HistogramReading[] = [];
    for (const [name, stat] of this.#stats) {
      if (stat.kind !== "histogram") continue;
      list.push({ name, unit: stat.unit, interval: stat.interval, cumulative: stat.cumulative });
    }
    return list.sort((a, b) => compare(a.name, b.name));
  }

  /** The present value of one counter or gauge, 0 when nobody has it. */
  value(name: string): number {
    const stat = this.#stats.get(name);
    return stat === undefined ? 0 : stat.sum() - stat.baseline;
  }
}

/** Order by bytes, as Envoy sorts names. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

class Stat {
  readonly kind: StatKind;
  readonly unit: StatUnit;
  readonly sources: { slab: StatsSlab; slot: number }[] = [];
  baseline = 0;
  interval: HistogramBins | null = null;
  cumulative: HistogramBins | null = null;
  #retired = 0;
  #retiredUsed = false;
  #retiredBins: HistogramBins | null = null;

  constructor(kind: StatKind, unit: StatUnit) {
    this.kind = kind;
    this.unit = unit;
  }

  sum(): number {
    let sum = this.#retired;
    for (const { slab, slot } of this.sources) sum += slab.values[slot] as number;
    return sum;
  }

  isUsed(): boolean {
    return this.#retiredUsed || this.sources.some(({ slab, slot }) => isWritten(slab.values[slot] as number));
  }

  flush(): void {
    if (!this.isUsed()) return;
    const now = this.#bins();
    this.interval = this.cumulative === null ? now : now.since(this.cumulative);
    this.cumulative = now;
  }

  retire(slab: StatsSlab): void {
    for (let i = this.sources.length - 1; i >= 0; i--) {
      const source = this.sources[i];
      if (source === undefined || source.slab !== slab) continue;
      this.sources.splice(i, 1);
      const value = slab.values[source.slot] as number;
      if (!isWritten(value)) continue;
      this.#retiredUsed = true;
      if (this.kind === "counter") this.#retired += value;
      if (this.kind === "histogram") {
        this.#retiredBins ??= new HistogramBins();
        addHistogram(slab.values, source.slot, this.#retiredBins);
      }
    }
  }

  #bins(): HistogramBins {
    const bins = new HistogramBins();
    if (this.#retiredBins !== null) bins.counts.set(this.#retiredBins.counts);
    for (const { slab, slot } of this.sources) addHistogram(slab.values, slot, bins);
    return bins;
  }
}

function byName(a: [string, string], b: [string, string]): number {
  return compare(a[0], b[0]);
}
