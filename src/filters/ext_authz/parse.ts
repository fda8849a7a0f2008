import { parseGrpcService } from "../../proto/api-source.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  type HeaderMutationRules,
  HeaderMutationRulesSchema,
} from "../../proto/generated/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts";
import { ApiVersion } from "../../proto/generated/envoy/config/core/v3/config_source_pb.ts";
import type { GrpcService } from "../../proto/generated/envoy/config/core/v3/grpc_service_pb.ts";
import {
  type BufferSettings,
  CheckSettingsSchema,
  type ExtAuthz,
  type ExtAuthzPerRoute,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../../proto/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import type { ListStringMatcher } from "../../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";
import { parseRegex, parseRuntimeFraction, parseStringMatcher } from "../../router/parse-match.ts";
import { parseMetadata } from "../../router/parse-stream-conditions.ts";
import type { StringMatcherSpec } from "../../router/spec.ts";
import { checkMetadata } from "../call-metadata.ts";
import { parseFeatureFlag } from "../feature-flag.ts";
import { parseHttpAuthz } from "./parse-http.ts";
import type {
  AuthzBodySpec,
  AuthzServiceSpec,
  ExtAuthzRouteSpec,
  ExtAuthzSpec,
  GrpcAuthzSpec,
  MutationRulesSpec,
} from "./spec.ts";

/** null after a fault. */
export function parseExtAuthz(message: ExtAuthz, problems: Problems): ExtAuthzSpec | null {
  checkCoverage(ExtAuthzSchema, message, problems, {
    honoured,
    // No filter of Nuncio writes typed metadata; there is no tracing; nothing in Envoy but its own loggers sees filter_metadata.
    harmless: ["typed_metadata_context_namespaces", "emit_client_span", "filter_metadata"],
  });
  if (message.transportApiVersion === ApiVersion.V2) {
    problems.error("transport_api_version", "must be V3", {
      envoyText: "The v2 xDS major version has been removed and is no longer supported",
    });
  }
  const http = message.services.case === "httpService" ? message.services.value : null;
  const oldAllowed = http?.authorizationRequest?.allowedHeaders;
  if (message.allowedHeaders !== undefined && oldAllowed !== undefined) {
    const text = "Invalid duplicate configuration for allowed_headers.";
    problems.error("allowed_headers", text, { envoyText: text });
  }
  const service = parseService(message.services, problems);
  if (service === null) return null;
  const status = message.statusOnError?.code ?? 0;
  const allowed = message.allowedHeaders;
  return {
    service,
    body: parseBody(message.withRequestBody),
    packsAsBytes: http !== null || (message.withRequestBody?.packAsBytes ?? false),
    hasRawHeaders: message.encodeRawHeaders,
    allowedHeaders:
      allowed === undefined && http === null
        ? null
        : [
            ...parseList(allowed, problems.at("allowed_headers")),
            ...parseList(oldAllowed, problems.at("http_service.authorization_request.allowed_headers")),
            ...(http === null ? [] : alwaysAllowed),
          ],
    disallowedHeaders: parseList(message.disallowedHeaders, problems.at("disallowed_headers")),
    allowsOnFailure: message.failureModeAllow,
    addsHeaderOnFailure: message.failureModeAllowHeaderAdd,
    statusOnError: status === 0 ? 403 : status,
    validatesMutations: message.validateMutations,
    clearsRouteCache: message.clearRouteCache,
    clearingHeaders: message.clearRouteCacheHeaders.map(parseHeaderName),
    metadataNamespaces: message.metadataContextNamespaces,
    routeMetadataNamespaces: message.routeMetadataContextNamespaces,
    takesMetadata: message.enableDynamicMetadataIngestion ?? true,
    enabled: parseRuntimeFraction(message.filterEnabled),
    enabledMetadata:
      message.filterEnabledMetadata === undefined
        ? null
        : parseMetadata(message.filterEnabledMetadata, problems.at("filter_enabled_metadata")),
    deniesAtDisable: message.denyAtDisable === undefined ? null : parseFeatureFlag(message.denyAtDisable),
    hasPeerCertificate: message.includePeerCertificate,
    hasTlsSession: message.includeTlsSession,
    labelsKey: message.bootstrapMetadataLabelsKey,
    statPrefix: message.statPrefix === "" ? "" : `${message.statPrefix}.`,
    chargesCluster: message.chargeClusterResponseStats ?? true,
    rules: parseRules(message.decoderHeaderMutationRules, problems.at("decoder_header_mutation_rules")),
    isShadow: message.shadowMode,
    tellsStats: message.emitFilterStateStats,
    maxDeniedBodyBytes: message.maxDeniedResponseBodyBytes,
  };
}

export function parseExtAuthzPerRoute(message: ExtAuthzPerRoute, problems: Problems): ExtAuthzRouteSpec {
  checkCoverage(ExtAuthzPerRouteSchema, message, problems, { honoured: ["disabled", "check_settings"], harmless: [] });
  const { override } = message;
  const isDisabled = override.case === "disabled" && override.value;
  if (override.case !== "checkSettings") {
    return { isDisabled, contextExtensions: {}, skipsBody: false, body: null, service: null };
  }
  const settings = override.value;
  const at = problems.at("check_settings");
  checkCoverage(CheckSettingsSchema, settings, at, {
    honoured: [
      "context_extensions",
      "disable_request_body_buffering",
      "with_request_body",
      "grpc_service",
      "http_service",
    ],
    harmless: ["emit_client_span"],
  });
  if (settings.disableRequestBodyBuffering && settings.withRequestBody !== undefined) {
    const text =
      "Invalid configuration for check_settings. Only one of disable_request_body_buffering or with_request_body can be set.";
    at.error("with_request_body", text, { envoyText: text });
  }
  return {
    isDisabled: false,
    contextExtensions: settings.contextExtensions,
    skipsBody: settings.disableRequestBodyBuffering,
    body: parseBody(settings.withRequestBody),
    service: settings.serviceOverride.case === undefined ? null : parseService(settings.serviceOverride, at),
  };
}

function parseService(
  service:
    | ExtAuthz["services"]
    | Extract<ExtAuthzPerRoute["override"], { case: "checkSettings" }>["value"]["serviceOverride"],
  problems: Problems,
): AuthzServiceSpec | null {
  switch (service.case) {
    case "grpcService":
      return parseGrpc(service.value, problems.at("grpc_service"));
    case "httpService":
      return parseHttpAuthz(service.value, problems.at("http_service"));
    case undefined:
      problems.error("", "names no service: set grpc_service or http_service");
      return null;
  }
}

function parseGrpc(message: GrpcService, problems: Problems): GrpcAuthzSpec | null {
  const service = parseGrpcService(message, problems, true);
  if (service === null) return null;
  checkMetadata(message, problems);
  const { google, ...rest } = service;
  if (google !== null) {
    problems.error("google_grpc", "is not implemented for filters in Nuncio yet; envoy_grpc names a cluster");
  }
  return { kind: "grpc", service: rest, timeoutMs: durationMsOr(message.timeout, defaultTimeoutMs) };
}

function parseBody(message: BufferSettings | undefined): AuthzBodySpec | null {
  if (message === undefined) return null;
  return { maxBytes: message.maxRequestBytes, allowsPartial: message.allowPartialMessage };
}

/** The patterns of a list that may be missing. */
function parseList(message: ListStringMatcher | undefined, problems: Problems): StringMatcherSpec[] {
  return (message?.patterns ?? []).map((pattern, i) => parseStringMatcher(pattern, problems.at(`patterns[${i}]`)));
}

function parseRules(message: HeaderMutationRules | undefined, problems: Problems): MutationRulesSpec | null {
  if (message === undefined) return null;
  checkCoverage(HeaderMutationRulesSchema, message, problems, {
    honoured: [
      "allow_all_routing",
      "allow_envoy",
      "disallow_system",
      "disallow_all",
      "allow_expression",
      "disallow_expression",
      "disallow_is_error",
    ],
    harmless: [],
  });
  const { allowExpression: allow, disallowExpression: disallow } = message;
  return {
    allowsRouting: message.allowAllRouting ?? false,
    allowsEnvoy: message.allowEnvoy ?? false,
    disallowsSystem: message.disallowSystem ?? false,
    disallowsAll: message.disallowAll ?? false,
    allow: allow === undefined ? "" : parseRegex(allow, problems.at("allow_expression")),
    disallow: disallow === undefined ? "" : parseRegex(disallow, problems.at("disallow_expression")),
    isError: message.disallowIsError ?? false,
  };
}

const alwaysAllowed: StringMatcherSpec[] = ["authorization", ":method", ":path", ":authority"].map((value) => ({
  kind: "exact",
  value,
  ignoreCase: false,
}));
const defaultTimeoutMs = 200;
const honoured = [
  "grpc_service",
  "http_service",
  "transport_api_version",
  "failure_mode_allow",
  "failure_mode_allow_header_add",
  "with_request_body",
  "clear_route_cache",
  "clear_route_cache_headers",
  "status_on_error",
  "validate_mutations",
  "metadata_context_namespaces",
  "route_metadata_context_namespaces",
  "filter_enabled",
  "filter_enabled_metadata",
  "deny_at_disable",
  "include_peer_certificate",
  "include_tls_session",
  "stat_prefix",
  "bootstrap_metadata_labels_key",
  "allowed_headers",
  "disallowed_headers",
  "charge_cluster_response_stats",
  "encode_raw_headers",
  "decoder_header_mutation_rules",
  "emit_filter_state_stats",
  "shadow_mode",
  "enable_dynamic_metadata_ingestion",
  "max_denied_response_body_bytes",
] as const;
