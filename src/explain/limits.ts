import type { Overrides } from "../filters/router/overrides.ts";
import type { Timeouts } from "../filters/router/timeouts.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import { parseRetryGrpcOn, parseRetryOn, retryWords } from "../router/retry-on.ts";
import type { ClusterActionSpec, VirtualHostSpec } from "../router/spec.ts";
import type { ClusterSpec } from "../upstream/spec.ts";
import { duration } from "./describe.ts";
import type { Winner } from "./explanation.ts";

/** What says of the limits of a request. */
export interface LimitParts {
  action: ClusterActionSpec;
  virtualHost: VirtualHostSpec;
  hcm: HcmSpec;
  cluster: ClusterSpec;
  /** As the router filter set them. */
  timeouts: Timeouts;
  overrides: Overrides;
}

/** The time limits in force, and where each comes from. */
export function describeTimeouts({ action, hcm, timeouts, overrides }: LimitParts): Winner["timeouts"] {
  const { timeoutMs, idleTimeoutMs, maxStreamDuration } = action;
  const configured = timeoutMs === 15_000 ? "Envoy's default" : "route.timeout";
  const list = [
    {
      name: "timeout",
      ms: timeouts.globalMs,
      from: timeouts.globalMs === timeoutMs ? configured : "x-envoy-upstream-rq-timeout-ms",
    },
  ];
  if (timeouts.perTryMs > 0) {
    const from = overrides.perTryTimeoutMs >= 0 ? "x-envoy-upstream-rq-per-try-timeout-ms" : "retry policy";
    list.push({ name: "timeout of each try", ms: timeouts.perTryMs, from });
  }
  if (timeouts.perTryIdleMs > 0) {
    list.push({ name: "idle timeout of each try", ms: timeouts.perTryIdleMs, from: "retry policy" });
  }
  if (idleTimeoutMs !== null) list.push({ name: "idle timeout", ms: idleTimeoutMs, from: "route.idle_timeout" });
  else {
    const byDefault = hcm.streamIdleTimeoutMs === 300_000 ? ", by default" : "";
    const from = `stream_idle_timeout of the connection manager${byDefault}`;
    list.push({ name: "idle timeout", ms: hcm.streamIdleTimeoutMs, from });
  }
  const maxMs = maxStreamDuration?.maxStreamDurationMs ?? null;
  if (maxMs !== null) list.push({ name: "max stream duration", ms: maxMs, from: "route.max_stream_duration" });
  else if (hcm.maxStreamDurationMs > 0) {
    const from = "common_http_protocol_options of the connection manager";
    list.push({ name: "max stream duration", ms: hcm.maxStreamDurationMs, from });
  }
  return list;
}

/** What is retried, and who says so; null where nothing is. */
export function describeRetries({ action, virtualHost, cluster, overrides }: LimitParts): Winner["retries"] {
  const levels = [
    { from: "cluster", policy: cluster.retryPolicy },
    { from: "route", policy: action.retryPolicy },
    { from: "virtual host", policy: virtualHost.retryPolicy },
  ];
  const { from, policy } = levels.find((level) => level.policy !== null) ?? { from: "", policy: null };
  const asked = overrides.retry;
  if (policy === null && asked?.isAsked !== true) return null;
  const bits = (policy?.retryOn ?? 0) | (asked?.retryOn ?? 0);
  const words = retryWords().filter((word) => ((parseRetryOn(word) | parseRetryGrpcOn(word)) & bits) !== 0);
  const max = asked?.maxRetries ?? -1;
  const sources = [from, asked === null ? "" : "headers of the request"].filter((source) => source !== "");
  return {
    retryOn: words.join(","),
    numRetries: max >= 0 ? max : (policy?.numRetries ?? 1),
    from: sources.join(" and "),
  };
}

/** How a time limit is told: "timeout 15s (Envoy's default)". */
export function timeoutText({ name, ms, from }: Winner["timeouts"][0]): string {
  return `${name} ${duration(ms)} (${from})`;
}
