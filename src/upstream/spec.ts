import type { Http1Options } from "../http/h1/options.ts";
import type { SocketAddress } from "../net/address.ts";
import type { ProxyHeaderSpec } from "../net/proxy-header.ts";
import type { ProxyTlv } from "../net/proxy-protocol.ts";
import type { TcpKeepaliveSpec } from "../net/tcp-keepalive.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { UpstreamTlsSpec } from "../net/tls/spec.ts";
import type { ConfigSourceSpec } from "../proto/config-source.ts";
import type { HashPolicySpec, MetadataSpec, RetryPolicySpec } from "../router/spec.ts";
import type { CredentialSpec } from "./credential.ts";
import type { Http2Spec } from "./parse-http2.ts";

/** A cluster, validated: plain data that a worker links. Times in milliseconds; null means off. */
export interface ClusterSpec extends UpstreamSocketSpec {
  name: string;
  /** What stats and logs call it: alt_stat_name, or the name. */
  observabilityName: string;
  /** filter_metadata; null for none. */
  metadata: MetadataSpec | null;
  discovery: "STATIC" | "STRICT_DNS" | "LOGICAL_DNS" | "EDS";
  /** null unless EDS. */
  eds: EdsSpec | null;
  connectTimeoutMs: number;
  lb: LbSpec;
  /** The endpoints known now. A DNS cluster starts with none and gets them by updates. */
  localities: LocalitySpec[];
  /** Percent: a locality or priority counts as whole while healthy * this / 100 covers it. Envoy: overprovisioning_factor. */
  overprovisioningPct: number;
  /** null unless a DNS cluster. */
  dns: DnsSpec | null;
  breakers: BreakersSpec;
  /** "DOWNSTREAM": that of the request; "AUTO": by ALPN. */
  protocol: "HTTP1" | "HTTP2" | "DOWNSTREAM" | "AUTO";
  http1: Http1Options;
  http2: Http2Spec;
  /** An idle connection is closed after it. */
  idleTimeoutMs: number | null;
  maxConnectionDurationMs: number | null;
  maxStreamDurationMs: number | null;
  /** 0: no limit. */
  maxRequestsPerConnection: number;
  /** Bytes that may wait for the kernel before a writer answers false. */
  bufferLimitBytes: number;
  /** null: off. */
  tcpKeepalive: TcpKeepaliveSpec | null;
  /** The source address of connections; "" lets the system choose. */
  sourceAddress: string;
  /** transport_socket_matches: of the hosts whose `socket` is their index. */
  socketMatches: SocketMatchSpec[];
  /** null: SNI is the context's. */
  autoSni: AutoSniSpec | null;
  /** Of the credential injector among its filters; null without one. */
  credential: CredentialSpec | null;
  /** In place of what routes say; null without one. */
  retryPolicy: RetryPolicySpec | null;
}

/** A transport socket. */
export interface UpstreamSocketSpec {
  /** null for plain text. */
  tls: TlsContextSpec<UpstreamTlsSpec> | null;
  /** What a connection begins with; null for nothing. */
  proxyHeader: ProxyHeaderSpec | null;
}

/** A transport socket of some hosts. Envoy: Cluster.TransportSocketMatch. */
export interface SocketMatchSpec extends UpstreamSocketSpec {
  name: string;
}

/** SNI by the request. Envoy: UpstreamHttpProtocolOptions. */
export interface AutoSniSpec {
  /** auto_sni; false with auto_san_validation alone. */
  setsServerName: boolean;
  /** auto_san_validation. */
  checksSan: boolean;
  /** The header that holds the name, lower-case; "" for :authority. */
  header: string;
}

/** Where the endpoints of an EDS cluster come from. */
export interface EdsSpec {
  /** The name they are asked for by. */
  serviceName: string;
  source: ConfigSourceSpec;
}

/** How a host is chosen. */
export interface LbSpec {
  policy: "ROUND_ROBIN" | "LEAST_REQUEST" | "RANDOM";
  /** RING_HASH or MAGLEV in the place of `policy`; null without. */
  hash: HashLbSpec | null;
  /** Hosts divided by metadata, each part with the policy here; null without. */
  subset: SubsetSpec | null;
  /** Requests that name their host; the others go by what is here besides. null without. */
  overrideHost: OverrideHostSpec | null;
  /** LEAST_REQUEST: hosts compared with each other. */
  choiceCount: number;
  /** LEAST_REQUEST with weights: the power of the number of active requests. */
  activeRequestBias: number;
  /** LEAST_REQUEST: compare all hosts. */
  isFullScan: boolean;
  /** ROUND_ROBIN and LEAST_REQUEST: null without. */
  slowStart: SlowStartSpec | null;
  /** Localities share the traffic by their weights. */
  isLocalityWeighted: boolean;
  /** Where localities are not weighted: how near hosts are preferred, if the local cluster is known. */
  zoneAware: ZoneAwareSpec;
  /** Percent of hosts that must be healthy; below it all are used. 0: never panic. */
  panicThresholdPct: number;
  /** Bit 1 << core.v3.HealthStatus: the hosts that a filter may have a request go to. Envoy: override_host_status. */
  overrideStatuses: number;
}

/** Envoy: extensions.load_balancing_policies.override_host.v3.OverrideHost. */
export interface OverrideHostSpec {
  /** Lower-case name of a field, or "" and a path in the dynamic metadata. */
  sources: { header: string; path: string[] }[];
  /** Where in the dynamic metadata the chosen host is told; null for nowhere. */
  selectedHostKey: string[] | null;
}

/** What is done where no subset is found. */
export type SubsetFallback = "NOT_DEFINED" | "NO_FALLBACK" | "ANY_ENDPOINT" | "DEFAULT_SUBSET" | "KEYS_SUBSET";

/** Envoy: LbSubsetConfig, extensions.load_balancing_policies.subset.v3.Subset. */
export interface SubsetSpec {
  fallback: "NO_FALLBACK" | "ANY_ENDPOINT" | "DEFAULT_SUBSET";
  defaultSubset: Record<string, unknown>;
  selectors: SubsetSelectorSpec[];
  allowRedundantKeys: boolean;
  isLocalityWeightAware: boolean;
  scalesLocalityWeight: boolean;
  panicModeAny: boolean;
  /** A list in a host's metadata counts as any of its values. */
  listAsAny: boolean;
  /** metadata_fallback_policy FALLBACK_LIST. */
  usesFallbackList: boolean;
}

/** One subset for each value of these keys that there is. */
export interface SubsetSelectorSpec {
  /** In order of bytes. */
  keys: string[];
  isSingle: boolean;
  fallback: SubsetFallback;
  /** KEYS_SUBSET: the keys that are tried next. */
  fallbackKeys: string[];
}

/** How new hosts come to their weight. Envoy: SlowStartConfig. */
export interface SlowStartSpec {
  windowMs: number;
  /** > 0. Above 1 it goes faster at first, below 1 slower. */
  aggression: number;
  /** 0 to 1: no host has less of its weight. */
  leastFactor: number;
}

/** Envoy: LocalityLbConfig.ZoneAwareLbConfig. */
export interface ZoneAwareSpec {
  /** Percent of requests. */
  routingEnabledPct: number;
  /** Fewer healthy hosts in the cluster: localities make no difference. */
  minClusterSize: number;
  /** A priority in panic, or a local cluster in panic, answers nothing. */
  failsOnPanic: boolean;
  /** force_local_zone.min_size: as many healthy hosts here take all traffic; null: they take their share. */
  forceLocalMinSize: number | null;
  /** locality_basis HEALTHY_HOSTS_WEIGHT: shares by weight, not by number of hosts. */
  isByWeight: boolean;
}

/** How a consistent hash is made. Envoy: RingHash, Maglev and ConsistentHashingLbConfig. */
export interface HashLbSpec {
  kind: "RING_HASH" | "MAGLEV";
  /** RING_HASH: how many places there are. */
  minRingSize: number;
  maxRingSize: number;
  /** RING_HASH: MurmurHash2 instead of xxHash. */
  isMurmur: boolean;
  /** MAGLEV: a prime. */
  tableSize: number;
  /** Hosts are hashed by their name, not by their address. */
  usesHostname: boolean;
  /** Percent of its part of the requests in flight that a host takes; 0: all. */
  balanceFactorPct: number;
  /** They replace those of the route; empty: the route's. */
  policies: HashPolicySpec[];
}

/** Endpoints of one locality and priority. */
export interface LocalitySpec {
  region: string;
  zone: string;
  subZone: string;
  priority: number;
  /** load_balancing_weight; 0 when not set: no traffic where localities are weighted. */
  weight: number;
  hosts: HostSpec[];
}

/** One endpoint. */
export interface HostSpec {
  /** In a DNS cluster's template the host is a name. */
  address: SocketAddress;
  hostname: string;
  weight: number;
  health: HostHealth;
  /** What health is made of: a core.v3.HealthStatus. */
  healthStatus: number;
  /** filter_metadata; null for none. */
  metadata: MetadataSpec | null;
  /** Index into the cluster's socketMatches; -1 for its own transport socket. */
  socket: number;
  /** For a PROXY header. Envoy: core.v3.PerHostConfig. */
  tlvs: ProxyTlv[];
  /** Its numbers, shared by all workers: see HostStats. The same buffer as long as the address stays. */
  shared: SharedArrayBuffer;
}

export type HostHealth = "HEALTHY" | "DEGRADED" | "UNHEALTHY";

/** Where a DNS cluster's endpoints come from. */
export interface DnsSpec {
  refreshMs: number;
  /** Wait after a failure: from base to max, random in between as Envoy's jittered back-off. */
  failureBaseMs: number;
  failureMaxMs: number;
  /** Added to each refresh, at random up to this. */
  jitterMs: number;
  respectTtl: boolean;
  /** The least time between two refreshes when the TTL asks for less. */
  minRefreshMs: number;
  family: "AUTO" | "V4_ONLY" | "V6_ONLY" | "V4_PREFERRED" | "ALL";
  /** The configured localities with names for addresses. */
  template: LocalitySpec[];
}

/** The limits of one routing priority. */
export interface ThresholdsSpec {
  maxConnections: number;
  maxPendingRequests: number;
  maxRequests: number;
  maxRetries: number;
  maxConnectionPools: number;
  /** In place of maxRetries where it is set. */
  retryBudget: RetryBudgetSpec | null;
  /** Show remaining_* gauges. */
  trackRemaining: boolean;
}

/** Retries by the requests there are. Envoy: CircuitBreakers.Thresholds.RetryBudget. */
export interface RetryBudgetSpec {
  /** Of the active and pending requests. */
  budgetPct: number;
  /** So many are always allowed. */
  minConcurrency: number;
}

/** Circuit breakers with the counters that all workers share. */
export interface BreakersSpec {
  /** By RoutingPriority: default, high. */
  thresholds: [ThresholdsSpec, ThresholdsSpec];
  counters: SharedArrayBuffer;
}

/** New endpoints of a cluster, posted to the workers. */
export interface HostUpdate {
  cluster: string;
  localities: LocalitySpec[];
}
