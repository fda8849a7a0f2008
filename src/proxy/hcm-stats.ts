import type { StatsSlab } from "../observability/stats.ts";

/** The `http.<stat_prefix>.*` and `listener.<address>.http.<stat_prefix>.*` stats of one connection manager. */
export class HcmStats {
  readonly #slab: StatsSlab;
  readonly #values: Float64Array;
  readonly #slots: Record<CounterName | GaugeName, number>;
  readonly #codes: number[];
  readonly #listenerCodes: number[];
  readonly #listenerCompleted: number;
  readonly #requestTime: number;
  readonly #connectionLength: number;

  /** `hasRouter`: false where none of the router's is to be shown, nor may be counted. */
  constructor(slab: StatsSlab, statPrefix: string, listenerStatName: string, hasRouter = true) {
    this.#slab = slab;
    this.#values = slab.values;
    const slots: Record<string, number> = {};
    for (const name of managerCounters) slots[name] = slab.counter(`http.${statPrefix}.${name}`);
    if (hasRouter) for (const name of routerCounters) slots[name] = slab.counter(`http.${statPrefix}.${name}`);
    for (const name of gaugeNames) slots[name] = slab.gauge(`http.${statPrefix}.${name}`);
    this.#slots = slots as Record<CounterName | GaugeName, number>;
    const listener = `listener.${listenerStatName}.http.${statPrefix}`;
    this.#codes = classes.map((c) => slab.counter(`http.${statPrefix}.downstream_rq_${c}`));
    this.#listenerCodes = classes.map((c) => slab.counter(`${listener}.downstream_rq_${c}`));
    this.#listenerCompleted = slab.counter(`${listener}.downstream_rq_completed`);
    this.#requestTime = slab.histogram(`http.${statPrefix}.downstream_rq_time`);
    this.#connectionLength = slab.histogram(`http.${statPrefix}.downstream_cx_length_ms`);
  }

  /** Counts one of the named counters. */
  count(name: CounterName): void {
    this.#values[this.#slots[name]]++;
  }

  onConnectionBegin(isTls: boolean, isHttp2: boolean): void {
    const v = this.#values;
    const s = this.#slots;
    if (isTls) {
      v[s.downstream_cx_ssl_total]++;
      v[s.downstream_cx_ssl_active]++;
    }
    v[s.downstream_cx_total]++;
    v[s.downstream_cx_active]++;
    v[isHttp2 ? s.downstream_cx_http2_total : s.downstream_cx_http1_total]++;
    v[isHttp2 ? s.downstream_cx_http2_active : s.downstream_cx_http1_active]++;
  }

  /** Nothing of HTTP was heard of the client. Envoy makes it the client's close. */
  onHandshakeFailed(): void {
    const v = this.#values;
    const s = this.#slots;
    v[s.downstream_cx_ssl_total]++;
    v[s.downstream_cx_total]++;
    v[s.downstream_cx_destroy]++;
    v[s.downstream_cx_destroy_remote]++;
  }

  /** One that had no codec yet has that of HTTP/1. */
  onHttp1(): void {
    this.#values[this.#slots.downstream_cx_http1_total]++;
    this.#values[this.#slots.downstream_cx_http1_active]++;
  }

  /** It has no codec, and never has one where a network filter refused it. */
  onRefusedBegin(isTls: boolean): void {
    const v = this.#values;
    const s = this.#slots;
    v[s.downstream_cx_total]++;
    v[s.downstream_cx_active]++;
    if (!isTls) return;
    v[s.downstream_cx_ssl_total]++;
    v[s.downstream_cx_ssl_active]++;
  }

  onRefusedEnd(lengthMs: number, wasLocal: boolean, isTls: boolean): void {
    const v = this.#values;
    const s = this.#slots;
    if (isTls) v[s.downstream_cx_ssl_active]--;
    v[s.downstream_cx_active]--;
    v[s.downstream_cx_destroy]++;
    v[wasLocal ? s.downstream_cx_destroy_local : s.downstream_cx_destroy_remote]++;
    this.#slab.record(this.#connectionLength, lengthMs);
  }

  /** A connection that began as HTTP/1 was never one: it is counted anew. */
  onBecomesHttp2(): void {
    const v = this.#values;
    const s = this.#slots;
    v[s.downstream_cx_total]--;
    v[s.downstream_cx_active]--;
    v[s.downstream_cx_http1_total]--;
    v[s.downstream_cx_http1_active]--;
  }

  onConnectionEnd(
    lengthMs: number,
    wasLocal: boolean,
    hadActiveRequest: boolean,
    isTls: boolean,
    isHttp2: boolean,
  ): void {
    const v = this.#values;
    const s = this.#slots;
    if (isTls) v[s.downstream_cx_ssl_active]--;
    v[s.downstream_cx_active]--;
    v[isHttp2 ? s.downstream_cx_http2_active : s.downstream_cx_http1_active]--;
    v[s.downstream_cx_destroy]++;
    v[wasLocal ? s.downstream_cx_destroy_local : s.downstream_cx_destroy_remote]++;
    if (hadActiveRequest) {
      v[s.downstream_cx_destroy_active_rq]++;
      v[wasLocal ? s.downstream_cx_destroy_local_active_rq : s.downstream_cx_destroy_remote_active_rq]++;
    }
    this.#slab.record(this.#connectionLength, lengthMs);
  }

  onBytes(received: number, sent: number): void {
    this.#values[this.#slots.downstream_cx_rx_bytes_total] += received;
    this.#values[this.#slots.downstream_cx_tx_bytes_total] += sent;
  }

  onRequestBegin(isHttp2: boolean): void {
    const v = this.#values;
    const s = this.#slots;
    v[s.downstream_rq_total]++;
    v[isHttp2 ? s.downstream_rq_http2_total : s.downstream_rq_http1_total]++;
    v[s.downstream_rq_active]++;
  }

  /** `status` 0: no response was begun. */
  onRequestEnd(status: number, durationMs: number): void {
    const v = this.#values;
    v[this.#slots.downstream_rq_active]--;
    if (status >= 100 && status < 600) this.onAnswer(status);
    this.#slab.record(this.#requestTime, durationMs);
  }

  /** A response, by its status. */
  onAnswer(status: number): void {
    const v = this.#values;
    const c = ((status / 100) | 0) - 1;
    v[this.#slots.downstream_rq_completed]++;
    v[this.#codes[c] as number]++;
    v[this.#listenerCompleted]++;
    v[this.#listenerCodes[c] as number]++;
  }

  onUpgrade(change: 1 | -1): void {
    if (change === 1) this.#values[this.#slots.downstream_cx_upgrades_total]++;
    this.#values[this.#slots.downstream_cx_upgrades_active] += change;
  }
}

const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];

const managerCounters = [
  "downstream_cx_delayed_close_timeout",
  "downstream_cx_destroy",
  "downstream_cx_destroy_active_rq",
  "downstream_cx_destroy_local",
  "downstream_cx_destroy_local_active_rq",
  "downstream_cx_destroy_remote",
  "downstream_cx_destroy_remote_active_rq",
  "downstream_cx_drain_close",
  "downstream_cx_http1_total",
  "downstream_cx_http2_total",
  "downstream_cx_http3_total",
  "downstream_cx_idle_timeout",
  "downstream_cx_max_duration_reached",
  "downstream_cx_max_requests_reached",
  "downstream_cx_overload_disable_keepalive",
  "downstream_cx_protocol_error",
  "downstream_cx_rx_bytes_total",
  "downstream_cx_ssl_total",
  "downstream_cx_total",
  "downstream_cx_tx_bytes_total",
  "downstream_cx_upgrades_total",
  "downstream_flow_control_paused_reading_total",
  "downstream_flow_control_resumed_reading_total",
  "downstream_rq_completed",
  "downstream_rq_failed_path_normalization",
  "downstream_rq_header_timeout",
  "downstream_rq_http1_total",
  "downstream_rq_http2_total",
  "downstream_rq_http3_total",
  "downstream_rq_idle_timeout",
  "downstream_rq_max_duration_reached",
  "downstream_rq_non_relative_path",
  "downstream_rq_overload_close",
  "downstream_rq_redirected_with_normalized_path",
  "downstream_rq_rejected_via_ip_detection",
  "downstream_rq_response_before_rq_complete",
  "downstream_rq_rx_reset",
  "downstream_rq_timeout",
  "downstream_rq_too_large",
  "downstream_rq_too_many_premature_resets",
  "downstream_rq_total",
  "downstream_rq_tx_reset",
  "downstream_rq_ws_on_non_ws_route",
  "rs_too_large",
] as const;

const routerCounters = [
  "no_cluster",
  "no_route",
  "rq_direct_response",
  "rq_redirect",
  "rq_reset_after_downstream_response_started",
  "passthrough_internal_redirect_bad_location",
  "passthrough_internal_redirect_no_route",
  "passthrough_internal_redirect_predicate",
  "passthrough_internal_redirect_too_many_redirects",
  "passthrough_internal_redirect_unsafe_scheme",
  "rq_total",
] as const;
export type CounterName = (typeof managerCounters)[number] | (typeof routerCounters)[number];

const gaugeNames = [
  "downstream_cx_active",
  "downstream_cx_http1_active",
  "downstream_cx_http1_soft_drain",
  "downstream_cx_http2_active",
  "downstream_cx_http3_active",
  "downstream_cx_rx_bytes_buffered",
  "downstream_cx_ssl_active",
  "downstream_cx_tx_bytes_buffered",
  "downstream_cx_upgrades_active",
  "downstream_rq_active",
] as const;
type GaugeName = (typeof gaugeNames)[number];
