import { checkCoverage } from "../../proto/coverage.ts";
import type { RuntimeFractionalPercent } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type CorsPolicy as LegacyCorsPolicy,
  CorsPolicySchema as LegacyCorsPolicySchema,
} from "../../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type CorsPolicy,
  CorsPolicySchema,
} from "../../proto/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseRuntimeFraction, parseStringMatcher } from "../../router/parse-match.ts";
import type { PerFilterSpec, RuntimeFractionSpec, StringMatcherSpec } from "../../router/spec.ts";

/** envoy.extensions.filters.http.cors.v3.CorsPolicy of one level. "" and null: not said, a wider level decides. */
export interface CorsPolicySpec {
  allowOrigins: StringMatcherSpec[];
  allowMethods: string;
  allowHeaders: string;
  exposeHeaders: string;
  maxAge: string;
  allowCredentials: boolean | null;
  allowPrivateNetworkAccess: boolean | null;
  forwardNotMatchingPreflights: boolean | null;
  /** null: always. Of the most specific level alone, as shadowEnabled. */
  filterEnabled: RuntimeFractionSpec | null;
  /** null: never. */
  shadowEnabled: RuntimeFractionSpec | null;
}

/** The filter itself has no fields. */
export function parseCors(): null {
  return null;
}

/** Envoy takes the filter's own message where a policy belongs: one that says nothing. */
export function parseEmptyPolicy(): CorsPolicySpec {
  return nothing;
}

/** CorsPolicy of one level to its Spec. */
export function parseCorsPolicy(message: CorsPolicy, problems: Problems): CorsPolicySpec {
  checkCoverage(CorsPolicySchema, message, problems, { honoured, harmless: [] });
  return parsePolicy(message, message.filterEnabled, problems);
}

/** The deprecated `cors` of a virtual host or route action: the same fields in another message. */
export function parseLegacyCors(message: LegacyCorsPolicy, problems: Problems): PerFilterSpec {
  checkCoverage(LegacyCorsPolicySchema, message, problems, { honoured, harmless: [] });
  const enabled = message.enabledSpecifier.case === "filterEnabled" ? message.enabledSpecifier.value : undefined;
  return { type: LegacyCorsPolicySchema.typeName, config: parsePolicy(message, enabled, problems), disabled: false };
}

function parsePolicy(
  message: Omit<CorsPolicy, "$typeName" | "filterEnabled">,
  filterEnabled: RuntimeFractionalPercent | undefined,
  problems: Problems,
): CorsPolicySpec {
  return {
    allowOrigins: message.allowOriginStringMatch.map((matcher, i) =>
      parseStringMatcher(matcher, problems.at(`allow_origin_string_match[${i}]`)),
    ),
    allowMethods: message.allowMethods,
    allowHeaders: message.allowHeaders,
    exposeHeaders: message.exposeHeaders,
    maxAge: message.maxAge,
    allowCredentials: message.allowCredentials ?? null,
    allowPrivateNetworkAccess: message.allowPrivateNetworkAccess ?? null,
    forwardNotMatchingPreflights: message.forwardNotMatchingPreflights ?? null,
    filterEnabled: parseRuntimeFraction(filterEnabled),
    shadowEnabled: parseRuntimeFraction(message.shadowEnabled),
  };
}

const honoured = [
  "allow_origin_string_match",
  "allow_methods",
  "allow_headers",
  "expose_headers",
  "max_age",
  "allow_credentials",
  "filter_enabled",
  "shadow_enabled",
  "allow_private_network_access",
  "forward_not_matching_preflights",
] as const;
const nothing: CorsPolicySpec = {
  allowOrigins: [],
  allowMethods: "",
  allowHeaders: "",
  exposeHeaders: "",
  maxAge: "",
  allowCredentials: null,
  allowPrivateNetworkAccess: null,
  forwardNotMatchingPreflights: null,
  filterEnabled: null,
  shadowEnabled: null,
};
