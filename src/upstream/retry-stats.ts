import type { StatsSlab } from "../observability/stats.ts";

/** What retries, hedging and internal redirects count in their cluster: `cluster.<name>.*`. */
export class RetryStats {
  readonly retry: number;
  readonly success: number;
  readonly limitExceeded: number;
  readonly overflow: number;
  readonly backoffExponential: number;
  readonly backoffRateLimited: number;
  readonly perTryTimeout: number;
  readonly perTryIdleTimeout: number;
  readonly abandoned: number;
  readonly redirectSucceeded: number;
  readonly redirectFailed: number;
  readonly #slab: StatsSlab;
  readonly #prefix: string;

  /** `prefix`: "cluster.<name>."; `slot`: of a name behind it. */
  constructor(slab: StatsSlab, prefix: string, slot: (name: string) => number) {
    this.#slab = slab;
    this.#prefix = prefix;
    this.retry = slot("upstream_rq_retry");
    this.success = slot("upstream_rq_retry_success");
    this.limitExceeded = slot("upstream_rq_retry_limit_exceeded");
    this.overflow = slot("upstream_rq_retry_overflow");
    this.backoffExponential = slot("upstream_rq_retry_backoff_exponential");
    this.backoffRateLimited = slot("upstream_rq_retry_backoff_ratelimited");
    this.perTryTimeout = slot("upstream_rq_per_try_timeout");
    this.perTryIdleTimeout = slot("upstream_rq_per_try_idle_timeout");
    this.abandoned = slot("retry_or_shadow_abandoned");
    this.redirectSucceeded = slot("upstream_internal_redirect_succeeded_total");
    this.redirectFailed = slot("upstream_internal_redirect_failed_total");
  }

  count(slot: number): void {
    this.#slab.values[slot]++;
  }

  /** The status of a response that was retried: `retry.upstream_rq_*`. Envoy: CodeStats::chargeBasicResponseStat. */
  countCode(status: number): void {
    for (const name of ["completed", `${Math.floor(status / 100)}xx`, status])
      this.count(this.#slab.counter(`${this.#prefix}retry.upstream_rq_${name}`));
  }
}
