import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import { HeaderMatcher } from "./matchers.ts";
import { isInFraction, type RuntimeLookup, runtimeInteger } from "./runtime-fraction.ts";
import type { HeaderMatcherSpec, HostPredicateSpec, RateLimitedBackoffSpec, RetryPolicySpec } from "./spec.ts";

/** A retry policy, live. Shared by all requests, never changed. Envoy: RetryPolicyImpl. */
export class RetryPolicy {
  /** Bits of RetryOn; 0: nothing is retried unless a request asks for it. */
  readonly retryOn: number;
  readonly numRetries: number;
  /** 0 for none. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly retriableStatusCodes: readonly number[];
  readonly rateLimitedBackoff: RateLimitedBackoffSpec | null;
  readonly hostPredicates: readonly HostPredicateSpec[];
  readonly hostSelectionMaxAttempts: number;
  /** 0 without a retry_priority. */
  readonly priorityUpdateFrequency: number;
  readonly #spec: RetryPolicySpec;
  readonly #headers: readonly HeaderMatcher[];
  readonly #requestHeaders: readonly HeaderMatcher[];
  readonly #runtime: RuntimeLookup;

  constructor(spec: RetryPolicySpec, runtime: RuntimeLookup) {
    this.#spec = spec;
    this.retryOn = spec.retryOn;
    this.numRetries = spec.numRetries;
    this.perTryTimeoutMs = spec.perTryTimeoutMs;
    this.perTryIdleTimeoutMs = spec.perTryIdleTimeoutMs;
    this.retriableStatusCodes = spec.retriableStatusCodes;
    this.rateLimitedBackoff = spec.rateLimitedBackoff;
    this.hostPredicates = spec.hostPredicates;
    this.hostSelectionMaxAttempts = spec.hostSelectionMaxAttempts;
    this.priorityUpdateFrequency = spec.priorityUpdateFrequency;
    this.#headers = spec.retriableHeaders.map((matcher) => new HeaderMatcher(matcher));
    this.#requestHeaders = spec.retriableRequestHeaders.map((matcher) => new HeaderMatcher(matcher));
    this.#runtime = runtime;
  }

  /** The hosts of earlier attempts matter, or others are left out. */
  get isHostChosen(): boolean {
    return this.hostPredicates.length > 0 || this.priorityUpdateFrequency > 0;
  }

  /** Milliseconds of the first back-off at most. */
  get backoffBaseMs(): number {
    if (this.#spec.backoffBaseMs > 0) return this.#spec.backoffBaseMs;
    return runtimeInteger(this.#runtime, "upstream.base_retry_backoff_ms", defaultBackoffMs) || 1;
  }

  get backoffMaxMs(): number {
    return this.#spec.backoffMaxMs > 0 ? this.#spec.backoffMaxMs : this.backoffBaseMs * 10;
  }

  /** Whether a request may be retried at all: retriable_request_headers. */
  allows(head: RequestHead): boolean {
    return this.#requestHeaders.length === 0 || matchesAny(this.#requestHeaders, head);
  }

  /** retriable_headers. */
  hasRetriableHeader(head: ResponseHead): boolean {
    return matchesAny(this.#headers, head);
  }

  /** Runtime key upstream.use_retry. `random` is in [0, 1). */
  isOn(random: number): boolean {
    return isInFraction(useRetry, this.#runtime, random);
  }
}

function matchesAny(matchers: readonly HeaderMatcher[], head: HeaderBlock): boolean {
  for (const matcher of matchers) if (matcher.matches(head)) return true;
  return false;
}

/** Where neither the route nor its virtual host has a retry_policy: what x-envoy-retry-on starts from. */
export const noRetryPolicy: RetryPolicySpec = {
  retryOn: 0,
  numRetries: 1,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  retriableStatusCodes: [],
  retriableHeaders: [] as HeaderMatcherSpec[],
  retriableRequestHeaders: [] as HeaderMatcherSpec[],
  backoffBaseMs: 0,
  backoffMaxMs: 0,
  rateLimitedBackoff: null,
  hostPredicates: [],
  hostSelectionMaxAttempts: 1,
  priorityUpdateFrequency: 0,
};
const useRetry = { numerator: 100, denominator: 100, runtimeKey: "upstream.use_retry" };
/** Envoy: upstream.base_retry_backoff_ms. */
const defaultBackoffMs = 25;
