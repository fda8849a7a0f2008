import type { ResponseHead } from "../../http/header-block.ts";
import { RetryOn } from "../../router/retry-on.ts";
import { type FetchFailure, type FetchRequest, type FetchSink, HttpFetch } from "../../upstream/http-fetch.ts";
import { RetryBackoff } from "../router/retry-backoff.ts";
import type { AuthzRetrySpec } from "./spec.ts";

/** One question by HTTP, asked again as a policy says within the time that all attempts have together. */
export class HttpAttempts implements FetchSink {
  readonly #request: FetchRequest;
  readonly #spec: AuthzRetrySpec;
  readonly #sink: FetchSink;
  readonly #backoff: RetryBackoff;
  /** Monotonic milliseconds. */
  readonly #deadline: number;
  #left: number;
  #fetch: HttpFetch | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(request: FetchRequest, spec: AuthzRetrySpec, sink: FetchSink) {
    this.#request = request;
    this.#spec = spec;
    this.#sink = sink;
    this.#left = spec.numRetries;
    this.#backoff = new RetryBackoff(spec.backoffBaseMs, spec.backoffMaxMs);
    this.#deadline = request.timeoutMs === 0 ? Infinity : performance.now() + request.timeoutMs;
    this.#ask();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#fetch?.cancel();
  }

  onAnswer(status: number, body: Buffer, head: ResponseHead): void {
    const fetch = this.#fetch;
    if (this.#isRetriable(status) && this.#retry()) {
      this.#request.cluster.stats.retries.countCode(status);
      return;
    }
    fetch?.answered.onHead(head);
    this.#sink.onAnswer(status, body, head);
  }

  onFailure(why: string, failure: FetchFailure): void {
    const fetch = this.#fetch;
    const isTryOver = failure === "timeout" && performance.now() < this.#deadline - 1;
    const { retries } = this.#request.cluster.stats;
    if (isTryOver) retries.count(retries.perTryTimeout);
    if (this.#isRetriableFailure(failure) && this.#retry()) return;
    if (isTryOver) fetch?.answered.fail(504);
    else if (failure === "timeout") fetch?.answered.onTimeout();
    else fetch?.answered.onReset(fetch.resetReason);
    this.#sink.onFailure(why, failure);
  }

  /** Envoy: RetryStateImpl::wouldRetryFromHeaders. */
  #isRetriable(status: number): boolean {
    const on = this.#spec.retryOn;
    if ((on & RetryOn.serverError) !== 0 && status >= 500 && status < 600) return true;
    if ((on & RetryOn.gatewayError) !== 0 && status >= 502 && status <= 504) return true;
    return (on & RetryOn.retriable4xx) !== 0 && status === 409;
  }

  #isRetriableFailure(failure: FetchFailure): boolean {
    const on = this.#spec.retryOn;
    if (failure === "other") return false;
    if (failure === "connect" && (on & RetryOn.connectFailure) !== 0) return true;
    return (on & (RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError)) !== 0;
  }

  /** False: there is no attempt, or no time, left. */
  #retry(): boolean {
    const waitMs = this.#backoff.nextMs(Math.random());
    if (this.#left === 0 || performance.now() + waitMs >= this.#deadline) return false;
    this.#left--;
    this.#fetch = null;
    this.#timer = setTimeout(() => this.#ask(), waitMs);
    return true;
  }

  #ask(): void {
    const leftMs = Math.max(1, Math.ceil(this.#deadline - performance.now()));
    const timeoutMs = Math.min(leftMs, this.#spec.backoffMaxMs);
    this.#fetch = new HttpFetch({ ...this.#request, timeoutMs, isAttempt: true }, this);
  }
}
