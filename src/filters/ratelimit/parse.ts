import { type GrpcServiceSpec, parseGrpcService } from "../../proto/api-source.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import { ApiVersion } from "../../proto/generated/envoy/config/core/v3/config_source_pb.ts";
import {
  type RateLimit,
  type RateLimitPerRoute,
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../../proto/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseAddition } from "../../router/parse-headers.ts";
import { parseRuntimeFraction } from "../../router/parse-match.ts";
import { parseRateLimits } from "../../router/parse-rate-limits.ts";
import type { RateLimitSpec } from "../../router/rate-limit-spec.ts";
import type { HeaderAddSpec, RuntimeFractionSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { checkMetadata } from "../call-metadata.ts";
import { type VhRateLimits, vhRateLimitsOptions } from "../route-rate-limits.ts";

/** extensions.filters.http.ratelimit.v3.RateLimit. */
export interface RateLimitFilterSpec {
  domain: string;
  stage: number;
  requestType: "internal" | "external" | "both";
  /** Of one call. */
  timeoutMs: number;
  service: Omit<GrpcServiceSpec, "google">;
  deniesOnFailure: boolean;
  /** Instead of deniesOnFailure; null where it is not said. */
  failureDenied: RuntimeFractionSpec | null;
  isResourceExhausted: boolean;
  status: number;
  statusOnError: number;
  hasXRateLimitHeaders: boolean;
  hasXEnvoyRateLimited: boolean;
  hasRetryAfter: boolean;
  responseHeaders: HeaderAddSpec[];
  /** Between "ratelimit." and the name of a counter: "" or with a dot at its end. */
  statPrefix: string;
  enabled: RuntimeFractionSpec;
  enforced: RuntimeFractionSpec;
  rateLimits: RateLimitSpec[];
  metadataNamespace: string;
}

/** RateLimitPerRoute. */
export interface RateLimitRouteSpec {
  vhRateLimits: VhRateLimits;
  rateLimits: RateLimitSpec[];
  /** "" for the filter's. */
  domain: string;
}

/** null after a fault. */
export function parseRateLimit(message: RateLimit, problems: Problems): RateLimitFilterSpec | null {
  checkCoverage(RateLimitSchema, message, problems, { honoured, harmless: [] });
  const at = problems.at("rate_limit_service");
  const { grpcService, transportApiVersion } = message.rateLimitService ?? {};
  if (transportApiVersion === ApiVersion.V2) {
    at.error("transport_api_version", "must be V3", {
      envoyText: "The v2 xDS major version has been removed and is no longer supported",
    });
  }
  if (grpcService === undefined) return null;
  const service = parseGrpcService(grpcService, at.at("grpc_service"));
  if (service === null) return null;
  checkMetadata(grpcService, at.at("grpc_service"));
  const { google, ...rest } = service;
  if (google !== null) {
    at.error("grpc_service.google_grpc", "is not implemented for filters in Nuncio yet; envoy_grpc names a cluster");
  }
  const code = message.rateLimitedStatus?.code ?? 0;
  const errorCode = message.statusOnError?.code ?? 0;
  const { requestType } = message;
  return {
    domain: message.domain,
    stage: message.stage,
    requestType: requestType === "internal" || requestType === "external" ? requestType : "both",
    timeoutMs: durationMsOr(message.timeout, 20),
    service: rest,
    deniesOnFailure: message.failureModeDeny,
    failureDenied: parseRuntimeFraction(message.failureModeDenyPercent),
    isResourceExhausted: message.rateLimitedAsResourceExhausted,
    status: code >= 400 ? code : 429,
    statusOnError: errorCode >= 100 && errorCode <= 511 ? errorCode : 500,
    hasXRateLimitHeaders: message.enableXRatelimitHeaders === 1,
    hasXEnvoyRateLimited: !message.disableXEnvoyRatelimitedHeader,
    hasRetryAfter: message.enableRetryAfterHeader,
    responseHeaders: message.responseHeadersToAdd.map((option, i) =>
      parseAddition(option, problems.at(`response_headers_to_add[${i}]`), compileTemplate),
    ),
    statPrefix: message.statPrefix === "" ? "" : `${message.statPrefix}.`,
    enabled: parseRuntimeFraction(message.filterEnabled) ?? always("ratelimit.http_filter_enabled"),
    enforced: parseRuntimeFraction(message.filterEnforced) ?? always("ratelimit.http_filter_enforcing"),
    rateLimits: parseRateLimits(message.rateLimits, problems.at("rate_limits")),
    metadataNamespace: message.metadataNamespace || "envoy.filters.http.ratelimit",
  };
}

export function parseRateLimitPerRoute(message: RateLimitPerRoute, problems: Problems): RateLimitRouteSpec {
  checkCoverage(RateLimitPerRouteSchema, message, problems, {
    honoured: ["vh_rate_limits", "rate_limits", "domain"],
    // Envoy does not read it either.
    harmless: ["override_option"],
  });
  return {
    vhRateLimits: vhRateLimitsOptions[message.vhRateLimits] ?? "OVERRIDE",
    rateLimits: parseRateLimits(message.rateLimits, problems.at("rate_limits")),
    domain: message.domain,
  };
}

/** All, unless the runtime says otherwise. */
function always(runtimeKey: string): RuntimeFractionSpec {
  return { runtimeKey, numerator: 100, denominator: 100 };
}

const honoured = [
  "domain",
  "stage",
  "request_type",
  "timeout",
  "failure_mode_deny",
  "rate_limited_as_resource_exhausted",
  "rate_limit_service",
  "enable_x_ratelimit_headers",
  "disable_x_envoy_ratelimited_header",
  "rate_limited_status",
  "response_headers_to_add",
  "status_on_error",
  "stat_prefix",
  "filter_enabled",
  "filter_enforced",
  "failure_mode_deny_percent",
  "rate_limits",
  "metadata_namespace",
  "enable_retry_after_header",
] as const;
