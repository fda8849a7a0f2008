// Its layout is for all threads to know.
import "./request-stats.ts";
import { HistogramBins } from "./histogram.ts";
import { layoutNamed, type StatLayout, type StatMember, type StatUnit } from "./stat-layout.ts";
import type { StatAnnouncement, StatsSlab } from "./stats.ts";
import { addHistogram, isWritten } from "./stats.ts";

/** A counter or gauge of the whole process. */
export interface NumberReading {
  name: string;
  kind: "counter" | "gauge";
  value: number;
  /** The value where a double would round it; else null. */
  exact: bigint | null;
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
  /** By prefix and layout; a stat that stands alone by its name. */
  readonly #groups = new Map<string, StatGroup>();
  readonly #readouts = new Map<string, string>();

  /** Takes in the names of a thread's slab; names of a removed stat bring it back from zero. */
  announce(slab: StatsSlab, announcements: readonly StatAnnouncement[]): void {
    for (const { prefix, layout: layoutName, slot } of announcements) {
      const layout = layoutNamed(layoutName);
      const key = layout.keyOf(prefix);
      let group = this.#groups.get(key);
      if (group === undefined || group.layout !== layout)
        this.#groups.set(key, (group = new StatGroup(prefix, layout)));
      group.sources.push({ slab, slot });
    }
  }

  /** A thread has ended: what it counted stays, its gauges go. */
  retire(slab: StatsSlab): void {
    for (const group of this.#groups.values()) group.retire(slab);
  }

  /** Removes the stats whose name or group's prefix is chosen, such as those of a removed cluster. */
  remove(isGone: (name: string) => boolean): void {
    for (const [key, { prefix }] of this.#groups) if (isGone(prefix)) this.#groups.delete(key);
    for (const name of this.#readouts.keys()) if (isGone(name)) this.#readouts.delete(name);
  }

  /** /reset_counters: counters start from zero again, their memory is not touched. */
  resetCounters(): void {
    for (const group of this.#groups.values()) group.reset();
  }

  /** Ends a histogram interval. Called at each stats flush, 5 s by default. */
  flush(): void {
    for (const group of this.#groups.values()) group.flush();
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
    for (const group of this.#groups.values())
      for (const member of group.layout.members) {
        const { kind } = member;
        if (kind === "histogram") continue;
        list.push({
          name: group.prefix + member.name,
          kind: kind === "counter" ? kind : "gauge",
          value: group.value(member.offset),
          exact: kind === "gauge64" ? group.exact(member.offset) : null,
          used: group.isUsed(member.offset),
        });
      }
    return list.sort((a, b) => compare(a.name, b.name));
  }

  /** Sorted by name. */
  histograms(): HistogramReading[] {
    const list: HistogramReading[] = [];
    for (const group of this.#groups.values())
      for (const member of group.layout.members) {
        if (member.kind !== "histogram") continue;
        const flushed = group.histogram(member.offset);
        list.push({
          name: group.prefix + member.name,
          unit: member.unit,
          interval: flushed?.interval ?? null,
          cumulative: flushed?.cumulative ?? null,
        });
      }
    return list.sort((a, b) => compare(a.name, b.name));
  }

  /** The present value of one counter or gauge that stands alone, 0 when nobody has it. */
  value(name: string): number {
    return this.#groups.get(name)?.value(0) ?? 0;
  }
}

/** Order by bytes, as Envoy sorts names. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Two states of a histogram as of the last flush. */
interface FlushedHistogram {
  interval: HistogramBins;
  cumulative: HistogramBins;
}

/** The stats of one layout under one prefix, of all threads. What few groups have is made when it is needed. */
class StatGroup {
  readonly prefix: string;
  readonly layout: StatLayout;
  readonly sources: { slab: StatsSlab; slot: number }[] = [];
  /** By offset: what threads counted that have ended. NaN: nothing. */
  #retired: Float64Array | null = null;
  /** By offset: where counters were reset. */
  #baseline: Float64Array | null = null;
  /** By offset. */
  #flushed: Map<number, FlushedHistogram> | null = null;
  #retiredBins: Map<number, HistogramBins> | null = null;

  constructor(prefix: string, layout: StatLayout) {
    this.prefix = prefix;
    this.layout = layout;
  }

  value(offset: number): number {
    return this.#sum(offset) - (this.#baseline?.[offset] ?? 0);
  }

  /** Of a gauge64. */
  exact(offset: number): bigint {
    return (BigInt(this.#sum(offset)) << 32n) | BigInt(this.#sum(offset + 1));
  }

  isUsed(offset: number): boolean {
    if (this.#retired !== null && !Number.isNaN(this.#retired[offset])) return true;
    for (const { slab, slot } of this.sources) if (isWritten(slab.values[slot + offset] as number)) return true;
    return false;
  }

  histogram(offset: number): FlushedHistogram | undefined {
    return this.#flushed?.get(offset);
  }

  reset(): void {
    for (const { kind, offset } of this.layout.members) {
      const sum = kind === "counter" ? this.#sum(offset) : 0;
      if (sum === 0) continue;
      this.#baseline ??= new Float64Array(this.layout.size);
      this.#baseline[offset] = sum;
    }
  }

  flush(): void {
    for (const { kind, offset } of this.layout.members) {
      if (kind !== "histogram" || !this.isUsed(offset)) continue;
      const cumulative = this.#bins(offset);
      const before = this.#flushed?.get(offset);
      this.#flushed ??= new Map();
      this.#flushed.set(offset, {
        interval: before === undefined ? cumulative : cumulative.since(before.cumulative),
        cumulative,
      });
    }
  }

  retire(slab: StatsSlab): void {
    for (let i = this.sources.length - 1; i >= 0; i--) {
      const source = this.sources[i];
      if (source === undefined || source.slab !== slab) continue;
      this.sources.splice(i, 1);
      for (const member of this.layout.members) this.#keep(member, slab, source.slot + member.offset);
    }
  }

  #keep({ kind, offset }: StatMember, slab: StatsSlab, slot: number): void {
    const value = slab.values[slot] as number;
    if (!isWritten(value)) return;
    this.#retired ??= new Float64Array(this.layout.size).fill(Number.NaN);
    this.#retired[offset] = (this.#retired[offset] || 0) + (kind === "counter" ? value : 0);
    if (kind !== "histogram") return;
    this.#retiredBins ??= new Map();
    let bins = this.#retiredBins.get(offset);
    if (bins === undefined) this.#retiredBins.set(offset, (bins = new HistogramBins()));
    addHistogram(slab.values, slot, bins);
  }

  #sum(offset: number): number {
    let sum = this.#retired?.[offset] || 0;
    for (const { slab, slot } of this.sources) sum += slab.values[slot + offset] as number;
    return sum;
  }

  #bins(offset: number): HistogramBins {
    const bins = new HistogramBins();
    const retired = this.#retiredBins?.get(offset);
    if (retired !== undefined) bins.counts.set(retired.counts);
    for (const { slab, slot } of this.sources) addHistogram(slab.values, slot + offset, bins);
    return bins;
  }
}

function byName(a: [string, string], b: [string, string]): number {
  return compare(a[0], b[0]);
}
