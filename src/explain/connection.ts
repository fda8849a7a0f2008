import { isIP } from "node:net";
import { hostOf } from "../http/authority.ts";
import { addressText } from "../net/address.ts";
import { suggest } from "../proto/suggest.ts";
import { filterChainFates, linkMatch } from "../proxy/filter-chain-match.ts";
import { allFilterChains, type FilterChainSpec, type ListenerSpec } from "../proxy/spec.ts";
import { type MatchFacts, UnchosenConnection } from "../router/matching/match-facts.ts";
import { linkMatcher } from "../router/matching/match-tree.ts";
import type { MatcherSpec } from "../router/matching/spec.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";
import type { Explanation } from "./explanation.ts";
import type { AskedRequest } from "./request-line.ts";

/** How a listener is asked for. */
export interface ListenerWish {
  /** "" for no matter. */
  name: string;
  /** 0 for no matter. */
  port: number;
  /** The client's address. */
  source: string;
}

/** The listener of a request and why; a string says why there is none. */
export function chooseListener(
  listeners: readonly ListenerSpec[],
  request: AskedRequest,
  wish: ListenerWish,
): { listener: ListenerSpec; why: string } | string {
  const list = listeners.map(({ name, address }) => `"${name}" (${addressText(address)})`).join(", ");
  if (listeners.length === 0) return "there is no listener";
  if (wish.name !== "") {
    const listener = listeners.find(({ name }) => name === wish.name);
    if (listener !== undefined) return { listener, why: "asked for by name" };
    const near = suggest(
      wish.name,
      listeners.map(({ name }) => name),
    );
    return `there is no listener "${wish.name}".${near === null ? "" : ` Did you mean "${near}"?`} There are ${list}`;
  }
  if (wish.port !== 0) {
    const listener = listeners.find(({ address }) => address.port === wish.port);
    return listener === undefined
      ? `no listener has port ${wish.port}; there are ${list}`
      : { listener, why: "asked for by port" };
  }
  const port = request.port === 0 ? (request.scheme === "https" ? 443 : 80) : request.port;
  const byPort = listeners.find(({ address }) => address.path === null && address.port === port);
  if (byPort !== undefined) return { listener: byPort, why: `the URL's port is ${port}` };
  const [only] = listeners;
  if (listeners.length === 1 && only !== undefined) return { listener: only, why: "the only one" };
  const isTls = request.scheme === "https";
  const fitting = listeners.filter((one) => allFilterChains(one).some(({ tls }) => (tls !== null) === isTls));
  const [fit] = fitting;
  if (fitting.length === 1 && fit !== undefined) return { listener: fit, why: `the only one for ${request.scheme}` };
  return `several listeners could get it: say --listener NAME or --port N; there are ${list}`;
}

/** The filter chain of a connection. */
interface ChosenChain {
  /** null: the connection is closed. */
  spec: FilterChainSpec | null;
  /** -1 for the default one. */
  index: number;
  /** What dropped the others. */
  others: Explanation["otherChains"];
  /** What the matcher said; "" without one. */
  why: string;
}

/** The filter chain of the request's connection. */
export function chooseChain(
  listener: ListenerSpec,
  request: AskedRequest,
  source: string,
  runtime: RuntimeLookup,
): ChosenChain {
  const { filterChains, filterChainMatcher } = listener;
  const facts = factsOf(listener, request, source);
  if (filterChainMatcher !== null) return matchedChain(listener, filterChainMatcher, facts, runtime);
  const fates = filterChainFates(
    filterChains.map(({ match }) => linkMatch(match)),
    facts,
  );
  const index = fates.indexOf("");
  const others = fates.flatMap((criterion, i) =>
    criterion === "" ? [] : [{ name: chainName(filterChains[i]?.name, i), criterion }],
  );
  return { spec: filterChains[index] ?? listener.defaultFilterChain, index, others, why: "" };
}

/** As the listener does it. */
function matchedChain(
  { filterChains, defaultFilterChain }: ListenerSpec,
  matcher: MatcherSpec<string>,
  facts: MatchFacts,
  runtime: RuntimeLookup,
): ChosenChain {
  const found = linkMatcher(matcher, runtime, (name) => name).match(new UnchosenConnection(facts));
  const isNamed = typeof found === "string";
  const index = isNamed ? filterChains.findIndex(({ name }) => name === found) : -1;
  const others = filterChains.flatMap(({ name }, i) =>
    i === index ? [] : [{ name, criterion: "filter_chain_matcher" }],
  );
  const spec = isNamed ? (filterChains[index] ?? null) : defaultFilterChain;
  const what = isNamed ? `names "${found}"` : found === null ? "matches nothing" : "asks for what is not known yet";
  return { spec, index, others, why: `filter_chain_matcher ${what}` };
}

/** A chain without a name is called by its place. */
export function chainName(name: string | undefined, index: number): string {
  return name === undefined || name === "" ? `filter_chains[${index}]` : name;
}

function factsOf(listener: ListenerSpec, request: AskedRequest, source: string): MatchFacts {
  const { address, listenerFilters, filterChainMatcher } = listener;
  // filter_chain_match brings the inspector with it.
  const readsTls = filterChainMatcher === null || listenerFilters.some(({ kind }) => kind === "tls_inspector");
  const isTls = request.scheme === "https" && readsTls;
  const host = hostOf(request.authority).replace(/^\[|\]$/g, "");
  const readsHttp = listenerFilters.some(({ kind }) => kind === "http_inspector");
  return {
    destinationAddress: address.host === "0.0.0.0" || address.host === "" ? "127.0.0.1" : address.host,
    destinationPort: address.port,
    // RFC 6066 section 3: an address is no server name.
    serverName: isTls && isIP(host) === 0 ? host.toLowerCase() : "",
    transportProtocol: isTls ? "tls" : "raw_buffer",
    applicationProtocols: isTls ? ["h2", "http/1.1"] : readsHttp ? ["http/1.1"] : [],
    directSourceAddress: source,
    sourceAddress: source,
    sourcePort: 0,
  };
}
