import { createRequire } from "node:module";
import { extname } from "node:path";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { PerFilter } from "../router/route.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";
import type { Cluster } from "../upstream/cluster.ts";
import type { CredentialSpec } from "../upstream/credential.ts";
import type { TokenSources } from "../upstream/token-source.ts";
import { AdmissionControlFilter } from "./admission_control/filter.ts";
import type { AdmissionControlSpec } from "./admission_control/parse.ts";
import type { Filter } from "./api.ts";
import { ApiKeyAuthFilter } from "./api_key_auth/filter.ts";
import type { ApiKeyAuthSpec } from "./api_key_auth/parse.ts";
import { BandwidthLimitFilter } from "./bandwidth_limit/filter.ts";
import type { BandwidthLimitSpec } from "./bandwidth_limit/parse.ts";
import { BasicAuthFilter } from "./basic_auth/filter.ts";
import type { BasicAuthSpec } from "./basic_auth/parse.ts";
import { BufferFilter } from "./buffer/filter.ts";
import type { BufferSpec } from "./buffer/parse.ts";
import { CompressorFilter } from "./compressor/filter.ts";
import type { CompressorSpec } from "./compressor/parse.ts";
import { CorsFilter } from "./cors/filter.ts";
import { CredentialInjectorFilter } from "./credential_injector/filter.ts";
import { CsrfFilter } from "./csrf/filter.ts";
import type { CsrfPolicySpec } from "./csrf/parse.ts";
import { CustomResponseFilter } from "./custom_response/filter.ts";
import type { CustomResponseSpec } from "./custom_response/parse.ts";
import { DecompressorFilter } from "./decompressor/filter.ts";
import type { DecompressorSpec } from "./decompressor/parse.ts";
import type * as extAuthz from "./ext_authz/filter.ts";
import type { ExtAuthzSpec } from "./ext_authz/spec.ts";
import { FaultFilter } from "./fault/filter.ts";
import type { FaultSpec } from "./fault/parse.ts";
import { GrpcStatsFilter } from "./grpc_stats/filter.ts";
import type { GrpcStatsSpec } from "./grpc_stats/parse.ts";
import { GrpcWebFilter } from "./grpc_web/filter.ts";
import { HeaderMutationFilter } from "./header_mutation/filter.ts";
import type { HeaderMutationFilterSpec } from "./header_mutation/parse.ts";
import type * as headerToMetadata from "./header_to_metadata/filter.ts";
import type { HeaderToMetadataSpec } from "./header_to_metadata/parse.ts";
import { HealthCheckFilter } from "./health_check/filter.ts";
import type { HealthCheckSpec } from "./health_check/parse.ts";
import type { FilterConfigSpec } from "./http-filters.ts";
import { JsonToMetadataFilter } from "./json_to_metadata/filter.ts";
import type { JsonToMetadataSpec } from "./json_to_metadata/parse.ts";
import { JwtAuthnFilter } from "./jwt_authn/filter.ts";
import type { JwtAuthnSpec } from "./jwt_authn/spec.ts";
import { LocalRateLimitFilter } from "./local_ratelimit/filter.ts";
import type { LocalRateLimitSpec } from "./local_ratelimit/parse.ts";
import { MatchDelegateFilter } from "./match_delegate/filter.ts";
import type { MatchDelegateSpec } from "./match_delegate/parse.ts";
import { MissingFilter } from "./missing-filter.ts";
import { OnDemandFilter, type OnDemandHosts } from "./on_demand/filter.ts";
import type * as rateLimit from "./ratelimit/filter.ts";
import type { RateLimitFilterSpec } from "./ratelimit/parse.ts";
import { RbacFilter } from "./rbac/filter.ts";
import type { RbacSpec } from "./rbac/parse.ts";
import { configsFor } from "./route-config.ts";
import { SetFilterStateFilter } from "./set_filter_state/filter.ts";
import type { SetFilterStateSpec } from "./set_filter_state/parse.ts";
import { SetMetadataFilter } from "./set_metadata/filter.ts";
import type { MetadataEntrySpec } from "./set_metadata/parse.ts";
import { StatefulSessionFilter } from "./stateful_session/filter.ts";
import type { StatefulSessionSpec } from "./stateful_session/spec.ts";

/** What filters take from the worker and their connection manager. */
export interface FilterDeps {
  slab: StatsSlab;
  /** "http.<stat_prefix>.": what the names of a filter's stats begin with. */
  statPrefix: string;
  /** As the chain calls it. */
  filterName: string;
  /** Of a request's head, pseudo-fields included. */
  headLimits: { fields: number; bytes: number };
  runtime: RuntimeLookup;
  /** POST /healthcheck/fail. */
  isHealthFailed: () => boolean;
  /** node.cluster */
  nodeCluster: string;
  /** node.metadata */
  nodeMetadata: Record<string, unknown>;
  /** As it is now; null where it has not come. */
  secretText: (secret: TlsContextSpec<string>) => string | null;
  tokens: TokenSources;
  onDemand: OnDemandHosts;
  /** Cluster by name; null when there is none. */
  clusters: (name: string) => Cluster | null;
}

/** Spec to the live filter of a chain; the worker's half of the registry. Cannot fail on what parse gave. */
export function linkFilter(spec: FilterConfigSpec, slot: number, deps: FilterDeps): Filter {
  if (spec.type === "") return missing;
  if (spec.type === matchDelegate) {
    const { matcher, inner } = spec.config as MatchDelegateSpec<FilterConfigSpec>;
    const filter = linkFilter(inner, slot, deps);
    const ofRoute = (perFilter: PerFilter, name: string): unknown => linkRoute(filter, inner.type, perFilter, name);
    return new MatchDelegateFilter(matcher, slot, filter, ofRoute, deps.runtime);
  }
  const link = linkers[spec.type];
  if (link === undefined) throw new Error(`no link for the filter ${spec.type}`);
  return link(spec.config, slot, deps);
}

/** What the filter of that type has of a route. */
export function linkRoute(filter: Filter, type: string, perFilter: PerFilter, name: string): unknown {
  // What is around another filter divides them itself.
  const own = type === matchDelegate ? perFilter : configsFor(perFilter, name, type);
  return filter.linkRoute?.(own, name) ?? null;
}

const matchDelegate = "envoy.extensions.common.matching.v3.ExtensionWithMatcher";
const missing = new MissingFilter();

// Filters that need the API are loaded where one is configured: a worker without it is smaller by a fifth and starts sooner.
const require = createRequire(import.meta.url);
const extension = extname(import.meta.url);

/** By full message name. */
const linkers: Record<string, (config: unknown, slot: number, deps: FilterDeps) => Filter> = {
  "envoy.extensions.filters.http.admission_control.v3.AdmissionControl": (config, slot, deps) =>
    new AdmissionControlFilter(config as AdmissionControlSpec, slot, deps),
  "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth": (config, slot, deps) =>
    new ApiKeyAuthFilter(config as ApiKeyAuthSpec, slot, deps),
  "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit": (config, slot, deps) =>
    new BandwidthLimitFilter(config as BandwidthLimitSpec, slot, deps),
  "envoy.extensions.filters.http.basic_auth.v3.BasicAuth": (config, slot, deps) =>
    new BasicAuthFilter(config as BasicAuthSpec, slot, deps),
  "envoy.extensions.filters.http.buffer.v3.Buffer": (config, slot) => new BufferFilter(config as BufferSpec, slot),
  "envoy.extensions.filters.http.compressor.v3.Compressor": (config, slot, deps) =>
    new CompressorFilter(config as CompressorSpec, slot, deps),
  "envoy.extensions.filters.http.cors.v3.Cors": (_config, slot, deps) => new CorsFilter(slot, deps),
  "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector": (config, _slot, deps) =>
    new CredentialInjectorFilter(config as CredentialSpec, deps),
  "envoy.extensions.filters.http.csrf.v3.CsrfPolicy": (config, slot, deps) =>
    new CsrfFilter(config as CsrfPolicySpec, slot, deps),
  "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz": (config, slot, deps) => {
    const { ExtAuthzFilter } = require(`./ext_authz/filter${extension}`) as typeof extAuthz;
    return new ExtAuthzFilter(config as ExtAuthzSpec, slot, deps);
  },
  "envoy.extensions.filters.http.decompressor.v3.Decompressor": (config, slot, deps) =>
    new DecompressorFilter(config as DecompressorSpec, slot, deps),
  "envoy.extensions.filters.http.custom_response.v3.CustomResponse": (config, slot, deps) =>
    new CustomResponseFilter(config as CustomResponseSpec, slot, deps),
  "envoy.extensions.filters.http.fault.v3.HTTPFault": (config, slot, deps) =>
    new FaultFilter(config as FaultSpec, slot, deps),
  "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig": (config, slot, deps) =>
    new GrpcStatsFilter(config as GrpcStatsSpec, slot, deps),
  "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb": (_config, slot, deps) => new GrpcWebFilter(slot, deps),
  "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation": (config, slot) =>
    new HeaderMutationFilter(config as HeaderMutationFilterSpec, slot),
  "envoy.extensions.filters.http.header_to_metadata.v3.Config": (config, slot, deps) => {
    const { HeaderToMetadataFilter } = require(`./header_to_metadata/filter${extension}`) as typeof headerToMetadata;
    return new HeaderToMetadataFilter(config as HeaderToMetadataSpec, slot, deps);
  },
  "envoy.extensions.filters.http.health_check.v3.HealthCheck": (config, slot, deps) =>
    new HealthCheckFilter(config as HealthCheckSpec, slot, deps),
  "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata": (config, slot, deps) =>
    new JsonToMetadataFilter(config as JsonToMetadataSpec, slot, deps),
  "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication": (config, slot, deps) =>
    new JwtAuthnFilter(config as JwtAuthnSpec, slot, deps),
  "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit": (config, slot, deps) =>
    new LocalRateLimitFilter(config as LocalRateLimitSpec, slot, deps),
  "envoy.extensions.filters.http.on_demand.v3.OnDemand": (_config, slot, deps) => new OnDemandFilter(slot, deps),
  "envoy.extensions.filters.http.ratelimit.v3.RateLimit": (config, slot, deps) => {
    const { RateLimitFilter } = require(`./ratelimit/filter${extension}`) as typeof rateLimit;
    return new RateLimitFilter(config as RateLimitFilterSpec, slot, deps);
  },
  "envoy.extensions.filters.http.rbac.v3.RBAC": (config, slot, deps) => new RbacFilter(config as RbacSpec, slot, deps),
  "envoy.extensions.filters.http.set_filter_state.v3.Config": (config, slot) =>
    new SetFilterStateFilter(config as SetFilterStateSpec, slot),
  "envoy.extensions.filters.http.set_metadata.v3.Config": (config, slot, deps) =>
    new SetMetadataFilter(config as MetadataEntrySpec[], slot, deps),
  "envoy.extensions.filters.http.stateful_session.v3.StatefulSession": (config, slot, deps) =>
    new StatefulSessionFilter(config as StatefulSessionSpec, slot, deps),
};
