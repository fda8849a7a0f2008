import { durationMs } from "../proto/duration.ts";
import type { TokenBucket } from "../proto/generated/envoy/type/v3/token_bucket_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { newTokenBucket, type TokenBucketSpec } from "./token-bucket.ts";

/** type.v3.TokenBucket; null after a fault. `whose` stands in Envoy's words; `make`: for buckets that several filters have. */
export function parseTokenBucket(
  message: TokenBucket,
  whose: "" | "descriptor ",
  problems: Problems,
  make: typeof newTokenBucket = newTokenBucket,
): TokenBucketSpec | null {
  const interval = durationMs(message.fillInterval) ?? 0;
  if (interval < minFillMs) {
    const text = `local rate limit ${whose}token bucket fill timer must be >= 50ms`;
    problems.error("fill_interval", text, { envoyText: text });
    return null;
  }
  return make(message.maxTokens, message.tokensPerFill ?? 1, interval);
}

const minFillMs = 50;
