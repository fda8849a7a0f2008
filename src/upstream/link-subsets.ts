import { HostSet, type HostSetContext, type LiveLocality } from "./host-set.ts";
import { SubsetHosts } from "./lb/subset.ts";
import type { LbSpec, SubsetSpec } from "./spec.ts";

/** The subsets of a cluster, each a host set of its own. Localities have weights in them where the config says so. */
export function linkSubsets(
  lb: LbSpec,
  subset: SubsetSpec,
  live: readonly LiveLocality[],
  context: HostSetContext,
): SubsetHosts {
  const own = { ...lb, isLocalityWeighted: lb.isLocalityWeighted && subset.isLocalityWeightAware };
  const make = (localities: readonly LiveLocality[]): HostSet =>
    new HostSet(own, subset.scalesLocalityWeight ? scaled(localities, live) : localities, context);
  return new SubsetHosts(subset, live, make, context.stats);
}

/** The weight of each locality by the part of its hosts that the subset has. Envoy: HostSubsetImpl::determineLocalityWeights. */
function scaled(localities: readonly LiveLocality[], all: readonly LiveLocality[]): LiveLocality[] {
  return localities.map(({ spec, hosts }, i) => {
    const whole = all[i]?.hosts.length ?? 0;
    const weight = whole === 0 ? 0 : Math.round((spec.weight * hosts.length) / whole);
    return { spec: { ...spec, weight }, hosts };
  });
}
