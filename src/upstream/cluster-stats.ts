import type { StatsSlab } from "../observability/stats.ts";

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
  readonly cxConnectMs: number;
  readonly cxLengthMs: number;
  readonly rqPerCx: number;
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  /** Four slots a status: code and class, of all and of external requests. 0: not asked for yet. */
  readonly #codes = new Int32Array(1000 * 4);
  #rqTime = 0;
  #externalTime = 0;
  #externalCompleted = 0;

  constructor(slab: StatsSlab, observabilityName: string) {
    this.#slab = slab;
    this.values = slab.values;
    const prefix = clusterStatPrefix(observabilityName);
    this.#prefix = prefix;
    for (const name of counters) slab.counter(prefix + name);
    for (const name of gauges) slab.gauge(prefix + name);
    const counter = (name: string): number => slab.counter(prefix + name);
    const gauge = (name: string): number => slab.gauge(prefix + name);
    this.cxActive = gauge("upstream_cx_active");
    this.cxTotal = counter("upstream_cx_total");
    this.cxHttp1Total = counter("upstream_cx_http1_total");
    this.cxHttp2Total = counter("upstream_cx_http2_total");
    this.rqRxReset = counter("upstream_rq_rx_reset");
    this.cxConnectFail = counter("upstream_cx_connect_fail");
    this.cxConnectTimeout = counter("upstream_cx_connect_timeout");
    this.cxDestroy = counter("upstream_cx_destroy");
    this.cxDestroyLocal = counter("upstream_cx_destroy_local");
    this.cxDestroyRemote = counter("upstream_cx_destroy_remote");
    this.cxDestroyWithActive = counter("upstream_cx_destroy_with_active_rq");
    this.cxDestroyLocalWithActive = counter("upstream_cx_destroy_local_with_active_rq");
    this.cxDestroyRemoteWithActive = counter("upstream_cx_destroy_remote_with_active_rq");
    this.cxOverflow = counter("upstream_cx_overflow");
    this.cxPoolOverflow = counter("upstream_cx_pool_overflow");
    this.cxNoneHealthy = counter("upstream_cx_none_healthy");
    this.cxIdleTimeout = counter("upstream_cx_idle_timeout");
    this.cxMaxRequests = counter("upstream_cx_max_requests");
    this.cxMaxDuration = counter("upstream_cx_max_duration_reached");
    this.cxCloseNotify = counter("upstream_cx_close_notify");
    this.cxProtocolError = counter("upstream_cx_protocol_error");
    this.cxRxBytes = counter("upstream_cx_rx_bytes_total");
    this.cxTxBytes = counter("upstream_cx_tx_bytes_total");
    this.rqTotal = counter("upstream_rq_total");
    this.rqActive = gauge("upstream_rq_active");
    this.rqCompleted = counter("upstream_rq_completed");
    this.rqCancelled = counter("upstream_rq_cancelled");
    this.rqTimeout = counter("upstream_rq_timeout");
    this.rqPendingTotal = counter("upstream_rq_pending_total");
    this.rqPendingActive = gauge("upstream_rq_pending_active");
    this.rqPendingOverflow = counter("upstream_rq_pending_overflow");
    this.rqPendingEject = counter("upstream_rq_pending_failure_eject");
    this.flowPaused = counter("upstream_flow_control_paused_reading_total");
    this.flowResumed = counter("upstream_flow_control_resumed_reading_total");
    this.flowBackedUp = counter("upstream_flow_control_backed_up_total");
    this.flowDrained = counter("upstream_flow_control_drained_total");
    this.panic = counter("lb_healthy_panic");
    this.bindErrors = counter("bind_errors");
    this.cxConnectMs = slab.histogram(`${prefix}upstream_cx_connect_ms`);
    this.cxLengthMs = slab.histogram(`${prefix}upstream_cx_length_ms`);
    this.rqPerCx = slab.histogram(`${prefix}upstream_rq_per_cx`, "");
  }

  /** A status given downstream for a request to this cluster, by the upstream or in its place. */
  countCode(status: number): void {
    const at = (status < 1000 ? status : 999) * 4;
    const codes = this.#codes;
    if (codes[at] === 0) this.#nameCode(status, at);
    const values = this.values;
    values[this.rqCompleted]++;
    values[this.#externalCompleted]++;
    values[codes[at] as number]++;
    values[codes[at + 1] as number]++;
    values[codes[at + 2] as number]++;
    values[codes[at + 3] as number]++;
  }

  /** Milliseconds from the request to the upstream's response head. */
  recordTime(ms: number): void {
    if (this.#rqTime === 0) {
      this.#rqTime = this.#slab.histogram(`${this.#prefix}upstream_rq_time`);
      this.#externalTime = this.#slab.histogram(`${this.#prefix}external.upstream_rq_time`);
    }
    this.#slab.record(this.#rqTime, ms);
    this.#slab.record(this.#externalTime, ms);
  }

  record(slot: number, value: number): void {
    this.#slab.record(slot, value);
  }

  /** The names that Envoy's HTTP/1 codec brings with its first connection. */
  nameHttp1(): void {
    for (const name of http1Counters) this.#slab.counter(`${this.#prefix}http1.${name}`);
  }

  #nameCode(status: number, at: number): void {
    const slab = this.#slab;
    const prefix = this.#prefix;
    const statusClass = Math.floor(status / 100);
    this.#externalCompleted = slab.counter(`${prefix}external.upstream_rq_completed`);
    this.#codes[at] = slab.counter(`${prefix}upstream_rq_${status}`);
    this.#codes[at + 1] = slab.counter(`${prefix}upstream_rq_${statusClass}xx`);
    this.#codes[at + 2] = slab.counter(`${prefix}external.upstream_rq_${status}`);
    this.#codes[at + 3] = slab.counter(`${prefix}external.upstream_rq_${statusClass}xx`);
  }
}

/** "cluster.<name>." as Envoy makes it: Stats::Utility::sanitizeStatsName. */
export function clusterStatPrefix(observabilityName: string): string {
  return `cluster.${observabilityName.replaceAll("://", "_").replaceAll(":/", "_").replaceAll(":", "_").replaceAll("\0", "_")}.`;
}

/** What a cluster shows from its birth, zero or not. Those of the main thread are in membership.ts. */
const counters =
  `assignment_stale assignment_timeout_received assignment_use_cached bind_errors lb_healthy_panic lb_local_cluster_not_ok
lb_recalculate_zone_structures lb_subsets_created lb_subsets_fallback lb_subsets_fallback_panic lb_subsets_removed
lb_subsets_selected lb_zone_cluster_too_small lb_zone_no_capacity_left lb_zone_routing_all_directly lb_zone_routing_cross_zone
lb_zone_routing_sampled original_dst_host_invalid retry_or_shadow_abandoned upstream_cx_connect_attempts_exceeded
upstream_cx_connect_with_0_rtt upstream_cx_http3_total upstream_cx_preconnect_skipped
upstream_http3_broken upstream_internal_redirect_failed_total upstream_internal_redirect_succeeded_total upstream_rq_0rtt
upstream_rq_active_overflow upstream_rq_maintenance_mode upstream_rq_max_duration_reached upstream_rq_per_try_idle_timeout
upstream_rq_per_try_timeout upstream_rq_retry upstream_rq_retry_backoff_exponential upstream_rq_retry_backoff_ratelimited
upstream_rq_retry_limit_exceeded upstream_rq_retry_overflow upstream_rq_retry_success
upstream_rq_rx_reset_no_error upstream_rq_tx_reset`.split(/\s+/);
const gauges = [
  "lb_subsets_active",
  "upstream_cx_rx_bytes_buffered",
  "upstream_cx_tx_bytes_buffered",
  "upstream_queue_overloaded",
];
/** Never counted: responses are not looked at for these. */
const http1Counters = [
  "dropped_headers_with_underscores",
  "metadata_not_supported_error",
  "requests_rejected_with_underscores_in_headers",
  "response_flood",
];
