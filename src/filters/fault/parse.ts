import { checkCoverage } from "../../proto/coverage.ts";
import { durationMs } from "../../proto/duration.ts";
import type {
  FaultDelay,
  FaultRateLimit,
} from "../../proto/generated/envoy/extensions/filters/common/fault/v3/fault_pb.ts";
import {
  type FaultAbort,
  FaultAbortSchema,
  type HTTPFault,
  HTTPFaultSchema,
} from "../../proto/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import { parsePercent } from "../../proto/percent.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderMatcher } from "../../router/parse-match.ts";
import type { Fraction } from "../../router/runtime-fraction.ts";
import type { HeaderMatcherSpec } from "../../router/spec.ts";
import { bytesPerSecond } from "../stream-rate-limiter.ts";

/** extensions.filters.http.fault.v3.HTTPFault. */
export interface FaultSpec {
  /** `fixedMs` null: the request says it. */
  delay: { fixedMs: number | null; share: Fraction } | null;
  /** Both null: the request says it; 0 for none of that kind. */
  abort: { httpStatus: number | null; grpcStatus: number | null; share: Fraction } | null;
  /** `bytesPerSecond` null: the request says it. */
  responseRate: { bytesPerSecond: number | null; share: Fraction } | null;
  /** "" for any. */
  upstreamCluster: string;
  headers: HeaderMatcherSpec[];
  downstreamNodes: string[];
  /** null for no limit. */
  maxActive: number | null;
  /** How many are active, of all workers: an Int32. */
  active: SharedArrayBuffer;
  countsByCluster: boolean;
  metadata: Record<string, unknown> | null;
  keys: Record<
    "delayPercent" | "abortPercent" | "delayMs" | "httpStatus" | "grpcStatus" | "maxActive" | "ratePercent",
    string
  >;
}

export function parseFault(message: HTTPFault, problems: Problems): FaultSpec {
  checkCoverage(HTTPFaultSchema, message, problems, { honoured, harmless: [] });
  return {
    delay: message.delay === undefined ? null : parseDelay(message.delay),
    abort: message.abort === undefined ? null : parseAbort(message.abort, problems.at("abort")),
    responseRate: message.responseRateLimit === undefined ? null : parseRate(message.responseRateLimit),
    upstreamCluster: message.upstreamCluster,
    headers: message.headers.map((matcher, i) => parseHeaderMatcher(matcher, problems.at(`headers[${i}]`))),
    downstreamNodes: message.downstreamNodes,
    maxActive: message.maxActiveFaults ?? null,
    active: new SharedArrayBuffer(4),
    countsByCluster: !message.disableDownstreamClusterStats,
    metadata: message.filterMetadata === undefined ? null : (message.filterMetadata as Record<string, unknown>),
    keys: {
      delayPercent: message.delayPercentRuntime || "fault.http.delay.fixed_delay_percent",
      abortPercent: message.abortPercentRuntime || "fault.http.abort.abort_percent",
      delayMs: message.delayDurationRuntime || "fault.http.delay.fixed_duration_ms",
      httpStatus: message.abortHttpStatusRuntime || "fault.http.abort.http_status",
      grpcStatus: message.abortGrpcStatusRuntime || "fault.http.abort.grpc_status",
      ratePercent: message.responseRateLimitPercentRuntime || "fault.http.rate_limit.response_percent",
      maxActive: message.maxActiveFaultsRuntime || "fault.http.max_active_faults",
    },
  };
}

function parseDelay({ faultDelaySecifier: type, percentage }: FaultDelay): FaultSpec["delay"] {
  const fixedMs = type.case === "fixedDelay" ? (durationMs(type.value) ?? 0) : null;
  return { fixedMs, share: parsePercent(percentage) };
}

function parseRate({ limitType: type, percentage }: FaultRateLimit): FaultSpec["responseRate"] {
  const rate = type.case === "fixedLimit" ? bytesPerSecond(type.value.limitKbps) : null;
  return { bytesPerSecond: rate, share: parsePercent(percentage) };
}

function parseAbort(message: FaultAbort, problems: Problems): FaultSpec["abort"] {
  checkCoverage(FaultAbortSchema, message, problems, {
    honoured: ["http_status", "grpc_status", "header_abort", "percentage"],
    harmless: ["response_body"],
  });
  const type = message.errorType;
  return {
    httpStatus: type.case === "httpStatus" ? type.value : type.case === "grpcStatus" ? 0 : null,
    grpcStatus: type.case === "grpcStatus" ? type.value : type.case === "httpStatus" ? -1 : null,
    share: parsePercent(message.percentage),
  };
}

const honoured = [
  "delay",
  "abort",
  "response_rate_limit",
  "response_rate_limit_percent_runtime",
  "upstream_cluster",
  "headers",
  "downstream_nodes",
  "max_active_faults",
  "delay_percent_runtime",
  "abort_percent_runtime",
  "delay_duration_runtime",
  "abort_http_status_runtime",
  "abort_grpc_status_runtime",
  "max_active_faults_runtime",
  "disable_downstream_cluster_stats",
  "filter_metadata",
] as const;
