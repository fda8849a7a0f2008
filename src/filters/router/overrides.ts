import type { RequestHead } from "../../http/header-block.ts";
import { parseRetryGrpcOn, parseRetryOn } from "../../router/retry-on.ts";

/** What a trusted client's x-envoy-* fields change of the route. */
export interface Overrides {
  /** 0: none. */
  timeoutMs: number;
  /** -1: not said. */
  perTryTimeoutMs: number;
  /** A timeout is answered with 204 and without a body. */
  hasAltTimeoutResponse: boolean;
  /** null: not said. */
  hedgesOnPerTryTimeout: boolean | null;
  /** null: nothing is said of retries. */
  retry: RetryOverrides | null;
}

/** What the fields say of retries. */
export interface RetryOverrides {
  /** x-envoy-retry-on or -grpc-on is there: a policy without conditions comes to life. */
  isAsked: boolean;
  /** Bits of RetryOn, added to those of the policy. */
  retryOn: number;
  /** -1: not said. */
  maxRetries: number;
  /** Added to those of the policy. */
  statusCodes: readonly number[];
  /** Lower-case names; a response that has one of them is retried. */
  headerNames: readonly string[];
}

/**
 * Reads the router's x-envoy-* request fields and takes them out. Those of strangers the connection manager has removed.
 * Envoy: FilterUtility::finalTimeout, finalHedgingParams, RetryStateImpl::create. The object is the next call's too.
 */
export function takeOverrides(head: RequestHead, routeTimeoutMs: number): Overrides {
  result.timeoutMs = routeTimeoutMs;
  result.perTryTimeoutMs = -1;
  result.hasAltTimeoutResponse = false;
  result.hedgesOnPerTryTimeout = null;
  result.retry = null;
  for (let i = 0; i < head.size; i++) {
    const name = head.names[i] as string;
    if (!name.startsWith("x-envoy-") || !taken.has(name)) continue;
    read(name, head.values[i] as string);
    head.remove(name);
  }
  return result;
}

function read(name: string, value: string): void {
  switch (name) {
    case "x-envoy-upstream-rq-timeout-ms":
      result.timeoutMs = integerOr(value, result.timeoutMs);
      break;
    case "x-envoy-upstream-rq-per-try-timeout-ms":
      result.perTryTimeoutMs = integerOr(value, -1);
      break;
    case "x-envoy-upstream-rq-timeout-alt-response":
      result.hasAltTimeoutResponse = true;
      break;
    case "x-envoy-hedge-on-per-try-timeout":
      if (value === "true" || value === "false") result.hedgesOnPerTryTimeout = value === "true";
      break;
    default:
      readRetry(name, value);
  }
}

function readRetry(name: string, value: string): void {
  result.retry ??= { isAsked: false, retryOn: 0, maxRetries: -1, statusCodes: [], headerNames: [] };
  const retry = result.retry;
  switch (name) {
    case "x-envoy-retry-on":
      retry.isAsked = true;
      retry.retryOn |= parseRetryOn(value);
      break;
    case "x-envoy-retry-grpc-on":
      retry.isAsked = true;
      retry.retryOn |= parseRetryGrpcOn(value);
      break;
    case "x-envoy-max-retries":
      retry.maxRetries = integerOr(value, -1);
      break;
    case "x-envoy-retriable-status-codes":
      retry.statusCodes = value
        .split(",")
        .map((code) => integerOr(code, -1))
        .filter((code) => code >= 0);
      break;
    case "x-envoy-retriable-header-names":
      retry.headerNames = value
        .split(",")
        .map((one) => one.trim().toLowerCase())
        .filter((one) => one !== "");
      break;
  }
}

/** As absl::SimpleAtoi reads an unsigned number: blanks around it are passed over. */
function integerOr(text: string, otherwise: number): number {
  return /^\s*\+?\d{1,15}\s*$/.test(text) ? Number(text) : otherwise;
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
const result: Overrides = {
  timeoutMs: 0,
  perTryTimeoutMs: -1,
  hasAltTimeoutResponse: false,
  hedgesOnPerTryTimeout: null,
  retry: null,
};
