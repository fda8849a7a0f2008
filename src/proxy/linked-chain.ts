import { ServerExchanges } from "../http/h1/server-exchange.ts";
import { ServerTls } from "../net/tls/secure-context.ts";
import type { SanMatcher } from "../net/tls/verify-peer.ts";
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
  /** null for plain text. */
  tls: ServerTls | null;
  /** Of the client's certificate. */
  sans: SanMatcher[];
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
      tls: chain.tls === null ? null : new ServerTls(chain.tls),
      sans: linkSans(chain.tls?.validation ?? null),
    };
  };
  const all = [...spec.filterChains, ...(spec.defaultFilterChain === null ? [] : [spec.defaultFilterChain])];
  return {
    chains: spec.filterChains.map(link),
    byDefault: spec.defaultFilterChain === null ? null : link(spec.defaultFilterChain),
    needsInspection: all.length > 1 || all.some((chain) => chain.tls !== null || !matchesAll(chain.match)),
  };
}
