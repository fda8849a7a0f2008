import { parseTcpKeepalive, type TcpKeepaliveSpec } from "../net/tcp-keepalive.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMsOr } from "../proto/duration.ts";
import type {
  CircuitBreakers,
  CircuitBreakers_Thresholds,
} from "../proto/generated/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import {
  CircuitBreakers_ThresholdsSchema,
  CircuitBreakersSchema,
} from "../proto/generated/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import {
  type Cluster,
  ClusterSchema,
  UpstreamConnectionOptionsSchema,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { BindConfigSchema } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { MetadataSpec } from "../router/spec.ts";
import { allocateBreakerCounters } from "./circuit-breaker.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import { parseDiscovery } from "./parse-discovery.ts";
import { parseLocalities, parseOverprovisioning } from "./parse-endpoints.ts";
import { parseHttp } from "./parse-http.ts";
import { parseLb } from "./parse-lb.ts";
import { parseSocketMatches, socketChoice } from "./parse-socket-matches.ts";
import { parseTransportSocket } from "./parse-transport-socket.ts";
import type { BreakersSpec, ClusterSpec, ThresholdsSpec } from "./spec.ts";

/** What of the process a cluster's spec depends on. */
export interface ClusterParseOptions {
  /** Workers that will share its counters. */
  workers: number;
  /** Runtime key nuncio.http1_envoy_leniency. */
  leniency: boolean;
  contexts: TlsContexts;
}

/** envoy.config.cluster.v3.Cluster to its Spec; null when a fault was found. */
export function parseCluster(message: Cluster, problems: Problems, options: ClusterParseOptions): ClusterSpec | null {
  const before = problems.errorCount;
  checkCoverage(ClusterSchema, message, problems, { honoured, harmless });
  const discovery = parseDiscovery(message, problems);
  const owner = clusterStatPrefix(message.altStatName || message.name);
  const localities = parseLocalities(message.loadAssignment, discovery, problems.at("load_assignment"), {
    workers: options.workers,
    socketOf: socketChoice(message.transportSocketMatches),
  });
  const isDns = discovery?.dns != null;
  const spec: ClusterSpec = {
    name: message.name,
    observabilityName: message.altStatName || message.name,
    metadata: (message.metadata?.filterMetadata as MetadataSpec | undefined) ?? null,
    discovery: discovery?.kind ?? "STATIC",
    connectTimeoutMs: durationMsOr(message.connectTimeout, 5000),
    lb: parseLb(message, problems),
    localities: isDns ? [] : localities,
    overprovisioningPct: parseOverprovisioning(message.loadAssignment),
    eds: discovery?.eds ?? null,
    dns: discovery?.dns == null ? null : { ...discovery.dns, template: localities },
    breakers: parseBreakers(message.circuitBreakers, problems.at("circuit_breakers"), options.workers),
    bufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1024 * 1024,
    tcpKeepalive: parseKeepalive(message, problems),
    sourceAddress: parseBind(message, problems),
    ...parseTransportSocket(message.transportSocket, problems.at("transport_socket"), options.contexts, owner),
    socketMatches: parseSocketMatches(message.transportSocketMatches, problems, options.contexts, owner),
    ...parseHttp(message, problems, options),
  };
  if (spec.protocol === "AUTO" && [spec.tls, ...spec.socketMatches.map(({ tls }) => tls)].includes(null)) {
    problems.error("transport_socket", "must be TLS: auto_config chooses the protocol by ALPN", {
      envoyText: `ALPN configured for cluster ${spec.name} which has a non-ALPN transport socket`,
    });
  }
  return problems.errorCount > before ? null : spec;
}

function parseKeepalive(message: Cluster, problems: Problems): TcpKeepaliveSpec | null {
  const options = message.upstreamConnectionOptions;
  if (options === undefined) return null;
  checkCoverage(UpstreamConnectionOptionsSchema, options, problems.at("upstream_connection_options"), {
    honoured: ["tcp_keepalive"],
    harmless: ["set_local_interface_name_on_upstream_connections", "happy_eyeballs_config"],
  });
  return parseTcpKeepalive(options.tcpKeepalive);
}

function parseBind(message: Cluster, problems: Problems): string {
  const bind = message.upstreamBindConfig;
  if (bind === undefined) return "";
  const scope = problems.at("upstream_bind_config");
  checkCoverage(BindConfigSchema, bind, scope, { honoured: ["source_address"], harmless: ["freebind"] });
  const source = bind.sourceAddress;
  if (source?.portSpecifier.case === "portValue" && source.portSpecifier.value !== 0) {
    scope.error("source_address.port_value", "a fixed source port is not implemented in Nuncio yet; use 0");
  }
  const address = source?.address ?? "";
  return address === "0.0.0.0" || address === "::" ? "" : address;
}

function parseBreakers(message: CircuitBreakers | undefined, problems: Problems, workers: number): BreakersSpec {
  if (message !== undefined) {
    checkCoverage(CircuitBreakersSchema, message, problems, { honoured: ["thresholds"], harmless: [] });
  }
  const thresholds = message?.thresholds ?? [];
  for (const [i, entry] of thresholds.entries()) {
    checkCoverage(CircuitBreakers_ThresholdsSchema, entry, problems.at(`thresholds[${i}]`), {
      honoured: [
        "priority",
        "max_connections",
        "max_pending_requests",
        "max_requests",
        "max_retries",
        "track_remaining",
        "max_connection_pools",
        "retry_budget",
      ],
      harmless: [],
    });
  }
  // Envoy takes the first entry of a priority.
  const of = (priority: number): ThresholdsSpec =>
    toThresholds(thresholds.find((entry) => entry.priority === priority));
  return { thresholds: [of(0), of(1)], counters: allocateBreakerCounters(workers) };
}

function toThresholds(entry: CircuitBreakers_Thresholds | undefined): ThresholdsSpec {
  return {
    maxConnections: entry?.maxConnections ?? 1024,
    maxPendingRequests: entry?.maxPendingRequests ?? 1024,
    maxRequests: entry?.maxRequests ?? 1024,
    maxRetries: entry?.maxRetries ?? 3,
    maxConnectionPools: entry?.maxConnectionPools ?? 2 ** 64,
    trackRemaining: entry?.trackRemaining ?? false,
    retryBudget:
      entry?.retryBudget === undefined
        ? null
        : {
            budgetPct: entry.retryBudget.budgetPercent?.value ?? 20,
            minConcurrency: entry.retryBudget.minRetryConcurrency ?? 3,
          },
  };
}

const honoured = [
  "name",
  "alt_stat_name",
  "type",
  "cluster_type",
  "connect_timeout",
  "per_connection_buffer_limit_bytes",
  "lb_policy",
  "load_balancing_policy",
  "least_request_lb_config",
  "ring_hash_lb_config",
  "lb_subset_config",
  "maglev_lb_config",
  "round_robin_lb_config",
  "common_lb_config",
  "load_assignment",
  "circuit_breakers",
  "max_requests_per_connection",
  "common_http_protocol_options",
  "http_protocol_options",
  "http2_protocol_options",
  "upstream_http_protocol_options",
  "typed_extension_protocol_options",
  "dns_refresh_rate",
  "dns_jitter",
  "dns_failure_refresh_rate",
  "respect_dns_ttl",
  "dns_lookup_family",
  "upstream_bind_config",
  "upstream_connection_options",
  "transport_socket",
  "eds_cluster_config",
  "transport_socket_matches",
  "metadata",
];
const harmless = [
  "stats_matcher",
  "per_connection_buffer_high_watermark_timeout",
  "dns_resolvers",
  "use_tcp_for_dns_lookups",
  "dns_resolution_config",
  "typed_dns_resolver_config",
  "wait_for_warm_on_init",
  "cleanup_interval",
  "close_connections_on_host_health_failure",
  "ignore_health_on_host_removal",
  "lrs_server",
  "lrs_report_endpoint_metrics",
  "track_timeout_budgets",
  "track_cluster_stats",
  "preconnect_policy",
];
