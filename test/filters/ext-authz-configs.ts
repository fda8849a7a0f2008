import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const type = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.";
const grpc: Json = { grpc_service: { envoy_grpc: { cluster_name: "c" } }, transport_api_version: "V3" };
const http = (more: Json = {}): Json => ({
  http_service: { server_uri: { uri: "http://a/", cluster: "c", timeout: "1s" }, ...more },
});
const filters = (config: Json): Json[] => [{ name: "a", typed_config: { "@type": `${type}ExtAuthz`, ...config } }];
const route = (config: Json): Json => ({
  typed_per_filter_config: { a: { "@type": `${type}ExtAuthzPerRoute`, ...config } },
});
const path = "http_filters[0].typed_config";
const perRoute = `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["a"]`;
const notDone = (field: string, config: Json): FilterConfigCase => ({
  name: `ext_authz: ${field}`,
  filters: filters(config),
  error: { path: `${path}.${field}`, says: "not implemented", envoySays: null },
});

export const ofExtAuthz: readonly FilterConfigCase[] = [
  { name: "ext_authz by gRPC", filters: filters(grpc), route: route({ disabled: true }) },
  { name: "ext_authz by HTTP", filters: filters(http()) },
  {
    name: "ext_authz: clusters that are not there",
    filters: filters({ ...grpc, grpc_service: { envoy_grpc: { cluster_name: "none" } } }),
  },
  ...["%NOPE%", "%REQ(a", "100%"].map((value) => ({
    name: `ext_authz: initial_metadata ${value}`,
    filters: filters({
      ...grpc,
      grpc_service: { envoy_grpc: { cluster_name: "c" }, initial_metadata: [{ key: "a", value }] },
    }),
    // Envoy's validation takes it.
    error: { path: `${path}.grpc_service.initial_metadata[0].value`, says: "", envoySays: null },
  })),
  {
    name: "ext_authz: no service",
    filters: filters({}),
    error: { path, says: "names no service", envoySays: null },
  },
  { name: "ext_authz: no version of the API", filters: filters({ grpc_service: grpc.grpc_service }) },
  {
    name: "ext_authz: an old version of the API",
    filters: filters({ ...grpc, transport_api_version: "V2" }),
    error: {
      path: `${path}.transport_api_version`,
      says: "must be V3",
      envoySays: "The v2 xDS major version has been removed and is no longer supported",
    },
  },
  { name: "ext_authz: an HTTP service without a URI", filters: filters({ http_service: {} }) },
  {
    name: "ext_authz: a body of 0 bytes",
    filters: filters({ ...grpc, with_request_body: { max_request_bytes: 0 } }),
    error: { path: `${path}.with_request_body.max_request_bytes`, says: "", envoySays: "value must be greater than 0" },
  },
  {
    name: "ext_authz: a path prefix without a slash",
    filters: filters(http({ path_prefix: "check" })),
    error: {
      path: `${path}.http_service.path_prefix`,
      says: "must begin with",
      envoySays: "path_prefix should start with",
    },
  },
  {
    name: "ext_authz: a path override without a slash",
    filters: filters(http({ path_override: "check" })),
    error: {
      path: `${path}.http_service.path_override`,
      says: "must begin with",
      envoySays: "path_override should start with",
    },
  },
  {
    name: "ext_authz: a path prefix and override",
    filters: filters(http({ path_prefix: "/a", path_override: "/b" })),
    error: {
      path: `${path}.http_service.path_override`,
      says: "Only one",
      envoySays: "Only one of path_prefix or path_override",
    },
  },
  {
    name: "ext_authz: allowed headers in two places",
    filters: filters({
      ...http({ authorization_request: { allowed_headers: { patterns: [{ exact: "a" }] } } }),
      allowed_headers: { patterns: [{ exact: "b" }] },
    }),
    error: {
      path: `${path}.allowed_headers`,
      says: "duplicate",
      envoySays: "Invalid duplicate configuration for allowed_headers.",
    },
  },
  {
    name: "ext_authz: a pseudo-field to add",
    filters: filters(http({ authorization_request: { headers_to_add: [{ key: ":path", value: "/" }] } })),
    error: {
      path: `${path}.http_service.authorization_request.headers_to_add[0].key`,
      says: "cannot be changed",
      envoySays: ":-prefixed or host headers may not be modified",
    },
  },
  {
    name: "ext_authz: an expression that is none",
    filters: filters({ ...grpc, decoder_header_mutation_rules: { allow_expression: { regex: "(" } } }),
    error: {
      path: `${path}.decoder_header_mutation_rules.allow_expression.regex`,
      says: "RE2 refuses",
      envoySays: "missing )",
    },
  },
  {
    name: "ext_authz: a route that says nothing",
    route: route({}),
    error: { path: perRoute, says: "", envoySays: "reason: is required" },
  },
  {
    name: "ext_authz: a route where disabled is false",
    filters: filters(grpc),
    route: route({ disabled: false }),
  },
  {
    name: "ext_authz: a route with a body that it does not want",
    filters: filters(grpc),
    route: route({
      check_settings: { disable_request_body_buffering: true, with_request_body: { max_request_bytes: 1 } },
    }),
    error: {
      path: `${perRoute}.check_settings.with_request_body`,
      says: "Only one of",
      envoySays: "Invalid configuration for check_settings.",
    },
  },
  notDone(
    "http_service.retry_policy.host_selection_retry_max_attempts",
    http({ retry_policy: { host_selection_retry_max_attempts: 3 } }),
  ),
  {
    name: "ext_authz: retries of kinds that are not there",
    filters: filters(http({ retry_policy: { retry_on: "5xx,refused-stream" } })),
    error: { path: `${path}.http_service.retry_policy.retry_on`, says: "in Nuncio yet", envoySays: null },
  },
  {
    name: "ext_authz: a longest wait below the first",
    filters: filters(http({ retry_policy: { retry_back_off: { base_interval: "2s", max_interval: "1s" } } })),
    error: {
      path: `${path}.http_service.retry_policy.retry_back_off.max_interval`,
      says: "must be greater than or equal",
      envoySays: null,
    },
  },
  notDone("grpc_service.google_grpc", {
    ...grpc,
    grpc_service: { google_grpc: { target_uri: "127.0.0.1:1", stat_prefix: "a" } },
  }),
  notDone("route_typed_metadata_context_namespaces", { ...grpc, route_typed_metadata_context_namespaces: ["a"] }),
  notDone("enforce_response_header_limits", { ...grpc, enforce_response_header_limits: true }),
];
