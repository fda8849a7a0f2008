import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const type = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.";
const filters = (config: Json): Json[] => [{ name: "b", typed_config: { "@type": `${type}Buffer`, ...config } }];
const route = (config: Json): Json => ({
  typed_per_filter_config: { b: { "@type": `${type}BufferPerRoute`, ...config } },
});
const path = "http_filters[0].typed_config";
const perRoute = `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["b"]`;

export const ofBuffer: readonly FilterConfigCase[] = [
  { name: "buffer", filters: filters({ max_request_bytes: 1 }), route: route({ buffer: { max_request_bytes: 2 } }) },
  {
    name: "buffer: no limit",
    filters: filters({}),
    error: {
      path: `${path}.max_request_bytes`,
      says: "",
      envoySays: "BufferValidationError.MaxRequestBytes: value is required and must not be n",
    },
  },
  {
    name: "buffer: the limit 0",
    filters: filters({ max_request_bytes: 0 }),
    error: { path: `${path}.max_request_bytes`, says: "", envoySays: "value must be greater than 0" },
  },
  {
    name: "buffer: a route that says nothing",
    route: route({}),
    error: { path: perRoute, says: "", envoySays: "reason: is required" },
  },
  {
    name: "buffer: a route where disabled is false",
    route: route({ disabled: false }),
    error: { path: `${perRoute}.disabled`, says: "", envoySays: "value must equal true" },
  },
  {
    name: "buffer: a route with a limit of 0",
    route: route({ buffer: { max_request_bytes: 0 } }),
    error: { path: `${perRoute}.buffer.max_request_bytes`, says: "", envoySays: "value must be greater than 0" },
  },
];
