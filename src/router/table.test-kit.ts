import { RequestHead } from "../http/header-block.ts";
import { matchesEverything, noMutations, plainRoute } from "./empty-specs.ts";
import type { CompileValue } from "./header-mutation.ts";
import type { LinkDeps } from "./link.ts";
import { linkRouteTable as linkInSlices, type RouteTable } from "./route-table.ts";
import { finish } from "./slices.ts";
import type {
  ActionSpec,
  ClusterActionSpec,
  RouteConfigSpec,
  RouteMatchSpec,
  RouteSpec,
  VirtualHostSpec,
} from "./spec.ts";

/** Formats %X% to <X>, %EMPTY% to "". */
export const compileValue: CompileValue = (template) => ({
  format: () => template.replace(/%([^%]*)%/g, (_, name: string) => (name === "EMPTY" ? "" : `<${name}>`)),
});

export const deps: LinkDeps = { compileValue, runtime: { entry: () => null }, stats: null, linkFilters: null };

export function match(
  kind: RouteMatchSpec["path"]["kind"],
  value: string,
  more: Partial<RouteMatchSpec> = {},
): RouteMatchSpec {
  return { ...matchesEverything, path: { kind, value }, ...more };
}

export function toCluster(name: string, more: Partial<ClusterActionSpec> = {}): ClusterActionSpec {
  return {
    kind: "cluster",
    target: { kind: "cluster", name },
    clusterNotFoundStatus: 503,
    pathRewrite: null,
    hostRewrite: null,
    appendXForwardedHost: false,
    timeoutMs: 15_000,
    idleTimeoutMs: null,
    maxStreamDuration: null,
    retryPolicy: null,
    hedgeOnPerTryTimeout: null,
    hashPolicies: [],
    priority: "DEFAULT",
    mirrors: [],
    upgrades: [],
    subset: null,
    internalRedirect: null,
    rateLimits: [],
    includesVirtualHostRateLimits: false,
    ...more,
  };
}

export function route(
  name: string,
  matchSpec: RouteMatchSpec,
  action: ActionSpec = toCluster(name),
  more: Partial<RouteSpec> = {},
): RouteSpec {
  return {
    ...plainRoute,
    name,
    match: matchSpec,
    action,
    ...more,
  };
}

export function vhost(domains: string[], routes: RouteSpec[], more: Partial<VirtualHostSpec> = {}): VirtualHostSpec {
  return {
    name: domains.join(" "),
    domains,
    routes,
    requireTls: "NONE",
    headers: noMutations,
    perFilterConfig: {},
    retryPolicy: null,
    mirrors: [],
    includeRequestAttemptCount: false,
    includeAttemptCountInResponse: false,
    includeIsTimeoutRetryHeader: false,
    hedgeOnPerTryTimeout: null,
    bodyBufferLimitBytes: null,
    virtualClusters: [],
    matcher: null,
    places: [],
    rateLimits: [],
    metadata: null,
    ...more,
  };
}

export function config(virtualHosts: VirtualHostSpec[], more: Partial<RouteConfigSpec> = {}): RouteConfigSpec {
  return {
    name: "R",
    virtualHosts,
    internalOnlyHeaders: [],
    headers: noMutations,
    mostSpecificHeaderMutationsWins: false,
    validateClusters: null,
    ignorePortInHostMatching: false,
    ignorePathParameters: false,
    isOnDemand: false,
    vhostHeader: "",
    perFilterConfig: {},
    mirrors: [],
    metadata: null,
    compiled: null,
    ...more,
  };
}

export function request(path: string, headers: Record<string, string> = {}, authority = "h"): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.path = path;
  head.authority = authority;
  head.scheme = "http";
  for (const [name, value] of Object.entries(headers)) head.append(name, value);
  return head;
}

/** All of it at once. */
export function linkRouteTable(spec: RouteConfigSpec, linkDeps: LinkDeps): RouteTable {
  return finish(linkInSlices(spec, linkDeps));
}
