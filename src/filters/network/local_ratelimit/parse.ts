import { checkCoverage } from "../../../proto/coverage.ts";
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from "../../../proto/generated/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts";
import type { Problems } from "../../../proto/problems.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../../feature-flag.ts";
import { parseTokenBucket } from "../../parse-token-bucket.ts";
import { newTokenBucket, type TokenBucketSpec } from "../../token-bucket.ts";

/** extensions.filters.network.local_ratelimit.v3.LocalRateLimit. */
export interface LocalRateLimitNetworkSpec {
  statPrefix: string;
  bucket: TokenBucketSpec;
  enabled: FeatureFlagSpec;
}

/** null after a fault. */
export function parseLocalRateLimitNetwork(
  message: LocalRateLimit,
  problems: Problems,
): LocalRateLimitNetworkSpec | null {
  const honoured = ["stat_prefix", "token_bucket", "runtime_enabled", "share_key"];
  checkCoverage(LocalRateLimitSchema, message, problems, { honoured, harmless: [] });
  const { tokenBucket, shareKey } = message;
  if (tokenBucket === undefined) return null;
  const bucket = parseTokenBucket(tokenBucket, "", problems.at("token_bucket"), (maxTokens, perFill, intervalMs) =>
    sharedBucket(shareKey, maxTokens, perFill, intervalMs),
  );
  if (bucket === null) return null;
  return { statPrefix: message.statPrefix, bucket, enabled: parseFeatureFlag(message.runtimeEnabled) };
}

/** Filters with one share_key and the same bucket have it together, as long as any of them is there. */
function sharedBucket(shareKey: string, maxTokens: number, perFill: number, intervalMs: number): TokenBucketSpec {
  const key = JSON.stringify([shareKey, maxTokens, perFill, intervalMs]);
  const known = shareKey === "" ? undefined : shared.get(key)?.deref();
  if (known !== undefined) return known;
  const bucket = newTokenBucket(maxTokens, perFill, intervalMs);
  if (shareKey !== "") shared.set(key, new WeakRef(bucket));
  return bucket;
}

const shared = new Map<string, WeakRef<TokenBucketSpec>>();
