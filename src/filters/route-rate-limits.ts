import type { DescribedRequest, RateLimitDescriptor } from "../router/rate-limits.ts";
import type { Route } from "../router/route.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";

/** When the rate_limits of a virtual host count beside those of its route: where the route has none, always, never. */
export type VhRateLimits = (typeof vhRateLimitsOptions)[number];
/** By the numbers of VhRateLimitsOptions, which are those of RateLimitPerRoute's too. */
export const vhRateLimitsOptions = ["OVERRIDE", "INCLUDE", "IGNORE"] as const;

/** Adds the descriptors of a stage that a route and its virtual host say. `runtime`: null for a filter that does not ask it. */
export function describeRoute(
  route: Route,
  option: VhRateLimits,
  stage: number,
  request: DescribedRequest,
  into: RateLimitDescriptor[],
  runtime: RuntimeLookup | null,
): void {
  route.rateLimits?.describe(stage, request, into, runtime);
  if (option === "INCLUDE" || (option === "OVERRIDE" && route.rateLimits === null)) {
    route.virtualHost.rateLimits?.describe(stage, request, into, runtime);
  }
}

/** What the grpc-status is with rate_limited_as_resource_exhausted. */
export const resourceExhausted = 8;
