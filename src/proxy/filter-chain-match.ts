import { CidrRange, isLoopback } from "../net/cidr.ts";
import type { MatchFacts } from "../router/matching/match-facts.ts";

interface RangeSpec {
  address: string;
  prefixLength: number;
}

/** envoy.config.listener.v3.FilterChainMatch. Empty lists, 0 and "" match everything. */
export interface FilterChainMatchSpec {
  destinationPort: number;
  prefixRanges: RangeSpec[];
  /** Lower-case; "*.a" and "*" as they stand. */
  serverNames: string[];
  /** "raw_buffer", "tls" or "". */
  transportProtocol: string;
  applicationProtocols: string[];
  directSourcePrefixRanges: RangeSpec[];
  sourceType: "ANY" | "SAME_IP_OR_LOOPBACK" | "EXTERNAL";
  sourcePrefixRanges: RangeSpec[];
  sourcePorts: number[];
}

/** The same, linked. */
export interface FilterChainMatch
  extends Omit<FilterChainMatchSpec, "prefixRanges" | "directSourcePrefixRanges" | "sourcePrefixRanges"> {
  prefixRanges: CidrRange[];
  directSourcePrefixRanges: CidrRange[];
  sourcePrefixRanges: CidrRange[];
}

export function linkMatch(spec: FilterChainMatchSpec): FilterChainMatch {
  const link = (ranges: readonly RangeSpec[]) => ranges.map((range) => new CidrRange(range));
  return {
    ...spec,
    prefixRanges: link(spec.prefixRanges),
    directSourcePrefixRanges: link(spec.directSourcePrefixRanges),
    sourcePrefixRanges: link(spec.sourcePrefixRanges),
  };
}

/** Where no tls_inspector is configured, Envoy puts one in for such a match. */
export function asksForHello({ transportProtocol, serverNames, applicationProtocols }: FilterChainMatchSpec): boolean {
  if (transportProtocol !== "") return transportProtocol === "tls";
  return serverNames.length > 0 || applicationProtocols.length > 0;
}

/** Every connection passes. */
export function matchesAll(spec: FilterChainMatchSpec): boolean {
  return Object.values(spec).every((value) => value === 0 || value === "" || value === "ANY" || isEmptyList(value));
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/**
 * The chain for a connection by Envoy's rules: criterion after criterion, each keeps the chains with the most specific value
 * that matches, without going back. null for none.
 */
export function chooseFilterChain<C extends { match: FilterChainMatch }>(
  chains: readonly C[],
  facts: MatchFacts,
): C | null {
  let left = chains;
  for (const criterion of criteria) {
    let best = 0;
    let kept: C[] = [];
    for (const chain of left) {
      const score = criterion(chain.match, facts);
      if (score > best) {
        best = score;
        kept = [];
      }
      if (score > 0 && score === best) kept.push(chain);
    }
    left = kept;
  }
  return left[0] ?? null;
}

/** For each chain the criterion at which it was dropped: a field of FilterChainMatch, or "order" where another with the same values stands first; "" for the one that is chosen. */
export function filterChainFates(matches: readonly FilterChainMatch[], facts: MatchFacts): string[] {
  const all = matches.map((match) => ({ match }));
  const fates = all.map(() => "");
  let left = all;
  for (const [i, criterion] of criteria.entries()) {
    const best = Math.max(...left.map(({ match }) => criterion(match, facts)));
    left = left.filter((chain) => {
      const isKept = best > 0 && criterion(chain.match, facts) === best;
      if (!isKept) fates[all.indexOf(chain)] = criterionNames[i] as string;
      return isKept;
    });
  }
  for (const chain of left.slice(1)) fates[all.indexOf(chain)] = "order";
  return fates;
}

/** How specific a value is that matches: 1 matches everything, 0 does not match. */
type Criterion = (match: FilterChainMatch, facts: MatchFacts) => number;

const criteria: Criterion[] = [
  (match, facts) => (match.destinationPort === 0 ? 1 : match.destinationPort === facts.destinationPort ? 2 : 0),
  (match, facts) => longestPrefix(match.prefixRanges, facts.destinationAddress),
  (match, facts) => serverName(match.serverNames, facts.serverName),
  (match, facts) => (match.transportProtocol === "" ? 1 : match.transportProtocol === facts.transportProtocol ? 2 : 0),
  (match, facts) => {
    if (match.applicationProtocols.length === 0) return 1;
    // The client's order decides.
    const offered = facts.applicationProtocols;
    const first = offered.findIndex((protocol) => match.applicationProtocols.includes(protocol));
    return first < 0 ? 0 : 1 + offered.length - first;
  },
  (match, facts) => longestPrefix(match.directSourcePrefixRanges, facts.directSourceAddress),
  (match, facts) => {
    if (match.sourceType === "ANY") return 1;
    const isLocal = facts.sourceAddress === facts.destinationAddress || isLoopback(facts.sourceAddress);
    return isLocal === (match.sourceType === "SAME_IP_OR_LOOPBACK") ? 2 : 0;
  },
  (match, facts) => longestPrefix(match.sourcePrefixRanges, facts.sourceAddress),
  (match, facts) => {
    if (match.sourcePorts.length === 0) return 1;
    return match.sourcePorts.includes(facts.sourcePort) ? 2 : 0;
  },
];

/** The fields that the criteria look at. */
const criterionNames = [
  "destination_port",
  "prefix_ranges",
  "server_names",
  "transport_protocol",
  "application_protocols",
  "direct_source_prefix_ranges",
  "source_type",
  "source_prefix_ranges",
  "source_ports",
];

function longestPrefix(ranges: readonly CidrRange[], address: string): number {
  if (ranges.length === 0) return 1;
  let best = 0;
  for (const range of ranges) if (range.has(address)) best = Math.max(best, 2 + range.prefixLength);
  return best;
}

/** The exact name, then the longest wildcard; a list with "*" is as one without names. */
function serverName(names: readonly string[], name: string): number {
  if (names.length === 0) return 1;
  let best = 0;
  for (const wanted of names) {
    if (wanted === "*") best = Math.max(best, 1);
    else if (wanted.startsWith("*.")) {
      if (name.endsWith(wanted.slice(1))) best = Math.max(best, 1 + wanted.length);
    } else if (name === wanted) best = exactName;
  }
  return best;
}

const exactName = 1000;
