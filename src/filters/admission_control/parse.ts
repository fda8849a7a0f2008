import { checkCoverage } from "../../proto/coverage.ts";
import { durationMs } from "../../proto/duration.ts";
import type { RuntimePercent } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type AdmissionControl,
  type AdmissionControl_SuccessCriteria,
  AdmissionControlSchema,
} from "../../proto/generated/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../feature-flag.ts";

/** extensions.filters.http.admission_control.v3.AdmissionControl. */
export interface AdmissionControlSpec {
  enabled: FeatureFlagSpec;
  /** HTTP statuses that are a success: from the first to in front of the second. */
  httpRanges: [number, number][];
  grpcStatuses: number[];
  windowMs: number;
  aggression: RuntimeNumberSpec;
  successThresholdPct: RuntimeNumberSpec;
  rpsThreshold: RuntimeNumberSpec;
  maxRejectionPct: RuntimeNumberSpec;
}

/** A number that a runtime key overrides; "" for none. */
export interface RuntimeNumberSpec {
  byDefault: number;
  runtimeKey: string;
}

export function parseAdmissionControl(message: AdmissionControl, problems: Problems): AdmissionControlSpec {
  checkCoverage(AdmissionControlSchema, message, problems, { honoured, harmless: [] });
  const { aggression, rpsThreshold, srThreshold } = message;
  const fail = (path: string, text: string) => problems.error(path, text, { envoyText: text });
  if (srThreshold !== undefined && (srThreshold.defaultValue?.value ?? 0) < 1) {
    fail("sr_threshold.default_value", "Success rate threshold cannot be less than 1.0%.");
  }
  const criteria = message.evaluationCriteria.case === "successCriteria" ? message.evaluationCriteria.value : null;
  const scope = problems.at("success_criteria");
  return {
    enabled: parseFeatureFlag(message.enabled),
    httpRanges: parseHttp(criteria, scope),
    grpcStatuses: parseGrpc(criteria, scope),
    windowMs: Math.trunc((durationMs(message.samplingWindow) ?? defaultWindowMs) / 1000) * 1000,
    aggression: { byDefault: aggression?.defaultValue ?? 1, runtimeKey: aggression?.runtimeKey ?? "" },
    successThresholdPct: parsePercent(srThreshold, 95),
    rpsThreshold: { byDefault: rpsThreshold?.defaultValue ?? 0, runtimeKey: rpsThreshold?.runtimeKey ?? "" },
    maxRejectionPct: parsePercent(message.maxRejectionProbability, 80),
  };
}

function parsePercent(message: RuntimePercent | undefined, otherwise: number): RuntimeNumberSpec {
  if (message === undefined) return { byDefault: otherwise, runtimeKey: "" };
  return { byDefault: message.defaultValue?.value ?? 0, runtimeKey: message.runtimeKey };
}

function parseHttp(criteria: AdmissionControl_SuccessCriteria | null, problems: Problems): [number, number][] {
  const http = criteria?.httpCriteria;
  if (http === undefined) return [[0, 500]];
  return http.httpSuccessStatus.map(({ start, end }, i) => {
    if (start >= end || start < 100 || end > 600) {
      const text = `invalid HTTP range: [${start}, ${end})`;
      problems.error(`http_criteria.http_success_status[${i}]`, text, { envoyText: text });
    }
    return [start, end];
  });
}

function parseGrpc(criteria: AdmissionControl_SuccessCriteria | null, problems: Problems): number[] {
  const grpc = criteria?.grpcCriteria;
  if (grpc === undefined) return [...defaultGrpcStatuses];
  for (const [i, status] of grpc.grpcSuccessStatus.entries()) {
    if (status <= 16) continue;
    const text = `invalid gRPC code: ${status}`;
    problems.error(`grpc_criteria.grpc_success_status[${i}]`, text, { envoyText: text });
  }
  return grpc.grpcSuccessStatus;
}

/** Envoy: SuccessCriteriaEvaluator's: what is the client's fault, or nobody's. */
const defaultGrpcStatuses = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];
const defaultWindowMs = 30_000;
const honoured = [
  "enabled",
  "success_criteria",
  "sampling_window",
  "aggression",
  "sr_threshold",
  "rps_threshold",
  "max_rejection_probability",
] as const;
