import type { StatsSlab } from "../../observability/stats.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import type { NetworkFilter } from "./api.ts";
import { ConnectionLimitFilter } from "./connection_limit/filter.ts";
import { LocalRateLimitNetworkFilter } from "./local_ratelimit/filter.ts";
import { NetworkFilters } from "./network-filters.ts";
import type { NetworkFilterSpec } from "./parsers.ts";
import { NetworkRbacFilter } from "./rbac/filter.ts";

/** What network filters take from the worker. */
export interface NetworkFilterDeps {
  slab: StatsSlab;
  runtime: RuntimeLookup;
  /** The worker's index. */
  worker: number;
}

/** Specs to the live filters in front of a connection manager. Cannot fail on what parse gave. */
export function linkNetworkFilters(specs: readonly NetworkFilterSpec[], deps: NetworkFilterDeps): NetworkFilters {
  return new NetworkFilters(specs.map((spec) => linkOne(spec, deps)));
}

function linkOne(spec: NetworkFilterSpec, deps: NetworkFilterDeps): NetworkFilter {
  switch (spec.kind) {
    case "connection_limit":
      return new ConnectionLimitFilter(spec, deps);
    case "local_ratelimit":
      return new LocalRateLimitNetworkFilter(spec, deps);
    case "rbac":
      return new NetworkRbacFilter(spec, deps);
  }
}
