import type { RequestHead } from "../../http/header-block.ts";

/** What a trusted client's x-envoy-* fields change of the route. */
export interface Overrides {
  /** 0: none. */
  timeoutMs: number;
  /** A timeout is answered with 204 and without a body. */
  hasAltTimeoutResponse: boolean;
}

/**
 * Reads the router's x-envoy-* request fields and takes them out. Those of strangers the connection manager has removed.
 * Envoy: FilterUtility::finalTimeout, RetryStateImpl::create. The object is the next call's too.
 */
export function takeOverrides(head: RequestHead, routeTimeoutMs: number): Overrides {
  result.timeoutMs = routeTimeoutMs;
  result.hasAltTimeoutResponse = false;
  for (let i = 0; i < head.size; i++) {
    const name = head.names[i] as string;
    if (!name.startsWith("x-envoy-") || !taken.has(name)) continue;
    const value = head.values[i] as string;
    if (name === "x-envoy-upstream-rq-timeout-ms" && /^\d{1,10}$/.test(value)) result.timeoutMs = Number(value);
    else if (name === "x-envoy-upstream-rq-timeout-alt-response") result.hasAltTimeoutResponse = true;
    head.remove(name);
  }
  return result;
}

const taken = new Set([
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-max-retries",
  "x-envoy-retriable-status-codes",
  "x-envoy-retriable-header-names",
  "x-envoy-hedge-on-per-try-timeout",
]);
const result: Overrides = { timeoutMs: 0, hasAltTimeoutResponse: false };
