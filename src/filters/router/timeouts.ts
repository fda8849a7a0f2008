import { type LocalReply, localReplies, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { RetryPolicy } from "../../router/retry-policy.ts";
import type { Route } from "../../router/route.ts";
import type { Overrides } from "./overrides.ts";

/** The time limits of one request: the route's, its retry policy's, and what a trusted client says. Envoy: FilterUtility::finalTimeout. */
export class Timeouts {
  /** Of the whole response, from the end of the request. 0 for none, here as below. */
  globalMs = 0;
  perTryMs = 0;
  perTryIdleMs = 0;
  /** An attempt that takes too long goes on beside the next one. */
  isHedging = false;
  /** What a limit is answered with. */
  reply: LocalReply = localReplies.responseTimeout;

  set(route: Route, policy: RetryPolicy | null, overrides: Overrides): void {
    this.globalMs = overrides.timeoutMs;
    this.isHedging = overrides.hedgesOnPerTryTimeout ?? route.hedgeOnPerTryTimeout;
    this.reply = overrides.hasAltTimeoutResponse ? localReplies.altResponseTimeout : localReplies.responseTimeout;
    const perTryMs = overrides.perTryTimeoutMs >= 0 ? overrides.perTryTimeoutMs : (policy?.perTryTimeoutMs ?? 0);
    this.perTryMs = this.globalMs > 0 && perTryMs >= this.globalMs ? 0 : perTryMs;
    this.perTryIdleMs = policy?.perTryIdleTimeoutMs ?? 0;
  }

  /** For x-envoy-expected-rq-timeout-ms, `elapsedMs` after the end of the request. 0: nothing to say. */
  expectedMs(elapsedMs: number): number {
    const { globalMs } = this;
    const expected = this.isHedging || this.perTryMs === 0 ? globalMs : this.perTryMs;
    if (expected === 0 || globalMs === 0) return expected;
    return elapsedMs >= globalMs ? 1 : Math.min(expected, globalMs - Math.floor(elapsedMs));
  }

  /** What the limit of an attempt is answered with when none follows it. */
  perTryReply(isIdle: boolean): LocalReply {
    const details = isIdle ? "upstream_per_try_idle_timeout" : "upstream_per_try_timeout";
    return localReply(this.reply.status, this.reply.body, details, ResponseFlag.UT);
  }
}
