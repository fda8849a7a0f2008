import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import { type LocalReply, localReplies } from "../observability/local-replies.ts";
import type { Route } from "../router/route.ts";
import type { HcmStats } from "./hcm-stats.ts";

/** The time limits of a stream. */
export type Limit = "response" | "duration" | "request" | "idle";

/** The four time limits of one stream, set and cleared by plain stores. 0 ms: off. */
export class StreamLimits {
  readonly #response: LazyTimer;
  readonly #duration: LazyTimer;
  readonly #request: LazyTimer;
  readonly #idle: LazyTimer;
  #idleMs = 0;
  #lastActivity = 0;

  constructor(onLimit: (limit: Limit) => void) {
    this.#response = new LazyTimer(() => onLimit("response"));
    this.#duration = new LazyTimer(() => onLimit("duration"));
    this.#request = new LazyTimer(() => onLimit("request"));
    this.#idle = new LazyTimer(() => {
      const now = eventClock.now;
      const left = this.#lastActivity + this.#idleMs - now;
      if (left > 0) this.#idle.set(now, left);
      else onLimit("idle");
    });
  }

  begin(now: number, idleMs: number, requestMs: number, durationMs: number): void {
    this.#lastActivity = now;
    this.setIdle(now, idleMs);
    if (requestMs > 0) this.#request.set(now, requestMs);
    if (durationMs > 0) this.#duration.set(now, durationMs);
  }

  /** Something of the stream moved. */
  touch(): void {
    if (this.#idleMs > 0) this.#lastActivity = eventClock.now;
  }

  setIdle(now: number, ms: number): void {
    this.#idleMs = ms;
    if (ms > 0) this.#idle.set(now, ms);
    else this.#idle.clear();
  }

  setDuration(now: number, ms: number): void {
    if (ms > 0) this.#duration.set(now, ms);
    else this.#duration.clear();
  }

  /** The limits that a route sets; `timeoutMs` runs from now, 0: not yet, or not at all. */
  startRoute(route: Route, timeoutMs: number): void {
    const now = eventClock.now;
    if (route.idleTimeoutMs !== null) this.setIdle(now, route.idleTimeoutMs);
    const maxMs = route.maxStreamDuration?.maxStreamDurationMs ?? null;
    if (maxMs !== null) this.setDuration(now, maxMs);
    if (timeoutMs > 0) this.setResponse(now, timeoutMs);
  }

  setResponse(now: number, ms: number): void {
    this.#response.set(now, ms);
  }

  clearRequest(): void {
    this.#request.clear();
  }

  clear(): void {
    this.#response.clear();
    this.#duration.clear();
    this.#request.clear();
    this.#idle.clear();
  }

  dispose(): void {
    this.#response.dispose();
    this.#duration.dispose();
    this.#request.dispose();
    this.#idle.dispose();
  }
}

/** Counts a limit that passed; what is answered then, null where it no longer matters. */
export function replyToLimit(
  limit: Exclude<Limit, "response">,
  isRequestComplete: boolean,
  stats: HcmStats,
): LocalReply | null {
  switch (limit) {
    case "duration":
      stats.count("downstream_rq_max_duration_reached");
      return isRequestComplete ? localReplies.maxStreamDuration : localReplies.maxStreamDurationOfRequest;
    case "request":
      if (isRequestComplete) return null;
      stats.count("downstream_rq_timeout");
      return localReplies.requestTimeout;
    case "idle":
      stats.count("downstream_rq_idle_timeout");
      return isRequestComplete ? localReplies.streamIdleTimeout : localReplies.streamIdleTimeoutOfRequest;
  }
}
