import type { Route, RouteIdentity, VirtualHost } from "./route.ts";
import { createRoute, noRouteFilters } from "./route.ts";

/** What require_tls answers to a plain request: 301 to https on the same host and path, its port included. */
export function createTlsRedirect(virtualHost: VirtualHost): Route {
  const own: RouteIdentity = { name: "", metadata: null, path: { kind: "prefix", value: "/" } };
  return createRoute(own, {
    kind: "redirect",
    virtualHost,
    status: 301,
    body: Buffer.alloc(0),
    bodyContentType: "",
    replyDetails: "direct_response",
    bodyFormatter: null,
    clusterNotFoundStatus: 503,
    timeoutMs: 0,
    idleTimeoutMs: null,
    maxStreamDuration: null,
    retryPolicy: null,
    hedgeOnPerTryTimeout: false,
    bodyBufferLimitBytes: null,
    hashPolicy: null,
    priority: "DEFAULT",
    mirrors: [],
    upgrades: [],
    criteria: null,
    internalRedirect: null,
    autoHostRewrite: false,
    stats: null,
    decorator: null,
    filters: noRouteFilters,
    rateLimits: null,
    includesVirtualHostRateLimits: false,
    cluster: "",
    clusterHeader: "",
    perFilter: new Map(),
    requestMutations: [],
    responseMutations: [],
    pathRewrite: null,
    hostRewrite: null,
    entryHostRewrite: null,
    appendXForwardedHost: false,
    redirect: null,
  });
}
