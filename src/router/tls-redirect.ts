import type { Route, VirtualHost } from "./route.ts";
import { createRoute, noRouteFilters } from "./route.ts";

/** What require_tls answers to a plain request: 301 to https on the same host and path, its port included. */
export function createTlsRedirect(virtualHost: VirtualHost): Route {
  return createRoute({
    kind: "redirect",
    name: "",
    virtualHost,
    metadata: null,
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
    hashPolicy: null,
    priority: "DEFAULT",
    mirrors: [],
    upgrades: [],
    subset: null,
    internalRedirect: null,
    autoHostRewrite: false,
    statPrefix: "",
    decorator: null,
    filters: noRouteFilters,
    cluster: "",
    clusterHeader: "",
    perFilter: new Map(),
    requestMutations: [],
    responseMutations: [],
    path: { kind: "prefix", value: "/" },
    pathRewrite: null,
    hostRewrite: null,
    entryHostRewrite: null,
    appendXForwardedHost: false,
    redirect: null,
  });
}
