import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const type = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.";
const service = (more: Json = {}): Json => ({
  grpc_service: { envoy_grpc: { cluster_name: "a" } },
  transport_api_version: "V3",
  ...more,
});
const filters = (config: Json): Json[] => [
  {
    name: "limit",
    typed_config: { "@type": `${type}RateLimit`, domain: "d", rate_limit_service: service(), ...config },
  },
];
const path = "http_filters[0].typed_config";

export const ofRateLimit: readonly FilterConfigCase[] = [
  { name: "ratelimit: a cluster that is not there", filters: filters({}) },
  {
    name: "ratelimit: per route, an option that is not read",
    filters: filters({}),
    route: { typed_per_filter_config: { limit: { "@type": `${type}RateLimitPerRoute`, override_option: 2 } } },
    warns: "is accepted, but has no effect",
  },
  {
    name: "ratelimit: an old version of the API",
    filters: filters({ rate_limit_service: service({ transport_api_version: "V2" }) }),
    error: {
      path: `${path}.rate_limit_service.transport_api_version`,
      says: "must be V3",
      envoySays: "The v2 xDS major version has been removed and is no longer supported",
    },
  },
  {
    name: "ratelimit: no domain",
    filters: filters({ domain: "" }),
    error: { path: `${path}.domain`, says: "", envoySays: "value length must be at least 1 characters" },
  },
  {
    name: "ratelimit: google_grpc",
    filters: filters({
      rate_limit_service: service({ grpc_service: { google_grpc: { target_uri: "127.0.0.1:1", stat_prefix: "a" } } }),
    }),
    error: { path: `${path}.rate_limit_service.grpc_service.google_grpc`, says: "not implemented", envoySays: null },
  },
];
