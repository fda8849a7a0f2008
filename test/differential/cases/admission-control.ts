import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const filter = (config: Json): Json => ({
  name: "envoy.filters.http.admission_control",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
    success_criteria: {},
    ...config,
  },
});
const percent = (value: number, runtime_key = "x"): Json => ({ default_value: { value }, runtime_key });
/** Chance has no part in it: after one failure all are refused, or none. */
const sure: Json = {
  max_rejection_probability: percent(100),
  aggression: { default_value: 1e9, runtime_key: "y" },
  sampling_window: "60s",
};

/** Each connection sends so many requests that all its lane knows of is of them. */
export const admissionControlSetups: Record<string, Setup> = {
  admission: { filters: [filter(sure)] },
  admissionCriteria: {
    filters: [
      filter({
        ...sure,
        success_criteria: {
          http_criteria: {
            http_success_status: [
              { start: 200, end: 300 },
              { start: 404, end: 405 },
            ],
          },
          grpc_criteria: { grpc_success_status: [0, 14] },
        },
      }),
    ],
  },
  admissionOff: {
    filters: [filter({ ...sure, enabled: { default_value: true, runtime_key: "admission.off" } })],
    runtime: { "admission.off": false },
  },
  admissionNever: {
    filters: [filter({ ...sure, max_rejection_probability: percent(100, "admission.max") })],
    runtime: { "admission.max": 0 },
  },
  admissionSeldom: { filters: [filter({ ...sure, rps_threshold: { default_value: 1000, runtime_key: "z" } })] },
  admissionMild: { filters: [filter({ ...sure, sr_threshold: percent(1) })] },
};

const ok = request("GET /");
const failed = request("GET /", "x-do: status:503");
const missing = request("GET /", "x-do: status:404");
const grpc = (status: number): string =>
  request(
    "POST /",
    "content-type: application/grpc",
    `x-do: header:content-type=application/grpc trailer:grpc-status=${status}`,
  );
const grpcHead = (status: number): string =>
  request(
    "POST /",
    "content-type: application/grpc",
    `x-do: size:0 header:content-type=application/grpc header:grpc-status=${status}`,
  );

export const admissionControlCases: readonly Case[] = [
  c("admission", "successes, a failure, and then nothing passes", [ok, missing, ok, failed, ok, ok]),
  stats("admission"),
  c("admissionCriteria", "those that are said to be a success are", [ok, missing, grpc(0), grpc(14), grpcHead(14), ok]),
  c("admissionCriteria", "others are failures", [request("GET /", "x-do: status:301"), ok]),
  c("admissionCriteria", "gRPC by its trailers", [grpc(5), ok]),
  c("admissionCriteria", "gRPC by its head", [grpcHead(5), ok]),
  stats("admissionCriteria"),
  c("admissionOff", "off by the runtime", [failed, failed, ok]),
  stats("admissionOff"),
  c("admissionNever", "the runtime says how many may be refused", [failed, failed, ok]),
  stats("admissionNever"),
  c("admissionSeldom", "too few requests to judge by", [failed, failed, ok]),
  stats("admissionSeldom"),
  c("admissionMild", "enough successes", [ok, failed, failed, ok]),
  stats("admissionMild"),
];

function c(setup: string, text: string, send: readonly string[]): Case {
  return { name: `${setup}: ${text}`, setup, send };
}

function stats(setup: string): Case {
  return { name: `${setup}: stats`, setup, send: "", stats: "admission_control" };
}
