import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { ExtensionWithMatcherPerRouteSchema } from "../proto/generated/envoy/extensions/common/matching/v3/extension_matcher_pb.ts";
import { AdmissionControlSchema } from "../proto/generated/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts";
import {
  ApiKeyAuthPerRouteSchema,
  ApiKeyAuthSchema,
} from "../proto/generated/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts";
import { BandwidthLimitSchema } from "../proto/generated/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts";
import {
  BasicAuthPerRouteSchema,
  BasicAuthSchema,
} from "../proto/generated/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.ts";
import {
  BufferPerRouteSchema,
  BufferSchema,
} from "../proto/generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts";
import {
  CompressorPerRouteSchema,
  CompressorSchema,
} from "../proto/generated/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts";
import { CorsPolicySchema, CorsSchema } from "../proto/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { CredentialInjectorSchema } from "../proto/generated/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts";
import { CsrfPolicySchema } from "../proto/generated/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts";
import { CustomResponseSchema } from "../proto/generated/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.ts";
import { DecompressorSchema } from "../proto/generated/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts";
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../proto/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import { HTTPFaultSchema } from "../proto/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import { FilterConfigSchema as GrpcStatsSchema } from "../proto/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { GrpcWebSchema } from "../proto/generated/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts";
import {
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
} from "../proto/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts";
import { ConfigSchema as HeaderToMetadataSchema } from "../proto/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts";
import { HealthCheckSchema } from "../proto/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { JsonToMetadataSchema } from "../proto/generated/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts";
import {
  JwtAuthenticationSchema,
  PerRouteConfigSchema as JwtPerRouteSchema,
} from "../proto/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import { LocalRateLimitSchema } from "../proto/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import {
  PerRouteConfigSchema as OnDemandPerRouteSchema,
  OnDemandSchema,
} from "../proto/generated/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts";
import {
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../proto/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import { RBACPerRouteSchema, RBACSchema } from "../proto/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { ConfigSchema as SetFilterStateSchema } from "../proto/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts";
import { ConfigSchema as SetMetadataSchema } from "../proto/generated/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts";
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from "../proto/generated/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseCredential } from "../upstream/parse-credential.ts";
import { parseAdmissionControl } from "./admission_control/parse.ts";
import { parseApiKeyAuth, parseApiKeyAuthPerRoute } from "./api_key_auth/parse.ts";
import { parseBandwidthLimit, parseBandwidthLimitPerRoute } from "./bandwidth_limit/parse.ts";
import { parseBasicAuth, parseBasicAuthPerRoute } from "./basic_auth/parse.ts";
import { parseBuffer, parseBufferPerRoute } from "./buffer/parse.ts";
import { parseCompressor, parseCompressorPerRoute } from "./compressor/parse.ts";
import { parseCors, parseCorsPolicy, parseEmptyPolicy } from "./cors/parse.ts";
import { parseCsrfPolicy } from "./csrf/parse.ts";
import { parseCustomResponse } from "./custom_response/parse.ts";
import { parseDecompressor } from "./decompressor/parse.ts";
import { parseExtAuthz, parseExtAuthzPerRoute } from "./ext_authz/parse.ts";
import { parseFault } from "./fault/parse.ts";
import { parseGrpcStats } from "./grpc_stats/parse.ts";
import { parseGrpcWeb } from "./grpc_web/parse.ts";
import { parseHeaderMutation, parseHeaderMutationPerRoute } from "./header_mutation/parse.ts";
import { parseHeaderToMetadata, parseHeaderToMetadataPerRoute } from "./header_to_metadata/parse.ts";
import { parseHealthCheck } from "./health_check/parse.ts";
import { parseJsonToMetadata, parseJsonToMetadataPerRoute } from "./json_to_metadata/parse.ts";
import { parseJwtAuthn, parseJwtPerRoute } from "./jwt_authn/parse.ts";
import { parseLocalRateLimit, parseLocalRateLimitPerRoute } from "./local_ratelimit/parse.ts";
import { parseMatchDelegatePerRoute } from "./match_delegate/parse.ts";
import { parseOnDemand, parseOnDemandPerRoute } from "./on_demand/parse.ts";
import { parseRateLimit, parseRateLimitPerRoute } from "./ratelimit/parse.ts";
import { parseRbac, parseRbacPerRoute } from "./rbac/parse.ts";
import { parseSetFilterState } from "./set_filter_state/parse.ts";
import { parseSetMetadata } from "./set_metadata/parse.ts";
import { parseStatefulSession, parseStatefulSessionPerRoute } from "./stateful_session/parse.ts";

/** Reads one message type of a filter; what it makes is plain data, opaque to all but the filter's link. */
export type ParseConfig = (message: Message, problems: Problems, secrets: SecretTexts) => unknown;

/** The secrets that filters name. */
export type SecretTexts = Pick<TlsContexts, "openText">;

/** The filters but the router, by the full name of their message: the main thread's half of the registry. A new filter is one line here and one in linkers.ts. */
export const filterParsers: ReadonlyMap<string, ParseConfig> = new Map<string, ParseConfig>([
  row(AdmissionControlSchema, parseAdmissionControl),
  row(ApiKeyAuthSchema, parseApiKeyAuth),
  row(BandwidthLimitSchema, parseBandwidthLimit),
  row(BasicAuthSchema, parseBasicAuth),
  row(BufferSchema, parseBuffer),
  row(CompressorSchema, parseCompressor),
  row(CorsSchema, parseCors),
  row(CustomResponseSchema, parseCustomResponse),
  [CredentialInjectorSchema.typeName, parseCredential as ParseConfig],
  row(CsrfPolicySchema, parseCsrfPolicy),
  row(ExtAuthzSchema, parseExtAuthz),
  row(DecompressorSchema, parseDecompressor),
  row(HTTPFaultSchema, parseFault),
  row(GrpcStatsSchema, parseGrpcStats),
  row(GrpcWebSchema, parseGrpcWeb),
  row(HeaderMutationSchema, parseHeaderMutation),
  row(HeaderToMetadataSchema, parseHeaderToMetadata),
  row(HealthCheckSchema, parseHealthCheck),
  row(JsonToMetadataSchema, parseJsonToMetadata),
  row(JwtAuthenticationSchema, parseJwtAuthn),
  row(LocalRateLimitSchema, parseLocalRateLimit),
  row(OnDemandSchema, parseOnDemand),
  row(RateLimitSchema, parseRateLimit),
  row(RBACSchema, parseRbac),
  row(SetFilterStateSchema, parseSetFilterState),
  row(SetMetadataSchema, parseSetMetadata),
  row(StatefulSessionSchema, parseStatefulSession),
]);

/** What typed_per_filter_config may hold, by the full name of the message. */
export const perRouteParsers: ReadonlyMap<string, (message: Message, problems: Problems) => unknown> = new Map([
  row(ExtensionWithMatcherPerRouteSchema, parseMatchDelegatePerRoute),
  row(ApiKeyAuthPerRouteSchema, parseApiKeyAuthPerRoute),
  row(BandwidthLimitSchema, parseBandwidthLimitPerRoute),
  row(BasicAuthPerRouteSchema, parseBasicAuthPerRoute),
  row(BufferPerRouteSchema, parseBufferPerRoute),
  row(CompressorPerRouteSchema, parseCompressorPerRoute),
  row(CorsSchema, parseEmptyPolicy),
  row(CorsPolicySchema, parseCorsPolicy),
  row(CustomResponseSchema, parseCustomResponse),
  row(CsrfPolicySchema, parseCsrfPolicy),
  row(ExtAuthzPerRouteSchema, parseExtAuthzPerRoute),
  row(HTTPFaultSchema, parseFault),
  row(HeaderMutationPerRouteSchema, parseHeaderMutationPerRoute),
  row(HeaderToMetadataSchema, parseHeaderToMetadataPerRoute),
  row(JsonToMetadataSchema, parseJsonToMetadataPerRoute),
  row(JwtPerRouteSchema, parseJwtPerRoute),
  row(LocalRateLimitSchema, parseLocalRateLimitPerRoute),
  row(OnDemandSchema, parseOnDemand),
  row(OnDemandPerRouteSchema, parseOnDemandPerRoute),
  row(RateLimitPerRouteSchema, parseRateLimitPerRoute),
  row(RBACPerRouteSchema, parseRbacPerRoute),
  row(SetFilterStateSchema, parseSetFilterState),
  row(SetMetadataSchema, parseSetMetadata),
  row(StatefulSessionPerRouteSchema, parseStatefulSessionPerRoute),
]);

function row<Desc extends DescMessage>(
  schema: Desc,
  parse: (message: MessageShape<Desc>, problems: Problems) => unknown,
): [string, (message: Message, problems: Problems) => unknown] {
  return [schema.typeName, parse as (message: Message, problems: Problems) => unknown];
}
