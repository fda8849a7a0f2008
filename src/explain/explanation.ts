import type { TriedRoute } from "./walk.ts";

/** Why a request goes where it goes. Plain data. */
export interface Explanation {
  request: { method: string; url: string; random: number };
  listener: { name: string; address: string; why: string };
  /** null: the connection is closed. */
  filterChain: { name: string; index: number; isDefault: boolean; tls: boolean; why: string } | null;
  /** The other filter chains and the criterion that dropped each. */
  otherChains: { name: string; criterion: string }[];
  /** What the connection manager did to the request before it looked for a route. */
  normalized: { what: string; before: string; after: string }[];
  /** Where the routes come from. */
  routes: { name: string; source: string } | null;
  virtualHost: VirtualHostFacts | null;
  tried: TriedRoute[];
  /** Tried routes that have less in common with the request than those told. */
  omitted: number;
  /** Routes behind the winner. */
  behind: number;
  /** Of those, some that would match too. */
  shadowed: TriedRoute[];
  winner: Winner | null;
  /** The answer of the proxy itself; null where an upstream gives it. */
  answer: Answer | null;
  filters: FilterFacts[];
  cluster: ClusterFacts | null;
  upstream: UpstreamRequest | null;
  /** What cannot be told here. */
  notes: string[];
}

/** The virtual host and the domain it was chosen by. */
interface VirtualHostFacts {
  name: string;
  index: number;
  host: string;
  domain: string;
  rule: string;
  routeCount: number;
}

/** The route that takes the request. */
export interface Winner {
  /** virtual_hosts[0].routes[3]; with a matcher the path to its action. */
  path: string;
  name: string;
  match: string;
  action: string;
  weights: Weight[];
  /** What the draw goes by: "random", "header x", "hash policy"; "" without weights. */
  drawnBy: string;
  timeouts: { name: string; ms: number; from: string }[];
  retries: { retryOn: string; numRetries: number; from: string } | null;
  hashPolicies: string[];
  mirrors: string[];
  priority: string;
  rewrites: { what: string; how: string; before: string; after: string }[];
  requestHeaders: HeaderChange[];
  responseHeaders: HeaderChange[];
}

/** One of the weighted clusters: it is drawn from `from` to below `to`, shares of one. */
export interface Weight {
  cluster: string;
  weight: number;
  from: number;
  to: number;
  isDrawn: boolean;
}

/** A change that the config asks for, in the order in which they are made. */
export interface HeaderChange {
  change: string;
  from: string;
}

/** What the proxy answers of itself. */
export interface Answer {
  status: number;
  location: string;
  body: string;
  why: string;
}

/** An HTTP filter for this request. */
export interface FilterFacts {
  name: string;
  type: string;
  isOn: boolean;
  /** Why it is on or off, and which level has a config of its own for it. */
  why: string;
}

/** Where the request goes, or would. */
export interface ClusterFacts {
  name: string;
  discovery: string;
  balancer: string;
  endpoints: { address: string; hostname: string; health: string; weight: number; priority: number }[];
  endpointCount: number;
  healthyCount: number;
}

/** The request as the upstream gets it. */
export interface UpstreamRequest {
  method: string;
  path: string;
  authority: string;
  scheme: string;
  headers: { name: string; value: string }[];
}
