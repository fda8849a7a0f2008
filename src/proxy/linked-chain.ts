import { linkNetworkFilters } from "../filters/network/linkers.ts";
import type { NetworkFilters } from "../filters/network/network-filters.ts";
import { ServerExchanges } from "../http/h1/server-exchange.ts";
import { httpInspector, type Inspector, ProxyProtocolInspector, TlsInspector } from "../net/inspector.ts";
import type { InspectedSocket } from "../net/tls/accept.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { ServerTls } from "../net/tls/secure-context.ts";
import type { DownstreamTlsSpec } from "../net/tls/spec.ts";
import type { AccessLogSinks } from "../observability/access-log-sink.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { linkKeyLog } from "../observability/tls-key-log.ts";
import { type MatchFacts, UnchosenConnection } from "../router/matching/match-facts.ts";
import { linkMatcher, type MatchTree } from "../router/matching/match-tree.ts";
import type { Slices } from "../router/slices.ts";
import { linkSans } from "../upstream/link-sans.ts";
import { ipOf } from "./connection-addresses.ts";
import { ConnectionLog } from "./connection-log.ts";
import { asksForHello, chooseFilterChain, type FilterChainMatch, linkMatch, matchesAll } from "./filter-chain-match.ts";
import type { Hcm } from "./hcm.ts";
import { type HcmDeps, linkHcm } from "./link-hcm.ts";
import { ProxyProtocolCounters } from "./proxy-protocol-stats.ts";
import { allFilterChains, type FilterChainSpec, type ListenerFilterSpec, type ListenerSpec } from "./spec.ts";

/** A filter chain, live: what a connection that it is chosen for gets. */
export interface LinkedChain {
  spec: FilterChainSpec;
  match: FilterChainMatch;
  networkFilters: NetworkFilters;
  hcm: Hcm;
  relinkRoutes: () => Slices<void>;
  relinkFilters: () => void;
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
  /** Gives a place among the chains, -1 for a name that none has; null: the chains say themselves what they match. */
  matcher: MatchTree<number> | null;
  /** There is one chain, for every connection. */
  hasOne: boolean;
  /** There is a choice to make, or the first bytes say whose the connection is, or TLS begins with them. */
  needsChoice: boolean;
  /** Those who look, in order. */
  inspectors: Inspector[];
  log: ConnectionLog;
}

export function linkChains(spec: ListenerSpec, deps: HcmDeps): LinkedChains {
  const link = (chain: FilterChainSpec): LinkedChain => {
    const { hcm, http1, relinkRoutes, relinkFilters } = linkHcm(spec, chain, deps);
    return {
      spec: chain,
      match: linkMatch(chain.match),
      networkFilters: linkNetworkFilters(chain.networkFilters, deps),
      hcm,
      relinkRoutes,
      relinkFilters,
      exchanges: new ServerExchanges(http1),
      tlsId: chain.tls === null ? null : chain.tls.id,
      tls: linkTls(chain.tls?.spec ?? null, deps.logs),
    };
  };
  const all = allFilterChains(spec);
  const needsHello = spec.filterChains.some(({ match }) => asksForHello(match));
  const hasTlsInspector = spec.listenerFilters.some((filter) => filter.kind === "tls_inspector");
  const inspectors = spec.listenerFilters.map((filter) => linkInspector(filter, deps.slab));
  const matcher = spec.filterChainMatcher;
  // A matcher sees only what listener filters tell it.
  if (matcher === null && needsHello && !hasTlsInspector) inspectors.push(plainTlsInspector);
  const hasOne = matcher === null && all.length === 1 && all.every(({ match }) => matchesAll(match));
  return {
    inspectors,
    log: new ConnectionLog(spec, deps),
    hasOne,
    chains: spec.filterChains.map(link),
    byDefault: spec.defaultFilterChain === null ? null : link(spec.defaultFilterChain),
    matcher:
      matcher === null
        ? null
        : linkMatcher(matcher, deps.runtime, (name) => spec.filterChains.findIndex((chain) => chain.name === name)),
    // Without a choice to make nobody needs to know how the bytes begin.
    needsChoice:
      !hasOne ||
      all.some((chain) => chain.tls !== null) ||
      spec.listenerFilters.some((filter) => filter.kind === "proxy_protocol"),
  };
}

/** Where hasOne says that there is one for all. */
export function onlyChain({ chains, byDefault }: LinkedChains): LinkedChain {
  return (chains[0] ?? byDefault) as LinkedChain;
}

/** null: none is for the connection. */
export function chooseChain(linked: LinkedChains, socket: InspectedSocket): LinkedChain | null {
  const { chains, byDefault, matcher } = linked;
  if (linked.hasOne) return onlyChain(linked);
  const facts = matchFacts(socket);
  if (matcher === null) return chooseFilterChain(chains, facts) ?? byDefault;
  const found = matcher.match(new UnchosenConnection(facts));
  // A name that no chain has does not fall back, as in Envoy.
  return typeof found === "number" ? (chains[found] ?? null) : byDefault;
}

function matchFacts(socket: InspectedSocket): MatchFacts {
  const { hello, httpProtocol } = socket.inspection;
  const proxied = socket.inspection.proxied?.addresses ?? null;
  const source = ipOf(socket.remoteAddress, socket.remotePort);
  return {
    destinationAddress: proxied?.localAddress ?? ipOf(socket.localAddress, socket.localPort),
    destinationPort: proxied?.localPort ?? socket.localPort,
    serverName: hello?.serverName ?? "",
    transportProtocol: hello === null ? "raw_buffer" : "tls",
    applicationProtocols: hello?.alpn ?? (httpProtocol === "" ? [] : [httpProtocol]),
    directSourceAddress: source,
    sourceAddress: proxied?.remoteAddress ?? source,
    sourcePort: proxied?.remotePort ?? socket.remotePort,
  };
}

/** Finds the ClientHello that a handshake begins with. */
export const plainTlsInspector: Inspector = new TlsInspector({ ja3: false, ja4: false });

/**
 * The chains of a listener's next version, those that are as before kept as they are: their connections have nothing to drain for. Envoy:
 * FilterChainManagerImpl, which keeps chains of equal config.
 */
export function keepEqualChains(next: LinkedChains, before: LinkedChains): LinkedChains {
  const known = allChains(before).map((chain) => ({ chain, key: keyOf(chain.spec) }));
  const keep = (chain: LinkedChain): LinkedChain => {
    const key = keyOf(chain.spec);
    const same = known.find((one) => one.key === key)?.chain;
    if (same === undefined) return chain;
    // Secrets come under the context that was read last.
    same.tlsId = chain.tlsId;
    return same;
  };
  return { ...next, chains: next.chains.map(keep), byDefault: next.byDefault === null ? null : keep(next.byDefault) };
}

/** All but what is made anew each time a config is read. */
function keyOf({ tls, ...rest }: FilterChainSpec): string {
  return JSON.stringify([rest, tls === null ? null : { ...tls.spec, ticketKey: "" }]);
}

/** The default one too. */
export function allChains({ chains, byDefault }: LinkedChains): LinkedChain[] {
  return byDefault === null ? chains : [...chains, byDefault];
}

/** The secrets of a context changed: new connections of the chains with it handshake by `update`. */
export function updateTls(chains: LinkedChains, update: TlsContextSpec<unknown>, logs: AccessLogSinks): void {
  for (const chain of allChains(chains)) {
    if (chain.tlsId === update.id) chain.tls = linkTls(update.spec as DownstreamTlsSpec, logs);
  }
}

/** Routes came by RDS: the connection managers that ask for them take them; `usesRoutes` says whether scopes of a set do. */
export function* updateRoutes(
  chains: LinkedChains,
  name: string,
  usesRoutes: (setId: string) => boolean,
): Slices<void> {
  for (const { hcm, relinkRoutes } of allChains(chains)) {
    const setId = hcm.spec.scopedRoutes?.scopedRds?.setId;
    if (hcm.spec.rds?.routeConfigName === name || (setId !== undefined && usesRoutes(setId))) yield* relinkRoutes();
  }
}

/** Scopes came by SRDS. */
export function* updateScopes(chains: LinkedChains, setId: string): Slices<void> {
  for (const { hcm, relinkRoutes } of allChains(chains))
    if (hcm.spec.scopedRoutes?.scopedRds?.setId === setId) yield* relinkRoutes();
}

/** A filter's config came by ECDS: the connection managers with such a filter take it. */
export function updateFilterConfig(chains: LinkedChains, name: string): void {
  for (const { hcm, relinkFilters } of allChains(chains))
    if (hcm.spec.filters.some((filter) => filter.discovery !== null && filter.name === name)) relinkFilters();
}

function linkInspector(spec: ListenerFilterSpec, slab: StatsSlab): Inspector {
  switch (spec.kind) {
    case "tls_inspector":
      return new TlsInspector(spec);
    case "http_inspector":
      return httpInspector;
    case "proxy_protocol":
      return new ProxyProtocolInspector(spec, new ProxyProtocolCounters(slab, spec.statPrefix));
  }
}

function linkTls(spec: DownstreamTlsSpec | null, logs: AccessLogSinks): ServerTls | null {
  return spec === null ? null : new ServerTls(spec, linkSans(spec.validation), linkKeyLog(spec.keyLog, logs));
}
