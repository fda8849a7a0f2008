import type { HistogramBins } from "./histogram.ts";
import { binOf, binsPerDecade, decades } from "./histogram.ts";
import { defineLayout, type StatLayout, type StatUnit } from "./stat-layout.ts";

/** A group that a thread gave slots of its slab; plain data, posted to the main thread. */
export interface StatAnnouncement {
  /** Of the names; the whole name of a stat that stands alone. */
  prefix: string;
  /** StatLayout.name */
  layout: string;
  slot: number;
}

/**
 * The numbers of one thread, in memory that the main thread reads. One writer, so plain stores suffice:
 *
 *     slab.values[slot]++;
 *
 * A slot starts as -0, "never written": -0 + 1 is 1 and 1 - 1 is +0, so `usedonly` can tell the two zeros apart. Write
 * `values[slot] += 0` to mark a stat as used. Names are asked for at link time; asking twice gives the same slot.
 */
export class StatsSlab {
  /** Over the whole reserved length, so it never is replaced; pages not touched cost no memory. */
  readonly values: Float64Array;
  readonly buffer: SharedArrayBuffer;
  readonly #slots = new Map<string, number>();
  #announcements: StatAnnouncement[] = [];

  /** Give the buffer of another slab to read it. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(slabBytes)) {
    this.buffer = buffer;
    this.values = new Float64Array(buffer);
    if (this.values[nextFree] === 0) this.values[nextFree] = firstSlot;
  }

  /** Slot of a counter: `values[slot]++`. */
  counter(name: string): number {
    return this.group(name, counter);
  }

  /** Slot of a gauge, summed over threads: add and subtract, or set on one thread only. */
  gauge(name: string): number {
    return this.group(name, gauge);
  }

  /** Slot of a gauge of 64 bits, for one thread to set: its upper half, and the lower one in the slot behind it, both unsigned. */
  gauge64(name: string): number {
    return this.group(name, gauge64);
  }

  /** Slot of a histogram, for record() only. */
  histogram(name: string, unit: StatUnit = "ms"): number {
    return this.group(name, histograms[unit]);
  }

  /** The first slot of a layout's stats under a prefix: that of each is `StatLayout.offset` behind it. */
  group(prefix: string, layout: StatLayout): number {
    const key = layout.keyOf(prefix);
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.#take(layout.size);
    if (slot !== overflowSlot) {
      for (const { offset } of layout.members) this.values[slot + offset] = -0;
      this.#announcements.push({ prefix, layout: layout.name, slot });
    }
    this.#slots.set(key, slot);
    return slot;
  }

  /** Adds a sample; fractions are cut off, as Envoy's clock units do. Memory of a decade is taken at its first sample. */
  record(slot: number, value: number): void {
    if (slot < firstSlot) return;
    const values = this.values;
    values[slot]++;
    if (!(value >= 1)) {
      values[slot + 1]++;
      return;
    }
    const bin = binOf(value < 0x7fffffff ? value | 0 : Math.floor(value));
    const decade = (bin / binsPerDecade) | 0;
    let block = values[slot + 2 + decade] as number;
    if (block === 0) {
      block = this.#take(binsPerDecade);
      if (block === overflowSlot) return;
      values[slot + 2 + decade] = block;
    }
    values[block + bin - decade * binsPerDecade]++;
  }

  /** Names given since the last call. A worker posts them to the main thread. */
  takeAnnouncements(): StatAnnouncement[] {
    const list = this.#announcements;
    this.#announcements = [];
    return list;
  }

  /** Forgets names that are chosen, so that asking again starts from new slots. For removed clusters; slots are not reused. */
  forget(isGone: (name: string) => boolean): void {
    for (const name of this.#slots.keys()) if (isGone(name)) this.#slots.delete(name);
  }

  /** A full slab sends the rest to slots that nobody reads: a proxy goes on without a number rather than stop. */
  #take(size: number): number {
    const slot = this.values[nextFree] as number;
    if (slot + size > this.values.length) return overflowSlot;
    this.values[nextFree] = slot + size;
    return slot;
  }
}

/** Adds the samples of a histogram slot to `bins`. */
export function addHistogram(values: Float64Array, slot: number, bins: HistogramBins): void {
  bins.counts[0] = (bins.counts[0] as number) + (values[slot + 1] as number);
  for (let decade = 0; decade < decades; decade++) {
    const block = values[slot + 2 + decade] as number;
    if (block === 0) continue;
    for (let i = 0; i < binsPerDecade; i++) {
      const at = 1 + decade * binsPerDecade + i;
      bins.counts[at] = (bins.counts[at] as number) + (values[block + i] as number);
    }
  }
}

/** Whether a value was ever written. */
export function isWritten(value: number): boolean {
  return !Object.is(value, -0);
}

const slabBytes = 64 * 1024 * 1024;
/** Slot 0 holds the index of the first free slot; a group that does not fit gets those behind it. */
const nextFree = 0;
const overflowSlot = 1;
const firstSlot = 1024;
const counter = defineLayout("counter", { counters: [""] });
const gauge = defineLayout("gauge", { gauges: [""] });
const gauge64 = defineLayout("gauge64", { gauges64: [""] });
const histogramOf = (unit: StatUnit): StatLayout => defineLayout(`histogram ${unit}`, { histograms: [["", unit]] });
const histograms: Readonly<Record<StatUnit, StatLayout>> = {
  "": histogramOf(""),
  ms: histogramOf("ms"),
  us: histogramOf("us"),
  bytes: histogramOf("bytes"),
  percent: histogramOf("percent"),
};
