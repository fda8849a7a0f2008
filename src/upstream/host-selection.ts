import type { Host } from "./host-set.ts";
import type { PriorityLoads } from "./priority-load.ts";

/** What a retry asks of the choice of its host. Envoy: Upstream::LoadBalancerContext. */
export interface HostSelection {
  /** How often another host is chosen in the place of an unwanted one; then that is taken. */
  readonly maxAttempts: number;
  isUnwanted(host: Host): boolean;
  /** How the traffic of this choice spreads over the priorities; null: as always. */
  loads(priorities: Priorities): PriorityLoads | null;
}

/** The priorities of a cluster, as a retry may ask of them. */
export interface Priorities {
  /** -1 for a host that is gone. */
  priorityOf(host: Host): number;
  /** The loads without some priorities; null where nothing is left. */
  loadsWithout(excluded: ReadonlySet<number>): PriorityLoads | null;
}
