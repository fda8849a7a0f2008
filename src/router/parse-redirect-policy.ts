import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import type { TypedExtensionConfig } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  InternalRedirectPolicySchema,
  type RouteAction,
  RouteAction_InternalRedirectAction,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { AllowListedRoutesConfig } from "../proto/generated/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "./parse-headers.ts";
import type { InternalRedirectSpec, RedirectPredicateSpec } from "./spec.ts";

/**
 * internal_redirect_policy of a route action, or the two deprecated fields where it is not set; null without any. `problems` is that
 * of the action. Envoy: InternalRedirectPolicyImpl.
 */
export function parseInternalRedirect(message: RouteAction, problems: Problems): InternalRedirectSpec | null {
  const policy = message.internalRedirectPolicy;
  if (policy === undefined) {
    if (message.internalRedirectAction !== RouteAction_InternalRedirectAction.HANDLE_INTERNAL_REDIRECT) return null;
    const max = message.maxInternalRedirects ?? 1;
    return { maxInternalRedirects: max, codes: [302], allowCrossScheme: false, headersToCopy: [], predicates: [] };
  }
  const scope = problems.at("internal_redirect_policy");
  checkCoverage(InternalRedirectPolicySchema, policy, scope, { honoured, harmless: [] });
  const { redirectResponseCodes } = policy;
  return {
    maxInternalRedirects: policy.maxInternalRedirects ?? 1,
    // Envoy passes over codes that are no redirects.
    codes:
      redirectResponseCodes.length === 0 ? [302] : redirectResponseCodes.filter((code) => redirectCodes.includes(code)),
    allowCrossScheme: policy.allowCrossSchemeRedirect,
    headersToCopy: policy.responseHeadersToCopy.map((given, i) => {
      const name = parseHeaderName(given);
      if (name.startsWith(":") || name === "host") {
        const text = ":-prefixed headers or Hosts may not be specified here.";
        scope.error(`response_headers_to_copy[${i}]`, text, { envoyText: text });
      }
      return name;
    }),
    predicates: policy.predicates
      .map((predicate, i) => parsePredicate(predicate, scope.at(`predicates[${i}]`)))
      .filter((predicate) => predicate !== null),
  };
}

function parsePredicate(message: TypedExtensionConfig, problems: Problems): RedirectPredicateSpec | null {
  const unpacked = unpackExtension(message.name, message.typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  switch (unpacked.desc.typeName) {
    case "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig":
      return { kind: "previousRoutes" };
    case "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig":
      return { kind: "safeCrossScheme" };
    case "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig":
      return {
        kind: "allowListedRoutes",
        names: (unpacked.message as AllowListedRoutesConfig).allowedRouteNames,
      };
    default:
      problems.error("typed_config", `${unpacked.desc.typeName} is no internal redirect predicate that Nuncio has`);
      return null;
  }
}

const redirectCodes: readonly number[] = [301, 302, 303, 307, 308];
const honoured = [
  "max_internal_redirects",
  "redirect_response_codes",
  "predicates",
  "allow_cross_scheme_redirect",
  "response_headers_to_copy",
];
