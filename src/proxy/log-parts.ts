import type { FilterContext } from "../observability/access-log-filter.ts";
import type { ListenerFacts, NodeFacts } from "../observability/facts.ts";
import { HeaderMatcher, StringMatcher } from "../router/matchers.ts";
import type { RuntimeValues } from "./runtime-values.ts";
import type { ListenerSpec } from "./spec.ts";

/** What filters of access logs take from a worker. */
export function logFilterContext(runtime: RuntimeValues): FilterContext {
  return {
    headerMatcher: (matcher) => new HeaderMatcher(matcher),
    stringMatcher: (matcher) => new StringMatcher(matcher),
    runtimeNumber: (key, byDefault) => runtime.integer(key, byDefault),
    random: Math.random,
  };
}

/** What logs know of the listener that a connection came by. */
export function listenerFacts({ name, metadata, trafficDirection }: ListenerSpec, node: NodeFacts): ListenerFacts {
  return { name, metadata, direction: trafficDirections.indexOf(trafficDirection), node };
}

/** As core.v3.TrafficDirection numbers them. */
const trafficDirections: readonly ListenerSpec["trafficDirection"][] = ["UNSPECIFIED", "INBOUND", "OUTBOUND"];
