import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  type HealthCheck,
  HealthCheckSchema,
} from "../../proto/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderMatcher } from "../../router/parse-match.ts";
import type { HeaderMatcherSpec } from "../../router/spec.ts";

/** envoy.extensions.filters.http.health_check.v3.HealthCheck. */
export interface HealthCheckSpec {
  /** The upstream answers. */
  passThrough: boolean;
  /** How long its answer stands for the next ones; 0: not at all. */
  cacheMs: number;
  /** What a health check is known by; all must match. */
  headers: HeaderMatcherSpec[];
  /** Whole percent of hosts that must be healthy, by cluster. */
  minHealthyPct: [cluster: string, percent: number][];
}

/** HealthCheck to its Spec. */
export function parseHealthCheck(message: HealthCheck, problems: Problems): HealthCheckSpec {
  checkCoverage(HealthCheckSchema, message, problems, {
    honoured: ["pass_through_mode", "cache_time", "headers", "cluster_min_healthy_percentages"],
    harmless: [],
  });
  const passThrough = message.passThroughMode ?? false;
  const minHealthyPct = Object.entries(message.clusterMinHealthyPercentages).map(
    ([cluster, { value }]): [string, number] => [cluster, Math.trunc(value)],
  );
  const cacheMs = durationMsOr(message.cacheTime, 0);
  if (!passThrough && cacheMs > 0) {
    problems.error("cache_time", "means nothing without pass_through_mode", {
      envoyText: "cache_time_ms must not be set when path_through_mode is disabled",
    });
  }
  if (passThrough && minHealthyPct.length > 0) {
    problems.warning("cluster_min_healthy_percentages", "means nothing with pass_through_mode");
  }
  const headers = message.headers.map((header, i) => parseHeaderMatcher(header, problems.at(`headers[${i}]`)));
  return { passThrough, cacheMs, headers, minHealthyPct };
}
