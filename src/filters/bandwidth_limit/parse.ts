import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  type BandwidthLimit,
  BandwidthLimit_EnableMode,
  BandwidthLimitSchema,
} from "../../proto/generated/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../feature-flag.ts";
import { bytesPerSecond, defaultFillMs } from "../stream-rate-limiter.ts";
import { newTokenBucket, type TokenBucketSpec } from "../token-bucket.ts";

/** extensions.filters.http.bandwidth_limit.v3.BandwidthLimit, of the filter or of a route. */
export interface BandwidthLimitSpec {
  statPrefix: string;
  limitsRequests: boolean;
  limitsResponses: boolean;
  /** A token a byte; of all workers. */
  bucket: TokenBucketSpec;
  fillMs: number;
  enabled: FeatureFlagSpec;
  tellsDelays: boolean;
  /** Of the trailers that tell them, with its "-"; "" for none. */
  trailerPrefix: string;
}

export function parseBandwidthLimit(message: BandwidthLimit, problems: Problems): BandwidthLimitSpec {
  checkCoverage(BandwidthLimitSchema, message, problems, { honoured, harmless: [] });
  const { enableMode: mode } = message;
  const limit = bytesPerSecond(message.limitKbps ?? 0n);
  return {
    statPrefix: message.statPrefix,
    limitsRequests: mode === BandwidthLimit_EnableMode.REQUEST || mode === both,
    limitsResponses: mode === BandwidthLimit_EnableMode.RESPONSE || mode === both,
    bucket: newTokenBucket(limit, limit, 1000),
    fillMs: durationMsOr(message.fillInterval, defaultFillMs),
    enabled: parseFeatureFlag(message.runtimeEnabled),
    tellsDelays: message.enableResponseTrailers,
    trailerPrefix: message.responseTrailerPrefix === "" ? "" : `${message.responseTrailerPrefix.toLowerCase()}-`,
  };
}

export function parseBandwidthLimitPerRoute(message: BandwidthLimit, problems: Problems): BandwidthLimitSpec {
  if (message.limitKbps === undefined) {
    const text = "limit must be set for per route filter config";
    problems.error("limit_kbps", text, { envoyText: text });
  }
  return parseBandwidthLimit(message, problems);
}

const both = BandwidthLimit_EnableMode.REQUEST_AND_RESPONSE;
const honoured = [
  "stat_prefix",
  "enable_mode",
  "limit_kbps",
  "fill_interval",
  "runtime_enabled",
  "enable_response_trailers",
  "response_trailer_prefix",
] as const;
