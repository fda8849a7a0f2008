import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const limit = (config: Json): Json => ({
  "@type": `${http}bandwidth_limit.v3.BandwidthLimit`,
  stat_prefix: "x",
  ...config,
});
const filter = (config: Json): Json[] => [{ name: "f", typed_config: limit(config) }];
const admission = (config: Json): Json[] => [
  {
    name: "f",
    typed_config: { "@type": `${http}admission_control.v3.AdmissionControl`, success_criteria: {}, ...config },
  },
];
const path = "http_filters[0].typed_config";

export const ofTraffic: readonly FilterConfigCase[] = [
  { name: "bandwidth_limit: a limit", filters: filter({ limit_kbps: 1, fill_interval: "0.02s" }) },
  { name: "bandwidth_limit: no limit", filters: filter({ enable_mode: "REQUEST" }) },
  {
    name: "bandwidth_limit: a limit of 0",
    filters: filter({ limit_kbps: 0 }),
    error: { path: `${path}.limit_kbps`, says: "", envoySays: "LimitKbps" },
  },
  {
    name: "bandwidth_limit: too short an interval",
    filters: filter({ limit_kbps: 1, fill_interval: "0.01s" }),
    error: { path: `${path}.fill_interval`, says: "", envoySays: "FillInterval" },
  },
  {
    name: "bandwidth_limit: a route without a limit",
    filters: filter({}),
    route: { typed_per_filter_config: { f: limit({ enable_mode: "RESPONSE" }) } },
    error: {
      path: 'route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"].limit_kbps',
      says: "limit must be set for per route filter config",
      envoySays: "limit must be set for per route filter config",
    },
  },
  {
    name: "fault: a rate of 0",
    filters: [
      {
        name: "f",
        typed_config: {
          "@type": `${http}fault.v3.HTTPFault`,
          response_rate_limit: { fixed_limit: { limit_kbps: 0 }, percentage: {} },
        },
      },
    ],
    error: { path: `${path}.response_rate_limit.fixed_limit.limit_kbps`, says: "", envoySays: "LimitKbps" },
  },
  { name: "admission_control: success_criteria", filters: admission({}) },
  {
    name: "admission_control: nothing at all",
    filters: admission({ success_criteria: undefined }),
    error: { path, says: "", envoySays: "evaluation_criteria" },
  },
  {
    name: "admission_control: a success rate that is too low",
    filters: admission({ sr_threshold: { default_value: { value: 0.5 }, runtime_key: "x" } }),
    error: {
      path: `${path}.sr_threshold.default_value`,
      says: "cannot be less than 1.0%",
      envoySays: "Success rate threshold cannot be less than 1.0%.",
    },
  },
  {
    name: "admission_control: a range of no status",
    filters: admission({ success_criteria: { http_criteria: { http_success_status: [{ start: 99, end: 200 }] } } }),
    error: {
      path: `${path}.success_criteria.http_criteria.http_success_status[0]`,
      says: "invalid HTTP range: [99, 200)",
      envoySays: "invalid HTTP range: [99, 200)",
    },
  },
  {
    name: "admission_control: a gRPC status that is none",
    filters: admission({ success_criteria: { grpc_criteria: { grpc_success_status: [17] } } }),
    error: {
      path: `${path}.success_criteria.grpc_criteria.grpc_success_status[0]`,
      says: "invalid gRPC code",
      envoySays: "invalid gRPC code",
    },
  },
  { name: "admission_control: a window below a second", filters: admission({ sampling_window: "0.5s" }) },
];
