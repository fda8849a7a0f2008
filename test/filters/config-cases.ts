import { ofBuffer } from "./buffer-configs.ts";
import { ofCompression } from "./compression-configs.ts";
import { ofCredentialInjector } from "./credential-injector-configs.ts";
import { ofCredentials } from "./credentials-configs.ts";
import { ofCustomResponse } from "./custom-response-configs.ts";
import { ofExtAuthz } from "./ext-authz-configs.ts";
import { ofFilterChainMatcher } from "./filter-chain-matcher-configs.ts";
import { ofHeaderMutation } from "./header-mutation-configs.ts";
import { ofJwtAuthn } from "./jwt-authn-configs.ts";
import { ofLocalRateLimit } from "./local-ratelimit-configs.ts";
import { ofListenerSockets, ofManager } from "./manager-configs.ts";
import { ofMatchDelegate } from "./match-delegate-configs.ts";
import { ofMetadata } from "./metadata-configs.ts";
import { ofRateLimit } from "./ratelimit-configs.ts";
import { ofRbac } from "./rbac-configs.ts";
import { ofRouteMatcher } from "./route-matcher-configs.ts";
import { ofStatefulSession } from "./stateful-session-configs.ts";
import { ofTraffic } from "./traffic-configs.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

/** A change to a bootstrap of one listener, one route, one cluster. */
export interface FilterConfigCase {
  name: string;
  /** Before the router. */
  filters?: Json[];
  /** Over the listener, under which the path of an error is then. */
  listener?: Json;
  /** Before the HttpConnectionManager, whose place in the path of an error the first takes. */
  networkFilters?: Json[];
  virtualHost?: Json;
  route?: Json;
  action?: Json;
  routeConfig?: Json;
  manager?: Json;
  /** `path` under the HttpConnectionManager; `envoySays` stands in both texts, null where real Envoy takes it. */
  error?: { path: string; says: string; envoySays: string | null };
  /** Said by Nuncio besides. */
  warns?: string;
}

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const health = (config: Json, more: Json = {}): Json => ({
  name: "envoy.filters.http.health_check",
  typed_config: { "@type": `${http}health_check.v3.HealthCheck`, ...config },
  ...more,
});
const corsPolicy = (config: Json): Json => ({
  typed_per_filter_config: { f: { "@type": `${http}cors.v3.CorsPolicy`, ...config } },
});
const grpcStats = (config: Json): Json => ({
  name: "envoy.filters.http.grpc_stats",
  typed_config: { "@type": `${http}grpc_stats.v3.FilterConfig`, ...config },
});
const onDemand = (config: Json): Json => ({
  name: "envoy.filters.http.on_demand",
  typed_config: { "@type": `${http}on_demand.v3.OnDemand`, ...config },
});
const wrapped = (config: Json): Json => ({
  typed_per_filter_config: {
    f: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", ...config },
  },
});
const unknown: Json = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: "type.googleapis.com/some.Thing",
  value: {},
};
const perRoute = `route_config.virtual_hosts[0].typed_per_filter_config["f"]`;

const ofAll: readonly FilterConfigCase[] = [
  {
    name: "an optional filter that nobody knows is left out",
    filters: [{ name: "x", is_optional: true, typed_config: unknown }],
    warns: "some.Thing is not implemented",
  },
  {
    name: "a filter that nobody knows",
    filters: [{ name: "x", typed_config: unknown }],
    error: {
      path: "http_filters[0].typed_config",
      says: "no extension of type",
      envoySays: "Didn't find a registered implementation for 'x' with type URL: 'some.Thing'",
    },
  },
  {
    name: "a filter without a typed_config",
    filters: [{ name: "envoy.filters.http.cors" }],
    error: {
      path: "http_filters[0].typed_config",
      says: "is missing",
      envoySays: "Didn't find a registered implementation for 'envoy.filters.http.cors' with type URL: ''",
    },
  },
  { name: "a disabled filter", filters: [health({ pass_through_mode: false }, { disabled: true })] },
  { name: "a filter turned off by a virtual host", virtualHost: wrapped({ disabled: true }) },
  {
    name: "a wrapper that says nothing",
    virtualHost: wrapped({}),
    error: {
      path: perRoute,
      says: "says nothing",
      envoySays: "Empty route/virtual host per filter configuration for f filter",
    },
  },
  {
    name: "an optional wrapper that says nothing",
    routeConfig: wrapped({ is_optional: true }),
    error: {
      path: `route_config.typed_per_filter_config["f"]`,
      says: "says nothing",
      envoySays: "Empty route/virtual host per filter configuration for f filter",
    },
  },
  {
    name: "a config of nobody in a wrapper",
    route: wrapped({ config: unknown }),
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"].config`,
      says: "no extension of type",
      envoySays: "Didn't find a registered implementation for 'f' with type URL: 'some.Thing'",
    },
  },
  {
    name: "an optional config of nobody",
    virtualHost: wrapped({ is_optional: true, config: unknown }),
    warns: "some.Thing is not implemented",
  },
  {
    name: "a config of nobody that is off",
    virtualHost: wrapped({ disabled: true, config: unknown }),
  },
  {
    name: "a per-route config of a message that is no filter's",
    virtualHost: {
      typed_per_filter_config: {
        f: {
          "@type": "type.googleapis.com/envoy.config.core.v3.Locality",
          region: "a",
        },
      },
    },
    error: {
      path: perRoute,
      says: "which no HTTP filter reads",
      envoySays: "Didn't find a registered implementation for 'f' with type URL: 'envoy.config.core.v3.Locality'",
    },
  },
  {
    name: "a per-route config of a filter that Nuncio does not have",
    virtualHost: {
      typed_per_filter_config: { f: { "@type": `${http}lua.v3.LuaPerRoute`, disabled: true } },
    },
    error: { path: perRoute, says: "is not implemented in Nuncio yet", envoySays: null },
  },
  {
    name: "a retry options predicate, of which there is none",
    action: {
      retry_policy: {
        retry_on: "5xx",
        retry_options_predicates: [{ name: "x", typed_config: { "@type": `${http}grpc_web.v3.GrpcWeb` } }],
      },
    },
    error: {
      path: "route_config.virtual_hosts[0].routes[0].route.retry_policy.retry_options_predicates[0].typed_config",
      says: "is no retry options predicate",
      envoySays: "Didn't find a registered implementation for 'x' with type URL",
    },
  },
  {
    name: "a per-route config in a weighted cluster",
    action: {
      cluster: undefined,
      weighted_clusters: { clusters: [{ name: "c", weight: 1, ...wrapped({}) }] },
    },
    error: {
      path: `route_config.virtual_hosts[0].routes[0].route.weighted_clusters.clusters[0].typed_per_filter_config["f"]`,
      says: "says nothing",
      envoySays: "Empty route/virtual host per filter configuration for f filter",
    },
  },
];

const ofHealthCheck: readonly FilterConfigCase[] = [
  { name: "on_demand", filters: [onDemand({})] },
  {
    name: "on_demand of a virtual host and a route",
    virtualHost: { typed_per_filter_config: { f: { "@type": `${http}on_demand.v3.OnDemand` } } },
    route: { typed_per_filter_config: { f: { "@type": `${http}on_demand.v3.PerRouteConfig` } } },
  },
  {
    name: "virtual hosts by VHDS from a file",
    routeConfig: { vhds: { config_source: { path_config_source: { path: "/dev/null" } } } },
    error: {
      path: "route_config.vhds.config_source",
      says: "delta variant of xDS only",
      envoySays: "vhds: only 'DELTA_GRPC' or 'ADS' (which uses Delta xDS) is supported as a config source.",
    },
  },
  {
    name: "health_check without a mode",
    filters: [health({})],
    error: {
      path: "http_filters[0].typed_config.pass_through_mode",
      says: "is required",
      envoySays: "HealthCheckValidationError.PassThroughMode: value is required",
    },
  },
  {
    name: "health_check with a cache but no pass-through",
    filters: [health({ pass_through_mode: false, cache_time: "1s" })],
    error: {
      path: "http_filters[0].typed_config.cache_time",
      says: "means nothing without pass_through_mode",
      envoySays: "cache_time_ms must not be set when path_through_mode is disabled",
    },
  },
  {
    name: "health_check with percentages and pass-through",
    filters: [health({ pass_through_mode: true, cluster_min_healthy_percentages: { c: { value: 50 } } })],
    warns: "means nothing with pass_through_mode",
  },
  {
    name: "health_check with more than all hosts",
    filters: [health({ pass_through_mode: false, cluster_min_healthy_percentages: { c: { value: 150 } } })],
    error: {
      path: `http_filters[0].typed_config.cluster_min_healthy_percentages["c"].value`,
      says: "range",
      envoySays: "PercentValidationError.Value: value must be inside range [0, 100]",
    },
  },
  { name: "health_check with a cache of no time", filters: [health({ pass_through_mode: true, cache_time: "0s" })] },
  {
    name: "health_check with a bad regex",
    filters: [
      health({
        pass_through_mode: false,
        headers: [{ name: ":path", string_match: { safe_regex: { regex: "(a" } } }],
      }),
    ],
    error: {
      path: "http_filters[0].typed_config.headers[0].string_match.safe_regex.regex",
      says: "RE2 refuses",
      envoySays: "missing ): (a",
    },
  },
  {
    name: "health_check takes no config of a route",
    filters: [health({ pass_through_mode: false }, { name: "f" })],
    virtualHost: {
      typed_per_filter_config: { f: { "@type": `${http}health_check.v3.HealthCheck`, pass_through_mode: false } },
    },
    error: {
      path: perRoute,
      says: "doesn't support",
      envoySays: "The filter f doesn't support virtual host or route specific configurations",
    },
  },
];

const ofCors: readonly FilterConfigCase[] = [
  { name: "a CORS policy of no filter", virtualHost: corsPolicy({ max_age: "junk" }) },
  {
    name: "a CORS policy with a bad regex",
    route: corsPolicy({ allow_origin_string_match: [{ safe_regex: { regex: "(" } }] }),
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"].allow_origin_string_match[0].safe_regex.regex`,
      says: "RE2 refuses",
      envoySays: "missing ): (",
    },
  },
  {
    name: "a CORS policy with a fraction that is none",
    virtualHost: corsPolicy({ filter_enabled: { runtime_key: "x" } }),
    error: {
      path: `${perRoute}.filter_enabled.default_value`,
      says: "is required",
      envoySays: "RuntimeFractionalPercentValidationError.DefaultValue: value is required",
    },
  },
  {
    name: "a CORS policy with a fault in a FilterConfig",
    virtualHost: wrapped({ config: { "@type": `${http}cors.v3.CorsPolicy`, shadow_enabled: {} } }),
    error: {
      path: `${perRoute}.config.shadow_enabled.default_value`,
      says: "is required",
      envoySays: "RuntimeFractionalPercentValidationError.DefaultValue: value is required",
    },
  },
  {
    name: "the deprecated CORS policy of a virtual host",
    virtualHost: { cors: { allow_methods: "GET" } },
    warns: "deprecated",
  },
  {
    name: "the deprecated CORS policy of a route with a bad regex",
    action: { cors: { allow_origin_string_match: [{ safe_regex: { regex: "(" } }] } },
    error: {
      path: "route_config.virtual_hosts[0].routes[0].route.cors.allow_origin_string_match[0].safe_regex.regex",
      says: "RE2 refuses",
      envoySays: "missing ): (",
    },
  },
];

const ofGrpcStats: readonly FilterConfigCase[] = [
  { name: "grpc_stats with an empty list", filters: [grpcStats({ individual_method_stats_allowlist: {} })] },
  {
    name: "grpc_stats with a service without a name",
    filters: [grpcStats({ individual_method_stats_allowlist: { services: [{ method_names: ["M"] }] } })],
    error: {
      path: "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].name",
      says: "must not be empty",
      envoySays: "ServiceValidationError.Name: value length must be at least 1 characters",
    },
  },
  {
    name: "grpc_stats with a service without methods",
    filters: [grpcStats({ individual_method_stats_allowlist: { services: [{ name: "a.B" }] } })],
    error: {
      path: "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].method_names",
      says: "at least 1",
      envoySays: "ServiceValidationError.MethodNames: value must contain at least 1 item(s)",
    },
  },
  {
    name: "grpc_stats takes no config of a route",
    virtualHost: { typed_per_filter_config: { f: { "@type": `${http}grpc_stats.v3.FilterConfig` } } },
    error: {
      path: perRoute,
      says: "doesn't support",
      envoySays: "The filter f doesn't support virtual host or route specific configurations",
    },
  },
];

const ofGrpcWeb: readonly FilterConfigCase[] = [
  {
    name: "grpc_web, which has no fields",
    filters: [{ name: "envoy.filters.http.grpc_web", typed_config: { "@type": `${http}grpc_web.v3.GrpcWeb` } }],
  },
  {
    name: "grpc_web takes no config of a route",
    route: { typed_per_filter_config: { f: { "@type": `${http}grpc_web.v3.GrpcWeb` } } },
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"]`,
      says: "doesn't support",
      envoySays: "The filter f doesn't support virtual host or route specific configurations",
    },
  },
];

/** Each verdict is asked of the running Envoy too. */
export const configCases: readonly FilterConfigCase[] = [
  ...ofAll,
  ...ofHeaderMutation,
  ...ofLocalRateLimit,
  ...ofRateLimit,
  ...ofRbac,
  ...ofCustomResponse,
  ...ofRouteMatcher,
  ...ofFilterChainMatcher,
  ...ofJwtAuthn,
  ...ofBuffer,
  ...ofCredentialInjector,
  ...ofCompression,
  ...ofTraffic,
  ...ofCredentials,
  ...ofExtAuthz,
  ...ofStatefulSession,
  ...ofHealthCheck,
  ...ofCors,
  ...ofGrpcStats,
  ...ofGrpcWeb,
  ...ofMetadata,
  ...ofManager,
  ...ofMatchDelegate,
  ...ofListenerSockets,
];
