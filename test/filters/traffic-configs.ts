import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const limit = (config: Json): Json => ({
  "@type": `${http}bandwidth_limit.v3.BandwidthLimit`,
  stat_prefix: "x",
  ...config,
});
const filter = (config: Json): Json[] => [{ name: "f", typed_config: limit(config) }];
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
];
