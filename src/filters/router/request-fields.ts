import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { eventClock } from "../../net/event-clock.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { RetryPolicy } from "../../router/retry-policy.ts";
import type { Route } from "../../router/route.ts";
import type { TerminalStream } from "../api.ts";
import type { Charges } from "./charges.ts";
import type { RouteLbContext } from "./lb-context.ts";
import { type Overrides, takeOverrides } from "./overrides.ts";
import { createRetryState, type RetryState } from "./retry-state.ts";
import type { RouterOptions } from "./router-parts.ts";
import type { Timeouts } from "./timeouts.ts";

/**
 * Makes of a request's head what the first attempt sends, sets the time limits, and gives the retries, null for none. Envoy: the
 * route's own fields come first, and may say of retries and limits what a trusted client's may.
 */
export function prepareRequest(
  stream: TerminalStream,
  route: Route,
  head: RequestHead,
  charges: Charges,
  timeouts: Timeouts,
  options: RouterOptions,
): RetryState | null {
  const policy = charges.cluster?.retryPolicy ?? route.retryPolicy;
  const overrides = finalizeHead(stream.info, route, head, policy, timeouts, options);
  stream.timeoutMs = timeouts.globalMs;
  if (policy === null && overrides.retry === null) return null;
  return createRetryState(policy, overrides.retry, head, charges, route.priority);
}

/** The part of it that is for the head and the time limits; gives what the request itself says of them. */
export function finalizeHead(
  info: StreamInfo,
  route: Route,
  head: RequestHead,
  policy: RetryPolicy | null,
  timeouts: Timeouts,
  options: Pick<RouterOptions, "suppressEnvoyHeaders">,
): Overrides {
  route.rewriteRequest(head, info, !options.suppressEnvoyHeaders);
  const overrides = takeOverrides(head, route.timeoutMs);
  timeouts.set(route, policy, overrides);
  setExpectedTimeout(head, timeouts, 0, options);
  if (route.virtualHost.includeRequestAttemptCount) setAttemptCount(head, info.attemptCount);
  return overrides;
}

/** The same for a later attempt, `elapsedMs` after the end of the request. */
export function prepareRetry(
  stream: TerminalStream,
  route: Route,
  head: RequestHead,
  isTimeoutRetry: boolean,
  timeouts: Timeouts,
  elapsedMs: number,
  options: RouterOptions,
): void {
  const { includeRequestAttemptCount, includeIsTimeoutRetryHeader } = route.virtualHost;
  if (includeRequestAttemptCount) setAttemptCount(head, stream.info.attemptCount);
  if (includeIsTimeoutRetryHeader) head.set("x-envoy-is-timeout-retry", String(isTimeoutRetry));
  setExpectedTimeout(head, timeouts, elapsedMs, options);
}

/** Makes of the chosen response's head what the downstream gets. `requestEnd`: monotonic milliseconds, -1 before. */
export function prepareResponse(
  stream: TerminalStream,
  head: ResponseHead,
  requestEnd: number,
  lbContext: RouteLbContext,
  options: RouterOptions,
): void {
  const { info, route } = stream;
  const now = eventClock.now;
  info.upstreamResponseStart = now;
  info.details = "via_upstream";
  info.response = head;
  info.responseCode = head.status;
  // Envoy measures from the end of the request, and says nothing while it is still coming.
  if (!options.suppressEnvoyHeaders && requestEnd >= 0) {
    head.set(
      "x-envoy-upstream-service-time",
      String(Math.floor(now - requestEnd)),
      Known["x-envoy-upstream-service-time"],
    );
  }
  if (route === null) return;
  lbContext.routeCookies.apply(head);
  route.rewriteResponse(head, info);
  lbContext.balancerCookies.apply(head);
  if (route.virtualHost.includeAttemptCountInResponse) setAttemptCount(head, info.attemptCount);
}

/** Of a request or a response. */
export function setAttemptCount(head: HeaderBlock, count: number): void {
  head.set("x-envoy-attempt-count", count === 1 ? "1" : String(count), Known["x-envoy-attempt-count"]);
}

/** Whether it asks to switch to WebSocket. */
export function isWebSocket(head: RequestHead): boolean {
  return head.get(Known.upgrade)?.toLowerCase() === "websocket";
}

function setExpectedTimeout(
  head: RequestHead,
  timeouts: Timeouts,
  elapsedMs: number,
  options: Pick<RouterOptions, "suppressEnvoyHeaders">,
): void {
  const ms = options.suppressEnvoyHeaders ? 0 : timeouts.expectedMs(elapsedMs);
  if (ms === 0) return;
  const text = ms === 15000 ? "15000" : String(ms);
  head.set("x-envoy-expected-rq-timeout-ms", text, Known["x-envoy-expected-rq-timeout-ms"]);
}
