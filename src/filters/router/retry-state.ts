import type { StreamReset } from "../../http/codec.ts";
import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { eventClock } from "../../net/event-clock.ts";
import { LazyTimer } from "../../net/lazy-timer.ts";
import { RequestCounter } from "../../observability/request-stats.ts";
import { RetryOn } from "../../router/retry-on.ts";
import { noRetryPolicy, RetryPolicy } from "../../router/retry-policy.ts";
import type { BorrowFailure } from "../../upstream/borrower.ts";
import { type CircuitBreaker, Resource } from "../../upstream/circuit-breaker.ts";
import type { RoutingPriority } from "../../upstream/cluster.ts";
import type { RetryStats } from "../../upstream/retry-stats.ts";
import type { Charges } from "./charges.ts";
import type { RetryOverrides } from "./overrides.ts";
import { askedWaitMs, jitteredWaitMs, RetryBackoff } from "./retry-backoff.ts";
import { RetryHosts } from "./retry-hosts.ts";

/** Whether a failed attempt is followed by another. Envoy: RetryStatus. */
export const RetryVerdict = { no: 0, yes: 1, overflow: 2, limitExceeded: 3 } as const;
export type RetryVerdict = (typeof RetryVerdict)[keyof typeof RetryVerdict];

/** The request whose retries they are. */
export interface RetryOwner {
  onRetryDue(): void;
}

/**
 * The retries of one request: what is retried, how often still, after how long. While one is due or under way it holds one of the
 * retries that the cluster allows. Envoy: RetryStateImpl.
 */
export class RetryState {
  /** null where any host will do. */
  readonly hosts: RetryHosts | null;
  readonly #policy: RetryPolicy;
  readonly #retryOn: number;
  readonly #statusCodes: readonly number[];
  readonly #headerNames: readonly string[];
  readonly #breaker: CircuitBreaker;
  readonly #stats: RetryStats;
  readonly #charges: Charges;
  /** Made by the first retry. */
  #backoff: RetryBackoff | null = null;
  #left: number;
  #timer: LazyTimer | null = null;
  /** A retry is to come. */
  isWaiting = false;
  /** It follows a timeout. */
  isAfterTimeout = false;
  #isHeld = false;
  #wasMade = false;
  /** What the response asked for, for the next wait alone. */
  #askedMs = 0;

  /** `head` as it goes to the upstream. */
  constructor(
    policy: RetryPolicy,
    overrides: RetryOverrides | null,
    head: RequestHead,
    breaker: CircuitBreaker,
    stats: RetryStats,
    charges: Charges,
  ) {
    this.#policy = policy;
    this.#breaker = breaker;
    this.#stats = stats;
    this.#charges = charges;
    this.hosts = policy.isHostChosen ? new RetryHosts(policy) : null;
    this.#retryOn = policy.allows(head) ? policy.retryOn | (overrides?.retryOn ?? 0) : 0;
    const given = overrides?.maxRetries ?? -1;
    this.#left = given >= 0 && this.#retryOn !== 0 ? given : policy.numRetries;
    const codes = overrides?.statusCodes ?? [];
    this.#statusCodes = codes.length === 0 ? policy.retriableStatusCodes : [...policy.retriableStatusCodes, ...codes];
    this.#headerNames = overrides?.headerNames ?? [];
  }

  /** Something may be retried: the request's body is kept. */
  get isEnabled(): boolean {
    return this.#retryOn !== 0;
  }

  onHead(head: ResponseHead): RetryVerdict {
    const isWanted = this.wouldRetry(head);
    const limited = this.#policy.rateLimitedBackoff;
    if (isWanted && limited !== null) {
      const asked = askedWaitMs(head, limited, eventClock.wallNow);
      if (asked > 1) this.#askedMs = asked;
    }
    return this.#decide(isWanted);
  }

  /** `isStarted`: an attempt has sent something. */
  onReset(reason: BorrowFailure | StreamReset, isStarted: boolean): RetryVerdict {
    return this.#decide(this.#isRetriableReset(reason, isStarted));
  }

  /** A hedged attempt takes too long: another is sent whatever retry_on says. */
  onSlowTry(): RetryVerdict {
    return this.#decide(true);
  }

  /** The retry that was just granted comes after its back-off: `owner` is told. */
  wait(isAfterTimeout: boolean, owner: RetryOwner): void {
    this.isWaiting = true;
    this.isAfterTimeout = isAfterTimeout;
    this.#timer ??= new LazyTimer(() => this.#onDue(owner));
    this.#backoff ??= new RetryBackoff(this.#policy.backoffBaseMs, this.#policy.backoffMaxMs);
    const asked = this.#askedMs;
    const ms = asked > 0 ? jitteredWaitMs(asked, Math.random()) : this.#backoff.nextMs(Math.random());
    this.#timer.set(eventClock.now, ms);
  }

  /** Envoy counts a retry when it is made, not when it is granted. */
  #onDue(owner: RetryOwner): void {
    const stats = this.#stats;
    stats.count(stats.retry);
    this.#charges.count(RequestCounter.retry);
    stats.count(this.#askedMs > 0 ? stats.backoffRateLimited : stats.backoffExponential);
    this.#askedMs = 0;
    this.isWaiting = false;
    this.#wasMade = true;
    owner.onRetryDue();
  }

  /** The request ends, or nothing is retried any more. */
  release(): void {
    this.isWaiting = false;
    this.#timer?.dispose();
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#breaker.give(Resource.retries);
  }

  /** Whether a response is one to retry, however many retries are left. */
  wouldRetry(head: ResponseHead): boolean {
    const on = this.#retryOn;
    // Envoy: with it nothing else counts.
    if ((on & RetryOn.rateLimited) !== 0) return head.find("x-envoy-ratelimited") === "true";
    const status = head.status;
    if ((on & RetryOn.serverError) !== 0 && status >= 500 && status < 600) return true;
    if ((on & RetryOn.gatewayError) !== 0 && status >= 502 && status <= 504) return true;
    if ((on & RetryOn.retriable4xx) !== 0 && status === 409) return true;
    if ((on & RetryOn.statusCodes) !== 0 && this.#statusCodes.includes(status)) return true;
    if ((on & RetryOn.headers) !== 0 && this.#hasRetriableHeader(head)) return true;
    if ((on & grpcConditions) === 0) return false;
    const code = head.get(Known["grpc-status"]);
    return code !== null && /^\d{1,2}$/.test(code) && (on & (grpcBits[Number(code)] ?? 0)) !== 0;
  }

  #hasRetriableHeader(head: ResponseHead): boolean {
    if (this.#policy.hasRetriableHeader(head)) return true;
    for (const name of this.#headerNames) if (head.find(name) !== null) return true;
    return false;
  }

  #isRetriableReset(reason: BorrowFailure | StreamReset, isStarted: boolean): boolean {
    const on = this.#retryOn;
    if (reason === "overflow") return false;
    const isConnectFailure = reason === "remote_connection_failure" || reason === "connection_timeout";
    if (isConnectFailure && (on & RetryOn.connectFailure) !== 0) return true;
    if ((on & RetryOn.resetBeforeRequest) !== 0 && !isStarted) return true;
    if ((on & (RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError)) !== 0) return true;
    return (on & RetryOn.refusedStream) !== 0 && reason === "remote_refused_stream_reset";
  }

  #decide(isWanted: boolean): RetryVerdict {
    const stats = this.#stats;
    if (this.#wasMade && !isWanted) {
      stats.count(stats.success);
      this.#charges.count(RequestCounter.retrySuccess);
    }
    this.release();
    if (!isWanted) return RetryVerdict.no;
    if (this.#left === 0) {
      stats.count(stats.limitExceeded);
      this.#charges.count(RequestCounter.retryLimitExceeded);
      return RetryVerdict.limitExceeded;
    }
    this.#left--;
    if (!this.#breaker.canRetry()) {
      stats.count(stats.overflow);
      this.#charges.count(RequestCounter.retryOverflow);
      return RetryVerdict.overflow;
    }
    if (!this.#policy.isOn(Math.random())) return RetryVerdict.no;
    this.#isHeld = true;
    this.#breaker.take(Resource.retries);
    return RetryVerdict.yes;
  }
}

/**
 * null where nothing asks for retries. `policy`: the cluster's or route's, null where none is configured; `head` as it goes to the
 * upstream. Envoy: RetryStateImpl::create.
 */
export function createRetryState(
  policy: RetryPolicy | null,
  overrides: RetryOverrides | null,
  head: RequestHead,
  charges: Charges,
  priority: RoutingPriority,
): RetryState | null {
  const { cluster } = charges;
  if (cluster === null) return null;
  const isAsked = overrides?.isAsked === true;
  if (!isAsked && (policy === null || policy.retryOn === 0)) return null;
  return new RetryState(
    policy ?? plainPolicy,
    overrides,
    head,
    cluster.breaker(priority),
    cluster.stats.retries,
    charges,
  );
}

const plainPolicy = new RetryPolicy(noRetryPolicy, { entry: () => null });
/** gRPC status to its bit of RetryOn. */
const grpcBits: Readonly<Record<number, number>> = {
  1: RetryOn.grpcCancelled,
  4: RetryOn.grpcDeadlineExceeded,
  8: RetryOn.grpcResourceExhausted,
  13: RetryOn.grpcInternal,
  14: RetryOn.grpcUnavailable,
};
const grpcConditions = Object.values(grpcBits).reduce((bits, bit) => bits | bit, 0);
