import type { PriorityCount } from "./priority-load.ts";
import type { HostHealth } from "./spec.ts";

/** What grouping reads of a locality, live or not. */
export interface Prioritised {
  readonly spec: { readonly priority: number };
  readonly hosts: readonly { readonly health: HostHealth }[];
}

/** Localities by priority. Without hosts there is still a priority 0, in panic, as in Envoy. */
export function byPriority<L extends Prioritised>(localities: readonly L[]): L[][] {
  const groups: L[][] = [[]];
  for (const locality of localities) {
    const { priority } = locality.spec;
    while (groups.length <= priority) groups.push([]);
    (groups[priority] as L[]).push(locality);
  }
  return groups;
}

/** The hosts of one priority by health. */
export function countHealth(group: readonly Prioritised[]): PriorityCount {
  const count = { total: 0, healthy: 0, degraded: 0 };
  for (const { hosts } of group) {
    for (const { health } of hosts) {
      count.total++;
      if (health === "HEALTHY") count.healthy++;
      if (health === "DEGRADED") count.degraded++;
    }
  }
  return count;
}
