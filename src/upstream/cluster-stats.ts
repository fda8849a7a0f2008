import { defineLayout } from "../observability/stat-layout.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { type AnswerFacts, ResponseStats } from "./response-stats.ts";
import { RetryStats } from "./retry-stats.ts";

/** Slots of a cluster's stats in a worker's slab, and the counting that is more than one store. */
export class ClusterStats {
  readonly values: Float64Array;
  readonly cxActive: number;
  readonly cxTotal: number;
  readonly cxHttp1Total: number;
  readonly cxHttp2Total: number;
  readonly rqRxReset: number;
  readonly cxConnectFail: number;
  readonly cxConnectTimeout: number;
  readonly cxDestroy: number;
  readonly cxDestroyLocal: number;
  readonly cxDestroyRemote: number;
  readonly cxDestroyWithActive: number;
  readonly cxDestroyLocalWithActive: number;
  readonly cxDestroyRemoteWithActive: number;
  readonly cxOverflow: number;
  readonly cxPoolOverflow: number;
  readonly cxNoneHealthy: number;
  readonly cxIdleTimeout: number;
  readonly cxMaxRequests: number;
  readonly cxMaxDuration: number;
  readonly cxCloseNotify: number;
  readonly cxProtocolError: number;
  readonly cxRxBytes: number;
  readonly cxTxBytes: number;
  readonly rqTotal: number;
  readonly rqActive: number;
  readonly rqCompleted: number;
  readonly rqCancelled: number;
  readonly rqTimeout: number;
  readonly rqPendingTotal: number;
  readonly rqPendingActive: number;
  readonly rqPendingOverflow: number;
  readonly rqPendingEject: number;
  readonly flowPaused: number;
  readonly flowResumed: number;
  readonly flowBackedUp: number;
  readonly flowDrained: number;
  readonly panic: number;
  readonly bindErrors: number;
  readonly zoneRecalculate: number;
  readonly zoneTooSmall: number;
  readonly zoneDirect: number;
  readonly zoneSampled: number;
  readonly zoneCross: number;
  readonly zoneNoCapacity: number;
  readonly localClusterNotOk: number;
  readonly subsetsSelected: number;
  readonly subsetsFallback: number;
  readonly subsetsFallbackPanic: number;
  readonly cxConnectMs: number;
  readonly cxLengthMs: number;
  readonly rqPerCx: number;
  readonly retries: RetryStats;
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #fromZone: string;
  readonly #responses: ResponseStats;
  /** By x-envoy-upstream-alt-stat-name. */
  readonly #alternatives = new Map<string, ResponseStats>();

  /** `fromZone`: of this process; "" for none. */
  constructor(slab: StatsSlab, observabilityName: string, fromZone: string) {
    this.#slab = slab;
    this.#fromZone = fromZone;
    this.values = slab.values;
    this.#prefix = clusterStatPrefix(observabilityName);
    const first = slab.group(this.#prefix, layout);
    const slot = (name: string): number => first + layout.offset(name);
    this.cxActive = slot("upstream_cx_active");
    this.cxTotal = slot("upstream_cx_total");
    this.cxHttp1Total = slot("upstream_cx_http1_total");
    this.cxHttp2Total = slot("upstream_cx_http2_total");
    this.rqRxReset = slot("upstream_rq_rx_reset");
    this.cxConnectFail = slot("upstream_cx_connect_fail");
    this.cxConnectTimeout = slot("upstream_cx_connect_timeout");
    this.cxDestroy = slot("upstream_cx_destroy");
    this.cxDestroyLocal = slot("upstream_cx_destroy_local");
    this.cxDestroyRemote = slot("upstream_cx_destroy_remote");
    this.cxDestroyWithActive = slot("upstream_cx_destroy_with_active_rq");
    this.cxDestroyLocalWithActive = slot("upstream_cx_destroy_local_with_active_rq");
    this.cxDestroyRemoteWithActive = slot("upstream_cx_destroy_remote_with_active_rq");
    this.cxOverflow = slot("upstream_cx_overflow");
    this.cxPoolOverflow = slot("upstream_cx_pool_overflow");
    this.cxNoneHealthy = slot("upstream_cx_none_healthy");
    this.cxIdleTimeout = slot("upstream_cx_idle_timeout");
    this.cxMaxRequests = slot("upstream_cx_max_requests");
    this.cxMaxDuration = slot("upstream_cx_max_duration_reached");
    this.cxCloseNotify = slot("upstream_cx_close_notify");
    this.cxProtocolError = slot("upstream_cx_protocol_error");
    this.cxRxBytes = slot("upstream_cx_rx_bytes_total");
    this.cxTxBytes = slot("upstream_cx_tx_bytes_total");
    this.rqTotal = slot("upstream_rq_total");
    this.rqActive = slot("upstream_rq_active");
    this.rqCompleted = slot("upstream_rq_completed");
    this.rqCancelled = slot("upstream_rq_cancelled");
    this.rqTimeout = slot("upstream_rq_timeout");
    this.rqPendingTotal = slot("upstream_rq_pending_total");
    this.rqPendingActive = slot("upstream_rq_pending_active");
    this.rqPendingOverflow = slot("upstream_rq_pending_overflow");
    this.rqPendingEject = slot("upstream_rq_pending_failure_eject");
    this.flowPaused = slot("upstream_flow_control_paused_reading_total");
    this.flowResumed = slot("upstream_flow_control_resumed_reading_total");
    this.flowBackedUp = slot("upstream_flow_control_backed_up_total");
    this.flowDrained = slot("upstream_flow_control_drained_total");
    this.panic = slot("lb_healthy_panic");
    this.bindErrors = slot("bind_errors");
    this.zoneRecalculate = slot("lb_recalculate_zone_structures");
    this.zoneTooSmall = slot("lb_zone_cluster_too_small");
    this.zoneDirect = slot("lb_zone_routing_all_directly");
    this.zoneSampled = slot("lb_zone_routing_sampled");
    this.zoneCross = slot("lb_zone_routing_cross_zone");
    this.zoneNoCapacity = slot("lb_zone_no_capacity_left");
    this.localClusterNotOk = slot("lb_local_cluster_not_ok");
    this.subsetsSelected = slot("lb_subsets_selected");
    this.subsetsFallback = slot("lb_subsets_fallback");
    this.subsetsFallbackPanic = slot("lb_subsets_fallback_panic");
    this.cxConnectMs = slot("upstream_cx_connect_ms");
    this.cxLengthMs = slot("upstream_cx_length_ms");
    this.rqPerCx = slot("upstream_rq_per_cx");
    this.#responses = new ResponseStats(slab, this.#prefix, fromZone, this.rqCompleted);
    this.retries = new RetryStats(slab, this.#prefix, slot);
  }

  /** An answer to a request to this cluster, by a host or in its place; `elapsedMs` as ResponseStats.count(). */
  onAnswer(status: number, elapsedMs: number, facts: AnswerFacts): void {
    this.#responses.count(status, elapsedMs, facts);
    if (facts.altName !== null) this.#alternative(facts.altName)?.count(status, elapsedMs, facts);
  }

  record(slot: number, value: number): void {
    this.#slab.record(slot, value);
  }

  /** The names that Envoy's HTTP/1 codec brings with its first connection. */
  nameHttp1(): void {
    for (const name of http1Counters) this.#slab.counter(`${this.#prefix}http1.${name}`);
  }

  /** null where requests have named too many. */
  #alternative(name: string): ResponseStats | null {
    const known = this.#alternatives.get(name);
    if (known !== undefined) return known;
    if (this.#alternatives.size >= maxAlternatives) return null;
    const stats = new ResponseStats(this.#slab, `${this.#prefix}${name}.`, this.#fromZone);
    this.#alternatives.set(name, stats);
    return stats;
  }
}

/** "cluster.<name>." as Envoy makes it: Stats::Utility::sanitizeStatsName. */
export function clusterStatPrefix(observabilityName: string): string {
  return `cluster.${observabilityName.replaceAll("://", "_").replaceAll(":/", "_").replaceAll(":", "_").replaceAll("\0", "_")}.`;
}

/** What a cluster shows from its birth, zero or not. Those of the main thread are in membership.ts. */
const layout = defineLayout("cluster", {
  counters:
    `assignment_stale assignment_timeout_received assignment_use_cached bind_errors lb_healthy_panic lb_local_cluster_not_ok
lb_recalculate_zone_structures lb_subsets_created lb_subsets_fallback lb_subsets_fallback_panic lb_subsets_removed
lb_subsets_selected lb_zone_cluster_too_small lb_zone_no_capacity_left lb_zone_routing_all_directly
lb_zone_routing_cross_zone lb_zone_routing_sampled original_dst_host_invalid retry_or_shadow_abandoned
upstream_cx_close_notify upstream_cx_connect_attempts_exceeded upstream_cx_connect_fail upstream_cx_connect_timeout
upstream_cx_connect_with_0_rtt upstream_cx_destroy upstream_cx_destroy_local upstream_cx_destroy_local_with_active_rq
upstream_cx_destroy_remote upstream_cx_destroy_remote_with_active_rq upstream_cx_destroy_with_active_rq
upstream_cx_http1_total upstream_cx_http2_total upstream_cx_http3_total upstream_cx_idle_timeout
upstream_cx_max_duration_reached upstream_cx_max_requests upstream_cx_none_healthy upstream_cx_overflow
upstream_cx_pool_overflow upstream_cx_preconnect_skipped upstream_cx_protocol_error upstream_cx_rx_bytes_total
upstream_cx_total upstream_cx_tx_bytes_total upstream_flow_control_backed_up_total upstream_flow_control_drained_total
upstream_flow_control_paused_reading_total upstream_flow_control_resumed_reading_total upstream_http3_broken
upstream_internal_redirect_failed_total upstream_internal_redirect_succeeded_total upstream_rq_0rtt
upstream_rq_active_overflow upstream_rq_cancelled upstream_rq_completed upstream_rq_maintenance_mode
upstream_rq_max_duration_reached upstream_rq_pending_failure_eject upstream_rq_pending_overflow upstream_rq_pending_total
upstream_rq_per_try_idle_timeout upstream_rq_per_try_timeout upstream_rq_retry upstream_rq_retry_backoff_exponential
upstream_rq_retry_backoff_ratelimited upstream_rq_retry_limit_exceeded upstream_rq_retry_overflow
upstream_rq_retry_success upstream_rq_rx_reset upstream_rq_rx_reset_no_error upstream_rq_timeout upstream_rq_total
upstream_rq_tx_reset`.split(/\s+/),
  gauges: [
    "lb_subsets_active",
    "upstream_cx_active",
    "upstream_cx_rx_bytes_buffered",
    "upstream_cx_tx_bytes_buffered",
    "upstream_queue_overloaded",
    "upstream_rq_active",
    "upstream_rq_pending_active",
  ],
  histograms: [
    ["upstream_cx_connect_ms", "ms"],
    ["upstream_cx_length_ms", "ms"],
    ["upstream_rq_per_cx", ""],
  ],
});
/** Never counted: responses are not looked at for these. */
const http1Counters = [
  "dropped_headers_with_underscores",
  "metadata_not_supported_error",
  "requests_rejected_with_underscores_in_headers",
  "response_flood",
];

/** Names come with requests. Envoy has no limit. */
const maxAlternatives = 1000;
