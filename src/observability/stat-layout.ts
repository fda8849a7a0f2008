import { decades } from "./histogram.ts";

/** "gauge64": more than a double holds, as two halves of 32 bits; one thread sets it. */
type StatKind = "counter" | "gauge" | "gauge64" | "histogram";
/** "ms" is what most histograms hold. */
export type StatUnit = "" | "ms" | "us" | "bytes" | "percent";

/** One stat of a layout. */
export interface StatMember {
  /** Behind the prefix; "" when the prefix is the whole name. */
  readonly name: string;
  readonly kind: StatKind;
  readonly unit: StatUnit;
  /** Its first slot, from that of the group. */
  readonly offset: number;
}

/** Stats that come together under a prefix, such as those of a cluster: side by side in a slab, their names kept once for all groups. */
export class StatLayout {
  readonly name: string;
  readonly members: readonly StatMember[];
  /** In slots. */
  readonly size: number;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor(name: string, members: readonly StatMember[], size: number) {
    this.name = name;
    this.members = members;
    this.size = size;
    this.#offsets = new Map(members.map((member) => [member.name, member.offset]));
  }

  /** Of the group under a prefix; the name itself of a stat that stands alone. */
  keyOf(prefix: string): string {
    return this.members.length === 1 ? prefix : prefix + this.name;
  }

  /** Throws when it has no such stat. */
  offset(name: string): number {
    const offset = this.#offsets.get(name);
    if (offset === undefined) throw new Error(`no stat ${name} in the layout ${this.name}`);
    return offset;
  }
}

/** Makes a layout that all threads know by its name, at the load of a module that all of them load. */
export function defineLayout(
  name: string,
  names: {
    counters?: readonly string[];
    gauges?: readonly string[];
    gauges64?: readonly string[];
    histograms?: readonly (readonly [string, StatUnit])[];
  },
): StatLayout {
  const members: StatMember[] = [];
  let offset = 0;
  const add = (member: string, kind: StatKind, unit: StatUnit) => {
    members.push({ name: member, kind, unit, offset });
    offset += kind === "histogram" ? histogramSlots : kind === "gauge64" ? 2 : 1;
  };
  for (const counter of names.counters ?? []) add(counter, "counter", "");
  for (const gauge of names.gauges ?? []) add(gauge, "gauge", "");
  for (const gauge of names.gauges64 ?? []) add(gauge, "gauge64", "");
  for (const [histogram, unit] of names.histograms ?? []) add(histogram, "histogram", unit);
  const layout = new StatLayout(name, members, offset);
  layouts.set(name, layout);
  return layout;
}

/** Throws for one that was not defined. */
export function layoutNamed(name: string): StatLayout {
  const layout = layouts.get(name);
  if (layout === undefined) throw new Error(`no layout ${name}`);
  return layout;
}

const layouts = new Map<string, StatLayout>();
/** Number of samples, number of zeros, then the block of each decade (0: none yet). */
const histogramSlots = 2 + decades;
