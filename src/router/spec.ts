import type { ValueConditionSpec } from "../observability/access-log-spec.ts";
import type { CompiledTable } from "./compiled-table.ts";
import type { MatcherSpec } from "./matching/spec.ts";
import type { RateLimitSpec } from "./rate-limit-spec.ts";

/** envoy.config.route.v3.RouteConfiguration as plain data: it can be posted to a worker. Strings are as configured (not wire bytes). */
export interface RouteConfigSpec {
  name: string;
  virtualHosts: VirtualHostSpec[];
  /** Lower-case names removed from requests that come from outside. */
  internalOnlyHeaders: string[];
  headers: HeaderMutationsSpec;
  mostSpecificHeaderMutationsWins: boolean;
  /** null: not said; static configs are then checked, those of RDS are not. */
  validateClusters: boolean | null;
  ignorePortInHostMatching: boolean;
  ignorePathParameters: boolean;
  /** vhds: virtual hosts may come when a request needs them. */
  isOnDemand: boolean;
  /** Lower-case name of the field to read instead of the authority; "" for the authority. */
  vhostHeader: string;
  perFilterConfig: PerFilterConfigSpec;
  mirrors: MirrorSpec[];
  metadata: MetadataSpec | null;
  /** The routes, where they do not stand in the virtual hosts: see splitRoutes. */
  compiled: CompiledTable | null;
}

export interface VirtualHostSpec {
  name: string;
  domains: string[];
  /** With a matcher those of its actions, in the order they stand. */
  routes: RouteSpec[];
  /** What chooses among the routes instead of their order: an action is indices of `routes`, tried in turn; null for the order. */
  matcher: MatcherSpec<number[]> | null;
  /** Where each of a matcher's routes stands in the virtual host; empty without a matcher. */
  places: string[];
  requireTls: "NONE" | "EXTERNAL_ONLY" | "ALL";
  headers: HeaderMutationsSpec;
  perFilterConfig: PerFilterConfigSpec;
  retryPolicy: RetryPolicySpec | null;
  mirrors: MirrorSpec[];
  includeRequestAttemptCount: boolean;
  includeAttemptCountInResponse: boolean;
  includeIsTimeoutRetryHeader: boolean;
  /** hedge_on_per_try_timeout; null without a hedge_policy. */
  hedgeOnPerTryTimeout: boolean | null;
  /** Bytes of request bodies that may be kept for retries; null: not said. */
  bodyBufferLimitBytes: number | null;
  virtualClusters: { name: string; headers: HeaderMatcherSpec[] }[];
  rateLimits: RateLimitSpec[];
  metadata: MetadataSpec | null;
}

export interface RouteSpec {
  name: string;
  match: RouteMatchSpec;
  action: ActionSpec;
  headers: HeaderMutationsSpec;
  perFilterConfig: PerFilterConfigSpec;
  metadata: MetadataSpec | null;
  statPrefix: string;
  decorator: { operation: string; propagate: boolean } | null;
  /** null: the virtual host's. */
  bodyBufferLimitBytes: number | null;
}

/** Filter name to its filter_metadata. */
export type MetadataSpec = Record<string, Record<string, unknown>>;

/** Filter name (the `name` of the HTTP filter entry) to its override. */
export type PerFilterConfigSpec = Record<string, PerFilterSpec>;

/** One typed_per_filter_config entry: what the filter's parser made of it, opaque to the router. */
export interface PerFilterSpec {
  /** Full name of the message it came from; "" when the filter is only disabled. */
  type: string;
  config: unknown;
  /** False turns a filter on that is disabled of itself, as Envoy has it. */
  disabled: boolean;
}

/** Where the deprecated `cors` of a virtual host or route action stands in a PerFilterConfigSpec: no filter has this name. */
export const legacyCors = "\0cors";

export interface RouteMatchSpec {
  path: PathMatchSpec;
  caseSensitive: boolean;
  headers: HeaderMatcherSpec[];
  query: QueryMatcherSpec[];
  cookies: CookieMatcherSpec[];
  runtimeFraction: RuntimeFractionSpec | null;
  grpc: boolean;
  /** null without tls_context. */
  tls: TlsMatchSpec | null;
  metadata: MetadataMatcherSpec[];
  filterState: FilterStateMatcherSpec[];
}

/** Whether the client showed a certificate, and whether it was found good; null: no matter. */
export interface TlsMatchSpec {
  presented: boolean | null;
  validated: boolean | null;
}

/** type.matcher.v3.MetadataMatcher of dynamic metadata. */
export interface MetadataMatcherSpec {
  /** The filter, then the keys. */
  path: string[];
  value: ValueConditionSpec;
  invert: boolean;
}

/** type.matcher.v3.FilterStateMatcher; exactly one of string and ranges is set. */
export interface FilterStateMatcherSpec {
  key: string;
  string: StringMatcherSpec | null;
  ranges: { address: string; prefixLength: number }[] | null;
}

/** `value` is the prefix, the path, the regex or the URI template; "" for connect. */
export interface PathMatchSpec {
  kind: "prefix" | "path" | "pathSeparatedPrefix" | "regex" | "template" | "connect";
  value: string;
}

export interface RuntimeFractionSpec {
  numerator: number;
  denominator: number;
  runtimeKey: string;
}

export interface StringMatcherSpec {
  kind: "exact" | "prefix" | "suffix" | "contains" | "regex";
  value: string;
  /** Never for a regex. */
  ignoreCase: boolean;
}

export interface HeaderMatcherSpec {
  /** Lower-case. */
  name: string;
  /** null: presence or range decides. */
  string: StringMatcherSpec | null;
  /** start <= value < end. */
  range: { start: number; end: number } | null;
  /** Without a string and a range: whether the field must be there. */
  present: boolean;
  invert: boolean;
  missingAsEmpty: boolean;
}

export interface QueryMatcherSpec {
  name: string;
  string: StringMatcherSpec | null;
  present: boolean;
}

export interface CookieMatcherSpec {
  name: string;
  string: StringMatcherSpec;
  invert: boolean;
}

/** Additions and removals of one level. */
export interface HeaderMutationsSpec {
  requestAdd: HeaderAddSpec[];
  requestRemove: string[];
  responseAdd: HeaderAddSpec[];
  responseRemove: string[];
}

export interface HeaderAddSpec {
  /** Lower-case. */
  name: string;
  /** A format string with %OPERATORS%. */
  value: string;
  action: AppendAction;
  keepEmpty: boolean;
}

export type AppendAction =
  | "APPEND_IF_EXISTS_OR_ADD"
  | "ADD_IF_ABSENT"
  | "OVERWRITE_IF_EXISTS_OR_ADD"
  | "OVERWRITE_IF_EXISTS";

export type ActionSpec = ClusterActionSpec | RedirectSpec | DirectResponseSpec | { kind: "none" };

export interface ClusterActionSpec {
  kind: "cluster";
  target: ClusterTargetSpec;
  /** Status when the cluster is not known: 503, 404 or 500. */
  clusterNotFoundStatus: number;
  pathRewrite: PathRewriteSpec | null;
  hostRewrite: HostRewriteSpec | null;
  appendXForwardedHost: boolean;
  /** 15000 by default, 0 for none. */
  timeoutMs: number;
  /** null: the connection manager's; 0 for none. */
  idleTimeoutMs: number | null;
  maxStreamDuration: MaxStreamDurationSpec | null;
  retryPolicy: RetryPolicySpec | null;
  /** null: the virtual host's. */
  hedgeOnPerTryTimeout: boolean | null;
  hashPolicies: HashPolicySpec[];
  priority: "DEFAULT" | "HIGH";
  mirrors: MirrorSpec[];
  upgrades: UpgradeSpec[];
  /** The filter_metadata["envoy.lb"] of metadata_match; null without one. */
  subset: Record<string, unknown> | null;
  internalRedirect: InternalRedirectSpec | null;
  rateLimits: RateLimitSpec[];
  /** Deprecated, for the ratelimit filter: those of the virtual host count too. */
  includesVirtualHostRateLimits: boolean;
}

export type ClusterTargetSpec =
  | { kind: "cluster"; name: string }
  /** Lower-case name of the field that holds the cluster's name. */
  | { kind: "header"; name: string }
  | WeightedSpec;

export interface WeightedSpec {
  kind: "weighted";
  entries: WeightedEntrySpec[];
  /** runtime_key_prefix: "<prefix>.<cluster>" overrides a weight. "" for none. */
  runtimeKeyPrefix: string;
  /** Lower-case name of a field whose number replaces the random one; "" for none. */
  randomHeader: string;
  /** use_hash_policy: the hash of the route's policies replaces the random number. */
  usesHashPolicy: boolean;
}

export interface WeightedEntrySpec {
  /** "" with a clusterHeader. */
  name: string;
  clusterHeader: string;
  weight: number;
  headers: HeaderMutationsSpec;
  perFilterConfig: PerFilterConfigSpec;
  hostRewriteLiteral: string;
  subset: Record<string, unknown> | null;
}

export interface RegexRewriteSpec {
  regex: string;
  substitution: string;
}

/** How a path is changed; its query stays. */
export type PathRewriteSpec =
  | { kind: "prefix"; value: string }
  | { kind: "regex"; rewrite: RegexRewriteSpec }
  /** path_rewrite_policy: a path with variables of the route's template. */
  | { kind: "template"; value: string }
  /** path_rewrite: a format string with %OPERATORS%. */
  | { kind: "format"; value: string };

export type HostRewriteSpec =
  | { kind: "literal"; value: string }
  /** The host name of the chosen upstream, set by the router filter. */
  | { kind: "auto" }
  /** Lower-case field name. */
  | { kind: "header"; name: string }
  | { kind: "pathRegex"; rewrite: RegexRewriteSpec }
  /** host_rewrite: a format string with %OPERATORS%. */
  | { kind: "format"; value: string };

export interface MaxStreamDurationSpec {
  /** null: not said; 0 for none. */
  maxStreamDurationMs: number | null;
  grpcTimeoutHeaderMaxMs: number | null;
  grpcTimeoutHeaderOffsetMs: number | null;
}

export interface RetryPolicySpec {
  /** Bits of RetryOn. */
  retryOn: number;
  numRetries: number;
  /** 0 for none. */
  perTryTimeoutMs: number;
  perTryIdleTimeoutMs: number;
  retriableStatusCodes: number[];
  retriableHeaders: HeaderMatcherSpec[];
  /** A request is retried only if one of them matches it. */
  retriableRequestHeaders: HeaderMatcherSpec[];
  /** 0 where none is configured: the runtime's, or 25. */
  backoffBaseMs: number;
  backoffMaxMs: number;
  rateLimitedBackoff: RateLimitedBackoffSpec | null;
  hostPredicates: HostPredicateSpec[];
  /** How often another host is chosen for one that a predicate does not want. */
  hostSelectionMaxAttempts: number;
  /** previous_priorities: after how many attempts the priorities tried are left out; 0 without it. */
  priorityUpdateFrequency: number;
}

/** Waits as the response asks, by the first of the headers that has a time up to `maxMs`. */
export interface RateLimitedBackoffSpec {
  headers: { name: string; format: "SECONDS" | "UNIX_TIMESTAMP" }[];
  maxMs: number;
}

/** Which hosts a retry does not want. */
export type HostPredicateSpec =
  | { kind: "previousHosts" }
  | { kind: "omitCanaryHosts" }
  /** Hosts whose filter_metadata["envoy.lb"] has all of these. */
  | { kind: "omitHostMetadata"; labels: Record<string, unknown> };

export type HashPolicySpec = { terminal: boolean } & (
  | { kind: "header"; name: string; rewrite: RegexRewriteSpec | null }
  /** ttlMs null: no cookie is made. */
  | { kind: "cookie"; name: string; ttlMs: number | null; path: string; attributes: { name: string; value: string }[] }
  | { kind: "sourceIp" }
  | { kind: "query"; name: string }
  | { kind: "filterState"; key: string }
);

export interface MirrorSpec {
  /** "" with a clusterHeader. */
  cluster: string;
  clusterHeader: string;
  runtimeFraction: RuntimeFractionSpec | null;
  disableShadowHostSuffix: boolean;
  hostRewriteLiteral: string;
}

export interface UpgradeSpec {
  /** Lower-case: "websocket", "connect". */
  type: string;
  enabled: boolean;
  /** connect_config is set: CONNECT is terminated here. */
  terminateConnect: boolean;
  allowPost: boolean;
}

export interface InternalRedirectSpec {
  maxInternalRedirects: number;
  codes: number[];
  allowCrossScheme: boolean;
  /** Lower-case names of response fields that the next request gets. */
  headersToCopy: string[];
  predicates: RedirectPredicateSpec[];
}

/** Which routes a redirect may lead to. */
export type RedirectPredicateSpec =
  | { kind: "previousRoutes" }
  | { kind: "allowListedRoutes"; names: string[] }
  | { kind: "safeCrossScheme" };

export interface RedirectSpec {
  kind: "redirect";
  /** 301, 302, 303, 307 or 308. */
  status: number;
  /** "" to keep the request's. */
  scheme: string;
  host: string;
  /** 0 to keep. */
  port: number;
  /** "" to keep. */
  path: string;
  pathRewrite: PathRewriteSpec | null;
  stripQuery: boolean;
}

export interface DirectResponseSpec {
  kind: "direct";
  status: number;
  body: Uint8Array;
  /** body_format's text, with the body as %LOCAL_REPLY_BODY%; null without one. */
  bodyFormat: { text: string; contentType: string } | null;
  /** RESPONSE_CODE_DETAILS: Envoy's, or that it stands for a route that is refused. */
  details: string;
}

/** The field path of a route in its virtual host. */
export function routePlace({ places }: VirtualHostSpec, index: number): string {
  return places[index] ?? `routes[${index}]`;
}
