import { mergeLocalities } from "../local-zone.ts";
import type { HostHealth } from "../spec.ts";

/** What weighing reads of a host: HostSpec and Host have it. */
export interface Weighable {
  readonly weight: number;
  readonly health: HostHealth;
}

/** What weighing reads of a locality of one priority. */
export interface WeighableLocality<H extends Weighable> {
  readonly spec: { readonly region: string; readonly zone: string; readonly subZone: string; readonly weight: number };
  readonly hosts: readonly H[];
}

/** The hosts of a priority that take part, each with its share; the shares sum to 1. */
export interface HostShares<H> {
  hosts: H[];
  shares: number[];
  /** 1 without hosts. */
  least: number;
  /** 0 without hosts. */
  most: number;
}

/**
 * Shares by host weight, in the order of the hosts; where localities are weighted by those first. In panic health does not matter. Degraded hosts take
 * no part. Envoy: normalizeWeights of ThreadAwareLoadBalancerBase, which leaves localities their weight whatever their health.
 */
export function hostShares<H extends Weighable>(
  group: readonly WeighableLocality<H>[],
  isPanic: boolean,
  isLocalityWeighted: boolean,
  localKey: string,
): HostShares<H> {
  const result: HostShares<H> = { hosts: [], shares: [], least: 1, most: 0 };
  const usable = (hosts: readonly H[]): H[] => hosts.filter((host) => isPanic || host.health === "HEALTHY");
  if (!isLocalityWeighted || group.length === 0) {
    addShares(
      result,
      group.flatMap(({ hosts }) => usable(hosts)),
      1,
    );
    return result;
  }
  const localities = mergeLocalities(group, localKey);
  const total = localities.reduce((sum, { weight }) => sum + weight, 0);
  for (const { hosts, weight } of localities) {
    if (weight > 0) addShares(result, usable(hosts), weight / total);
  }
  return result;
}

function addShares<H extends Weighable>(into: HostShares<H>, hosts: readonly H[], share: number): void {
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0);
  for (const host of hosts) {
    const own = (host.weight * share) / total;
    into.hosts.push(host);
    into.shares.push(own);
    into.least = Math.min(into.least, own);
    into.most = Math.max(into.most, own);
  }
}
