import { byPriority, countHealth } from "../priority-groups.ts";
import { priorityLoads } from "../priority-load.ts";
import type { HashLbSpec, LbSpec, LocalitySpec } from "../spec.ts";
import { hashKeyOf } from "./hash-key.ts";
import { createHashTable } from "./hash-table.ts";
import { hostShares } from "./hash-weights.ts";

/** The gauges of a hash balancer below the cluster's prefix. */
export const hashStatNames = {
  RING_HASH: ["ring_hash_lb.size", "ring_hash_lb.min_hashes_per_host", "ring_hash_lb.max_hashes_per_host"],
  MAGLEV: ["maglev_lb.min_entries_per_host", "maglev_lb.max_entries_per_host"],
} as const;

/** Their values for these hosts, for the main thread: each worker makes the same tables. The last priority with hosts counts, as in Envoy. */
export function hashStats(
  spec: HashLbSpec,
  lb: LbSpec,
  localities: readonly LocalitySpec[],
  overprovisioningPct: number,
): Map<string, number> {
  const groups = byPriority(localities.map((locality) => ({ spec: locality, hosts: locality.hosts })));
  const { panic } = priorityLoads(groups.map(countHealth), overprovisioningPct, lb.panicThresholdPct);
  const tables = groups.map((group, i) =>
    createHashTable(spec, hostShares(group, panic[i] as boolean, lb.isLocalityWeighted, ""), (host) =>
      hashKeyOf(host, spec.usesHostname),
    ),
  );
  return new Map(tables.flatMap((table) => table.stats));
}
