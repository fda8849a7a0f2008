import { ServerExchanges } from "../http/h1/server-exchange.ts";
import { httpInspector, type Inspector, ProxyProtocolInspector, tlsInspector } from "../net/inspector.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { ServerTls } from "../net/tls/secure-context.ts";
import type { DownstreamTlsSpec } from "../net/tls/spec.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import { linkSans } from "../upstream/link-sans.ts";
import { type FilterChainMatch, linkMatch, matchesAll } from "./filter-chain-match.ts";
import type { Hcm } from "./hcm.ts";
import { type HcmDeps, linkHcm, linkRoutes } from "./link-hcm.ts";
import { ProxyProtocolCounters } from "./proxy-protocol-stats.ts";
import type { RuntimeValues } from "./runtime-values.ts";
import type { FilterChainSpec, ListenerFilterSpec, ListenerSpec } from "./spec.ts";

/** A filter chain, live: what a connection that it is chosen for gets. */
export interface LinkedChain {
  match: FilterChainMatch;
  hcm: Hcm;
  exchanges: ServerExchanges;
  /** Of its TLS context; null for plain text. */
  tlsId: number | null;
  /** null for plain text, and while the secrets of its context have not come. */
  tls: ServerTls | null;
}

/** The filter chains of a listener, live. */
export interface LinkedChains {
  chains: LinkedChain[];
  byDefault: LinkedChain | null;
  /** The first bytes decide, or TLS begins: a connection is looked at before it has a chain. */
  needsInspection: boolean;
  /** Those who look, in order. */
  inspectors: Inspector[];
}

export function linkChains(spec: ListenerSpec, deps: HcmDeps): LinkedChains {
  const link = (chain: FilterChainSpec): LinkedChain => {
    const { hcm, http1 } = linkHcm(spec, chain, deps);
    return {
      match: linkMatch(chain.match),
      hcm,
      exchanges: new ServerExchanges(http1),
      tlsId: chain.tls === null ? null : chain.tls.id,
      tls: linkTls(chain.tls?.spec ?? null),
    };
  };
  const all = [...spec.filterChains, ...(spec.defaultFilterChain === null ? [] : [spec.defaultFilterChain])];
  const needsHello = all.length > 1 || all.some((chain) => chain.tls !== null || !matchesAll(chain.match));
  const hasTlsInspector = spec.listenerFilters.some((filter) => filter.kind === "tls_inspector");
  const inspectors = spec.listenerFilters.map((filter) => linkInspector(filter, deps.slab));
  if (needsHello && !hasTlsInspector) inspectors.push(tlsInspector);
  // Without a choice to make nobody needs to know how the bytes begin.
  const needsInspection = needsHello || spec.listenerFilters.some((filter) => filter.kind === "proxy_protocol");
  return {
    inspectors,
    chains: spec.filterChains.map(link),
    byDefault: spec.defaultFilterChain === null ? null : link(spec.defaultFilterChain),
    needsInspection,
  };
}

/** The secrets of a context changed: new connections of the chains with it handshake by `update`. */
export function updateTls({ chains, byDefault }: LinkedChains, update: TlsContextSpec<unknown>): void {
  for (const chain of byDefault === null ? chains : [...chains, byDefault]) {
    if (chain.tlsId === update.id) chain.tls = linkTls(update.spec as DownstreamTlsSpec);
  }
}

/** Routes came by RDS: the connection managers that ask for them take them. */
export function updateRoutes({ chains, byDefault }: LinkedChains, spec: RouteConfigSpec, runtime: RuntimeValues): void {
  for (const { hcm } of byDefault === null ? chains : [...chains, byDefault]) {
    if (hcm.spec.rds?.routeConfigName === spec.name) hcm.replaceRoutes(linkRoutes(spec, runtime));
  }
}

function linkInspector(spec: ListenerFilterSpec, slab: StatsSlab): Inspector {
  switch (spec.kind) {
    case "tls_inspector":
      return tlsInspector;
    case "http_inspector":
      return httpInspector;
    case "proxy_protocol":
      return new ProxyProtocolInspector(spec, new ProxyProtocolCounters(slab, spec.statPrefix));
  }
}

function linkTls(spec: DownstreamTlsSpec | null): ServerTls | null {
  return spec === null ? null : new ServerTls(spec, linkSans(spec.validation));
}
