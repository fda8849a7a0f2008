import type { HeaderMutationSpec } from "../filters/header_mutation/mutations.ts";
import type { HttpFilterSpec } from "../filters/http-filters.ts";
import type { NetworkFilterSpec } from "../filters/network/parsers.ts";
import { addressText, type SocketAddress } from "../net/address.ts";
import type { ProxyProtocolSpec } from "../net/inspector.ts";
import type { TcpKeepaliveSpec } from "../net/tcp-keepalive.ts";
import type { Fingerprints } from "../net/tls/client-hello.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { DownstreamTlsSpec } from "../net/tls/spec.ts";
import type { AccessLogFilterSpec, AccessLogSpec } from "../observability/access-log-spec.ts";
import type { BodyFormatSpec } from "../observability/body-format.ts";
import type { ConfigSourceSpec } from "../proto/config-source.ts";
import type { MatcherSpec } from "../router/matching/spec.ts";
import type { ScopeFragmentSpec } from "../router/scope-key.ts";
import type { HeaderAddSpec, MetadataSpec, RouteConfigSpec } from "../router/spec.ts";
import type { Http2Spec } from "../upstream/parse-http2.ts";
import type { ClientCertSpec } from "./client-cert.ts";
import type { FilterChainMatchSpec } from "./filter-chain-match.ts";
import type { OriginalIpSpec } from "./original-ip.ts";

/** A listener, ready to be linked in a worker. */
export interface ListenerSpec {
  name: string;
  /** `address` first, then additional_addresses. */
  addresses: readonly ListenAddress[];
  /** filter_metadata; null for none. */
  metadata: MetadataSpec | null;
  /** Stat prefix after "listener.": the address with ":" as "_", or stat_prefix. */
  statName: string;
  /** per_connection_buffer_limit_bytes; 1 MiB by default. */
  bufferLimitBytes: number;
  trafficDirection: "UNSPECIFIED" | "INBOUND" | "OUTBOUND";
  /** MODIFY_ONLY: POST /healthcheck/fail changes nothing. */
  drainType: "DEFAULT" | "MODIFY_ONLY";
  backlog: number;
  /** False: nothing connects to it. */
  bindsToPort: boolean;
  filterChains: FilterChainSpec[];
  /** A line for each connection. */
  accessLogs: AccessLogSpec[];
  /** filter_chain_matcher gives the name of the chain; null: the chains' own filter_chain_match chooses. */
  filterChainMatcher: MatcherSpec<string> | null;
  defaultFilterChain: FilterChainSpec | null;
  /** In order. tls_inspector is added at the end where filter_chain_match needs it. */
  listenerFilters: ListenerFilterSpec[];
  /** 0: none. */
  listenerFiltersTimeoutMs: number;
  /** After it a connection goes on as it is known by then, instead of being closed. */
  continuesOnListenerFiltersTimeout: boolean;
}

/** Where a listener takes connections. */
export interface ListenAddress {
  address: SocketAddress;
  /** An IPv6 address takes no connections by IPv4: without ipv4_compat. */
  ipv6Only: boolean;
  /** Of its connections; null for none. */
  tcpKeepalive: TcpKeepaliveSpec | null;
  /** File mode of a Unix socket; 0 leaves it. */
  mode: number;
}

/** All addresses as Envoy prints them. */
export function addressesText(addresses: readonly { address: SocketAddress }[]): string {
  return addresses.map(({ address }) => addressText(address)).join(",");
}

/** The default one too, as the last. */
export function allFilterChains({ filterChains, defaultFilterChain }: ListenerSpec): readonly FilterChainSpec[] {
  return defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain];
}

/** A listener filter. */
export type ListenerFilterSpec =
  | ({ kind: "tls_inspector" } & Fingerprints)
  | { kind: "http_inspector" }
  | ({ kind: "proxy_protocol" } & ProxyProtocolSpec);

/** One filter chain. */
export interface FilterChainSpec {
  name: string;
  match: FilterChainMatchSpec;
  /** null for plain text. */
  tls: TlsContextSpec<DownstreamTlsSpec> | null;
  /** In front of the connection manager. */
  networkFilters: NetworkFilterSpec[];
  hcm: HcmSpec;
}

/** envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager. Times in ms, 0 = off. */
export interface HcmSpec {
  statPrefix: string;
  /** Inline routes; null where they come by RDS or are chosen by scope. */
  routeConfig: RouteConfigSpec | null;
  rds: RdsSpec | null;
  scopedRoutes: ScopedRoutesSpec | null;
  filters: HttpFilterSpec[];
  /** Those that the filters name. */
  secrets: TlsContextSpec<string>[];
  accessLogs: AccessLogSpec[];
  idleTimeoutMs: number;
  maxConnectionDurationMs: number;
  maxStreamDurationMs: number;
  maxRequestsPerConnection: number;
  streamIdleTimeoutMs: number;
  /** Of what a finished HTTP/2 stream still has to send. */
  streamFlushTimeoutMs: number;
  requestTimeoutMs: number;
  requestHeadersTimeoutMs: number;
  drainTimeoutMs: number;
  delayedCloseTimeoutMs: number;
  maxRequestHeadersKb: number;
  maxHeadersCount: number;
  headersWithUnderscores: "ALLOW" | "REJECT_REQUEST" | "DROP_HEADER";
  clientCert: ClientCertSpec;
  codec: "AUTO" | "HTTP1" | "HTTP2";
  http1: Http1Spec;
  http2: Http2Spec;
  useRemoteAddress: boolean;
  xffNumTrustedHops: number;
  skipXffAppend: boolean;
  /** original_ip_detection_extensions; empty: x-forwarded-for and its hops count. */
  originalIp: OriginalIpSpec[];
  /** early_header_mutation_extensions. */
  earlyMutations: HeaderMutationSpec[];
  via: string;
  addUserAgent: boolean;
  serverName: string;
  serverHeaderTransformation: "OVERWRITE" | "APPEND_IF_ABSENT" | "PASS_THROUGH";
  proxy100Continue: boolean;
  generateRequestId: boolean;
  preserveExternalRequestId: boolean;
  alwaysSetRequestIdInResponse: boolean;
  /** request_id_extension UuidRequestIdConfig.pack_trace_reason. */
  packTraceReason: boolean;
  normalizePath: boolean;
  mergeSlashes: boolean;
  escapedSlashes: "KEEP_UNCHANGED" | "REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT" | "UNESCAPE_AND_FORWARD";
  stripPort: "NONE" | "MATCHING" | "ANY";
  stripTrailingHostDot: boolean;
  /** scheme_header_transformation.scheme_to_overwrite; "" for none. */
  schemeToOverwrite: string;
  appendXForwardedPort: boolean;
  /** UpgradeConfig: lower-case upgrade type to enabled. */
  upgrades: Record<string, boolean>;
  localReply: LocalReplySpec | null;
  /** internal_address_config CIDR ranges; empty: no address is internal. */
  internalCidrs: { address: string; prefixLength: number }[];
  unixSocketsInternal: boolean;
}

/** Routes that come by name. */
export interface RdsSpec {
  routeConfigName: string;
  source: ConfigSourceSpec;
}

/** Routes by scope: a key made of the request chooses among route configurations. Envoy: ScopedRoutes. */
export interface ScopedRoutesSpec {
  name: string;
  fragments: ScopeFragmentSpec[];
  /** scoped_route_configurations_list; null where scopes come by SRDS. */
  inline: ScopeSpec[] | null;
  scopedRds: ScopedRdsSpec | null;
}

/** Where scopes and their routes come from. */
export interface ScopedRdsSpec {
  /** What the scopes of this source are called between threads. */
  setId: string;
  source: ConfigSourceSpec;
  rdsSource: ConfigSourceSpec;
}

/** ScopedRouteConfiguration. */
export interface ScopeSpec {
  name: string;
  /** Its fragments as one text. */
  key: string;
  /** By RDS; "" with routes of its own. */
  routeConfigName: string;
  routeConfig: RouteConfigSpec | null;
}

/** All scopes of one source. */
export interface ScopeSetSpec {
  /** ScopedRdsSpec.setId */
  name: string;
  scopes: ScopeSpec[];
}

export interface Http1Spec {
  allowAbsoluteUrl: boolean;
  acceptHttp10: boolean;
  defaultHostForHttp10: string;
  enableTrailers: boolean;
  allowChunkedLength: boolean;
  allowCustomMethods: boolean;
  headerFormat: "default" | "proper_case" | "preserve_case";
}

/** LocalReplyConfig: the first mapper whose filter passes edits the reply. */
export interface LocalReplySpec {
  mappers: LocalReplyMapperSpec[];
  bodyFormat: BodyFormatSpec | null;
}

interface LocalReplyMapperSpec {
  /** An access-log filter; null passes. */
  filter: AccessLogFilterSpec | null;
  statusCode: number;
  body: string | null;
  bodyFormat: BodyFormatSpec | null;
  headersToAdd: HeaderAddSpec[];
}
