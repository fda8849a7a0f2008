import { ServerExchanges } from "../http/h1/server-exchange.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { ServerTls } from "../net/tls/secure-context.ts";
import type { DownstreamTlsSpec } from "../net/tls/spec.ts";
import { linkSans } from "../upstream/link-sans.ts";
import { type FilterChainMatch, linkMatch, matchesAll } from "./filter-chain-match.ts";
import type { Hcm } from "./hcm.ts";
import { type HcmDeps, linkHcm } from "./link-hcm.ts";
import type { FilterChainSpec, ListenerSpec } from "./spec.ts";

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
  return {
    chains: spec.filterChains.map(link),
    byDefault: spec.defaultFilterChain === null ? null : link(spec.defaultFilterChain),
    needsInspection: all.length > 1 || all.some((chain) => chain.tls !== null || !matchesAll(chain.match)),
  };
}

/** The secrets of a context changed: new connections of the chains with it handshake by `update`. */
export function updateTls({ chains, byDefault }: LinkedChains, update: TlsContextSpec<unknown>): void {
  for (const chain of byDefault === null ? chains : [...chains, byDefault]) {
    if (chain.tlsId === update.id) chain.tls = linkTls(update.spec as DownstreamTlsSpec);
  }
}

function linkTls(spec: DownstreamTlsSpec | null): ServerTls | null {
  return spec === null ? null : new ServerTls(spec, linkSans(spec.validation));
}
