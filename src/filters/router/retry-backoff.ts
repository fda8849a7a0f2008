import type { ResponseHead } from "../../http/header-block.ts";
import type { RateLimitedBackoffSpec } from "../../router/spec.ts";

/**
 * How long the retries of one request wait: anything up to a bound that doubles each time.
 * Envoy: JitteredExponentialBackOffStrategy.
 */
export class RetryBackoff {
  readonly #maxMs: number;
  #boundMs: number;

  constructor(baseMs: number, maxMs: number) {
    this.#boundMs = baseMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds of the next wait, below its bound. `random` is in [0, 1). */
  nextMs(random: number): number {
    const bound = this.#boundMs;
    this.#boundMs = Math.min(bound * 2, this.#maxMs);
    return Math.floor(random * bound);
  }
}

/**
 * Milliseconds that a response asks to wait, by the first of the headers that says something up to the limit; 0 for none.
 * `nowMs` since 1970. Envoy: ResetHeaderParserImpl, RetryStateImpl::parseResetInterval.
 */
export function askedWaitMs(head: ResponseHead, spec: RateLimitedBackoffSpec, nowMs: number): number {
  for (const { name, format } of spec.headers) {
    const value = head.find(name);
    if (value === null || !/^\s*\+?\d{1,15}\s*$/.test(value)) continue;
    const seconds = Number(value) - (format === "SECONDS" ? 0 : Math.floor(nowMs / 1000));
    if (seconds >= 0 && seconds * 1000 <= spec.maxMs) return seconds * 1000;
  }
  return 0;
}

/** At least what was asked, up to half as much more, so that not all come back at once. Envoy: JitteredLowerBoundBackOffStrategy. */
export function jitteredWaitMs(askedMs: number, random: number): number {
  return askedMs + Math.floor(random * Math.floor(askedMs / 2));
}
