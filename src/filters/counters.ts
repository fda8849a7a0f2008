import type { StatsSlab } from "../observability/stats.ts";

/** Slots of a filter's counters: `values[counters.ok]++`. */
export function filterCounters<Name extends string>(
  slab: StatsSlab,
  prefix: string,
  names: readonly Name[],
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, slab.counter(prefix + name)])) as Record<Name, number>;
}
