import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const type = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
const typed = (config: Json): Json => ({ "@type": type, stat_prefix: "limit", ...config });
const filters = (config: Json): Json[] => [{ name: "limit", typed_config: typed(config) }];
const bucket: Json = { max_tokens: 1, fill_interval: "1s" };
const slow: Json = { max_tokens: 1, fill_interval: "0.01s" };
const descriptor = (token_bucket: Json): Json => ({ entries: [{ key: "a", value: "b" }], token_bucket });
const path = "http_filters[0].typed_config";

export const ofLocalRateLimit: readonly FilterConfigCase[] = [
  { name: "local_ratelimit: nothing at all", filters: filters({}) },
  {
    name: "local_ratelimit: a value that is no format string",
    filters: filters({
      token_bucket: bucket,
      rate_limits: [{ actions: [{ generic_key: { descriptor_value: "50% x" } }] }],
    }),
    warns: "is taken as it is",
  },
  {
    name: "local_ratelimit: a bucket that fills too often",
    filters: filters({ token_bucket: slow }),
    error: {
      path: `${path}.token_bucket.fill_interval`,
      says: "must be >= 50ms",
      envoySays: "local rate limit token bucket fill timer must be >= 50ms",
    },
  },
  {
    name: "local_ratelimit: a descriptor's bucket that fills too often",
    filters: filters({ token_bucket: bucket, descriptors: [descriptor(slow)] }),
    error: {
      path: `${path}.descriptors[0].token_bucket.fill_interval`,
      says: "must be >= 50ms",
      envoySays: "local rate limit descriptor token bucket fill timer must be >= 50ms",
    },
  },
  {
    name: "local_ratelimit: one descriptor twice",
    filters: filters({ token_bucket: bucket, descriptors: [descriptor(bucket), descriptor(bucket)] }),
    error: {
      path: `${path}.descriptors[1].entries`,
      says: "an entry before has the same",
      envoySays: "duplicate descriptor in the local rate descriptor: a=b",
    },
  },
  {
    name: "local_ratelimit: two words about hits",
    filters: filters({
      token_bucket: bucket,
      rate_limits: [
        { actions: [{ generic_key: { descriptor_value: "a" } }], hits_addend: { number: 1, format: "%PROTOCOL%" } },
      ],
    }),
    error: {
      path: `${path}.rate_limits[0].hits_addend`,
      says: "either a format or a number",
      envoySays: "hits_addend must contain either a format or a number",
    },
  },
  {
    name: "local_ratelimit: a route without a bucket",
    filters: filters({ token_bucket: bucket }),
    virtualHost: { typed_per_filter_config: { limit: typed({}) } },
    error: {
      path: 'route_config.virtual_hosts[0].typed_per_filter_config["limit"].token_bucket',
      says: "must be set",
      envoySays: "local rate limit token bucket must be set for per filter configs",
    },
  },
];
