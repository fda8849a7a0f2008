import { checkCoverage } from "../../proto/coverage.ts";
import type { LocalRateLimitDescriptor } from "../../proto/generated/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts";
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from "../../proto/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseAddition } from "../../router/parse-headers.ts";
import { parseRuntimeFraction } from "../../router/parse-match.ts";
import { parseRateLimits } from "../../router/parse-rate-limits.ts";
import type { RateLimitSpec } from "../../router/rate-limit-spec.ts";
import type { HeaderAddSpec, RuntimeFractionSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { parseTokenBucket } from "../parse-token-bucket.ts";
import { type VhRateLimits, vhRateLimitsOptions } from "../route-rate-limits.ts";
import type { TokenBucketSpec } from "../token-bucket.ts";
import { type DynamicBucketsSpec, newDynamicBuckets } from "./dynamic-buckets.ts";

/** extensions.filters.http.local_ratelimit.v3.LocalRateLimit. */
export interface LocalRateLimitSpec {
  statPrefix: string;
  status: number;
  isResourceExhausted: boolean;
  /** null: only descriptors limit. */
  bucket: TokenBucketSpec | null;
  descriptors: LocalDescriptorSpec[];
  alwaysTakesDefault: boolean;
  isPerConnection: boolean;
  enabled: RuntimeFractionSpec | null;
  enforced: RuntimeFractionSpec | null;
  requestHeaders: HeaderAddSpec[];
  responseHeaders: HeaderAddSpec[];
  stage: number;
  hasXRateLimitHeaders: boolean;
  hasRetryAfter: boolean;
  vhRateLimits: VhRateLimits;
  rateLimits: RateLimitSpec[];
}

/** One entry of `descriptors`. */
export interface LocalDescriptorSpec {
  /** A value of "" stands for any: each value has a bucket of its own. */
  entries: [key: string, value: string][];
  bucket: TokenBucketSpec;
  /** null where every entry has a value. */
  dynamic: DynamicBucketsSpec | null;
  isShadow: boolean;
}

/** Of a route: it stands in for the filter's. */
export function parseLocalRateLimitPerRoute(message: LocalRateLimit, problems: Problems): LocalRateLimitSpec {
  if (message.tokenBucket === undefined) {
    const text = "local rate limit token bucket must be set for per filter configs";
    problems.error("token_bucket", text, { envoyText: text });
  }
  return parseLocalRateLimit(message, problems);
}

export function parseLocalRateLimit(message: LocalRateLimit, problems: Problems): LocalRateLimitSpec {
  checkCoverage(LocalRateLimitSchema, message, problems, { honoured, harmless: [] });
  const bucket =
    message.tokenBucket === undefined ? null : parseTokenBucket(message.tokenBucket, "", problems.at("token_bucket"));
  const additions = (name: string, options: LocalRateLimit["responseHeadersToAdd"]) =>
    options.map((option, i) => parseAddition(option, problems.at(`${name}[${i}]`), compileTemplate));
  const code = message.status?.code ?? 429;
  return {
    statPrefix: message.statPrefix,
    status: code >= 400 ? code : 429,
    isResourceExhausted: message.rateLimitedAsResourceExhausted,
    bucket,
    descriptors: parseDescriptors(message, problems),
    alwaysTakesDefault: message.alwaysConsumeDefaultTokenBucket ?? true,
    isPerConnection: message.localRateLimitPerDownstreamConnection,
    enabled: parseRuntimeFraction(message.filterEnabled),
    enforced: parseRuntimeFraction(message.filterEnforced),
    requestHeaders: additions("request_headers_to_add_when_not_enforced", message.requestHeadersToAddWhenNotEnforced),
    responseHeaders: additions("response_headers_to_add", message.responseHeadersToAdd),
    stage: message.stage,
    hasXRateLimitHeaders: message.enableXRatelimitHeaders === 1,
    hasRetryAfter: message.enableRetryAfterHeader,
    vhRateLimits: vhRateLimitsOptions[message.vhRateLimits] ?? "OVERRIDE",
    rateLimits: parseRateLimits(message.rateLimits, problems.at("rate_limits")),
  };
}

function parseDescriptors(message: LocalRateLimit, problems: Problems): LocalDescriptorSpec[] {
  const seen = new Set<string>();
  return message.descriptors.flatMap((descriptor, i) => {
    const scope = problems.at(`descriptors[${i}]`);
    const spec = parseDescriptor(descriptor, message.maxDynamicDescriptors ?? 20, scope);
    if (spec === null) return [];
    const key = JSON.stringify(spec.entries);
    if (seen.has(key)) {
      const text = `duplicate descriptor in the local rate descriptor: ${descriptor.entries.map((one) => `${one.key}=${one.value}`).join(", ")}`;
      scope.error("entries", "an entry before has the same", { envoyText: text });
    }
    seen.add(key);
    return [spec];
  });
}

function parseDescriptor(
  message: LocalRateLimitDescriptor,
  maxDynamic: number,
  problems: Problems,
): LocalDescriptorSpec | null {
  if (message.tokenBucket === undefined) return null;
  const bucket = parseTokenBucket(message.tokenBucket, "descriptor ", problems.at("token_bucket"));
  if (bucket === null) return null;
  const entries = message.entries.map(({ key, value }): [string, string] => [key, value]);
  const isDynamic = entries.some(([, value]) => value === "");
  return {
    entries,
    bucket,
    dynamic: isDynamic ? newDynamicBuckets(maxDynamic) : null,
    isShadow: message.shadowMode,
  };
}

const honoured = [
  "stat_prefix",
  "status",
  "token_bucket",
  "filter_enabled",
  "filter_enforced",
  "request_headers_to_add_when_not_enforced",
  "response_headers_to_add",
  "descriptors",
  "stage",
  "local_rate_limit_per_downstream_connection",
  "enable_x_ratelimit_headers",
  "vh_rate_limits",
  "always_consume_default_token_bucket",
  "rate_limited_as_resource_exhausted",
  "rate_limits",
  "max_dynamic_descriptors",
  "enable_retry_after_header",
] as const;
