import { isIP } from "node:net";
import { hostOf } from "../http/authority.ts";
import type { SocketAddress } from "../net/address.ts";
import { suggest } from "../proto/suggest.ts";
import { filterChainFates, linkMatch } from "../proxy/filter-chain-match.ts";
import { addressesText, allFilterChains, type FilterChainSpec, type ListenerSpec } from "../proxy/spec.ts";
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

/** A listener, and which of its addresses the connection came to. */
export interface ChosenListener {
  listener: ListenerSpec;
  address: SocketAddress;
  why: string;
}

/** The listener of a request and why; a string says why there is none. */
export function chooseListener(
  listeners: readonly ListenerSpec[],
  request: AskedRequest,
  wish: ListenerWish,
): ChosenListener | string {
  const list = listeners.map(({ name, addresses }) => `"${name}" (${addressesText(addresses)})`).join(", ");
  if (listeners.length === 0) return "there is no listener";
  const urlPort = request.port === 0 ? (request.scheme === "https" ? 443 : 80) : request.port;
  if (wish.name !== "") {
    const listener = listeners.find(({ name }) => name === wish.name);
    if (listener !== undefined)
      return { listener, address: addressFor(listener, wish.port || urlPort), why: "asked for by name" };
    const near = suggest(
      wish.name,
      listeners.map(({ name }) => name),
    );
    return `there is no listener "${wish.name}".${near === null ? "" : ` Did you mean "${near}"?`} There are ${list}`;
  }
  if (wish.port !== 0) {
    const found = byPort(listeners, wish.port);
    return found === null
      ? `no listener has port ${wish.port}; there are ${list}`
      : { ...found, why: "asked for by port" };
  }
  const found = byPort(listeners, urlPort);
  if (found !== null) return { ...found, why: `the URL's port is ${urlPort}` };
  const [only] = listeners;
  if (listeners.length === 1 && only !== undefined)
    return { listener: only, address: addressFor(only, 0), why: "the only one" };
  const isTls = request.scheme === "https";
  const fitting = listeners.filter((one) => allFilterChains(one).some(({ tls }) => (tls !== null) === isTls));
  const [fit] = fitting;
  if (fitting.length === 1 && fit !== undefined)
    return { listener: fit, address: addressFor(fit, 0), why: `the only one for ${request.scheme}` };
  return `several listeners could get it: say --listener NAME or --port N; there are ${list}`;
}

function byPort(listeners: readonly ListenerSpec[], port: number): Omit<ChosenListener, "why"> | null {
  for (const listener of listeners) {
    const address = addressFor(listener, port);
    if (address.path === null && address.port === port) return { listener, address };
  }
  return null;
}

/** The first with that port, else the first. */
function addressFor({ addresses }: ListenerSpec, port: number): SocketAddress {
  const found = addresses.find(({ address }) => address.path === null && address.port === port);
  return (found ?? addresses[0]).address;
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
  address: SocketAddress,
  request: AskedRequest,
  source: string,
  runtime: RuntimeLookup,
): ChosenChain {
  const { filterChains, filterChainMatcher } = listener;
  const facts = factsOf(listener, address, request, source);
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

function factsOf(
  { listenerFilters, filterChainMatcher }: ListenerSpec,
  address: SocketAddress,
  request: AskedRequest,
  source: string,
): MatchFacts {
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
