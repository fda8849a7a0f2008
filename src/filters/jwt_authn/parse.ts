import { readBytes } from "../../net/tls/data-source.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import { durationMs } from "../../proto/duration.ts";
import type { DataSource } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type JwtAuthentication,
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
  type JwtRequirement,
  type PerRouteConfig,
  type RemoteJwks,
} from "../../proto/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import { parseHttpUri } from "../../proto/http-uri.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";
import { parseMatch, parseStringMatcher } from "../../router/parse-match.ts";
import { withoutSlash } from "./audience.ts";
import { readJwks } from "./keys.ts";
import type { JwtAuthnSpec, JwtPerRouteSpec, JwtProviderSpec, RemoteJwksSpec, RequirementSpec } from "./spec.ts";

export function parseJwtAuthn(message: JwtAuthentication, problems: Problems): JwtAuthnSpec {
  checkCoverage(JwtAuthenticationSchema, message, problems, {
    honoured: [
      "providers",
      "rules",
      "filter_state_rules",
      "bypass_cors_preflight",
      "requirement_map",
      "strip_failure_response",
      "stat_prefix",
    ],
    harmless: [],
  });
  const names = new Set(Object.keys(message.providers));
  const requirement = (one: JwtRequirement, scope: Problems) => parseRequirement(one, names, scope);
  const mapOf = (map: { [key: string]: JwtRequirement }, scope: Problems) =>
    Object.fromEntries(Object.entries(map).map(([key, one]) => [key, requirement(one, scope.at(`["${key}"]`))]));
  const requirements = mapOf(message.requirementMap, problems.at("requirement_map"));
  const state = message.filterStateRules;
  return {
    statPrefix: message.statPrefix,
    providers: Object.entries(message.providers).map(([name, one]) =>
      parseProvider(name, one, problems.at(`providers["${name}"]`)),
    ),
    rules: message.rules.map(({ match, requirementType: type }, i) => {
      const scope = problems.at(`rules[${i}]`);
      const spec = { match: parseMatch(match, scope.at("match")), requirement: null };
      if (type.case === "requires") return { ...spec, requirement: requirement(type.value, scope.at("requires")) };
      if (type.case === undefined) return spec;
      const named = requirements[type.value];
      if (named === undefined) {
        const text = `Wrong requirement_name: ${type.value}. It should be one of [${Object.keys(requirements)}]`;
        scope.error("requirement_name", `there is no requirement "${type.value}" in requirement_map`, {
          envoyText: text,
        });
      }
      return { ...spec, requirement: named ?? null };
    }),
    filterState:
      state === undefined
        ? null
        : { key: state.name, requires: mapOf(state.requires, problems.at("filter_state_rules.requires")) },
    requirements,
    bypassesCorsPreflight: message.bypassCorsPreflight,
    stripsFailureResponse: message.stripFailureResponse,
  };
}

export function parseJwtPerRoute({ requirementSpecifier: said }: PerRouteConfig, problems: Problems): JwtPerRouteSpec {
  if (said.case === undefined) problems.error("", "one of disabled, requirement_name must be set");
  return {
    disabled: said.case === "disabled" && said.value,
    requirementName: said.case === "requirementName" ? said.value : "",
  };
}

function parseRequirement(message: JwtRequirement, names: ReadonlySet<string>, problems: Problems): RequirementSpec {
  const type = message.requiresType;
  switch (type.case) {
    case "providerName":
      return provider(type.value, null, names, problems.at("provider_name"));
    case "providerAndAudiences": {
      const { providerName, audiences } = type.value;
      return provider(providerName, audiences, names, problems.at("provider_and_audiences.provider_name"));
    }
    case "requiresAny":
    case "requiresAll": {
      const [kind, field] =
        type.case === "requiresAny" ? (["any", "requires_any"] as const) : (["all", "requires_all"] as const);
      const of = type.value.requirements.map((one, i) =>
        parseRequirement(one, names, problems.at(`${field}.requirements[${i}]`)),
      );
      return { kind, of };
    }
    case "allowMissing":
    case "allowMissingOrFailed":
      return { kind: type.case };
    case "extractOnlyWithoutValidation":
      problems.error("extract_only_without_validation", "is not implemented in Nuncio yet");
      return { kind: "allowMissingOrFailed" };
    case undefined:
      return { kind: "all", of: [] };
  }
}

function provider(
  name: string,
  audiences: string[] | null,
  names: ReadonlySet<string>,
  problems: Problems,
): RequirementSpec {
  if (!names.has(name)) {
    problems.error("", `there is no provider "${name}"`, {
      envoyText: `Required provider ['${name}'] is not configured.`,
    });
  }
  return { kind: "provider", name, audiences };
}

function parseProvider(name: string, message: JwtProvider, problems: Problems): JwtProviderSpec {
  checkCoverage(JwtProviderSchema, message, problems, { honoured, harmless: [] });
  const source = message.jwksSourceSpecifier;
  const hasPlace = message.fromHeaders.length + message.fromParams.length + message.fromCookies.length > 0;
  const { jwtCacheConfig: cache } = message;
  return {
    name,
    issuer: message.issuer,
    audiences: message.audiences.map(withoutSlash),
    subjects: message.subjects === undefined ? null : parseStringMatcher(message.subjects, problems.at("subjects")),
    requiresExpiration: message.requireExpiration,
    maxLifetimeS: (durationMs(message.maxLifetime) ?? 0) / 1000,
    clockSkewS: message.clockSkewSeconds || 60,
    localJwks: source.case === "localJwks" ? readLocal(name, source.value, problems) : null,
    remote: source.case === "remoteJwks" ? parseRemote(source.value, problems.at("remote_jwks")) : null,
    forwards: message.forward,
    headers: hasPlace
      ? message.fromHeaders.map((one) => ({ name: parseHeaderName(one.name), prefix: one.valuePrefix }))
      : [{ name: "authorization", prefix: "Bearer " }],
    params: hasPlace ? message.fromParams : ["access_token"],
    cookies: message.fromCookies,
    payloadHeader: parseHeaderName(message.forwardPayloadHeader),
    padsPayloadHeader: message.padForwardPayloadHeader,
    payloadInMetadata: message.payloadInMetadata,
    spaceDelimitedClaims: message.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    headerInMetadata: message.headerInMetadata,
    failedStatusInMetadata: message.failedStatusInMetadata,
    claimToHeaders: message.claimToHeaders.map(({ headerName, claimName, claimPath }) => ({
      header: parseHeaderName(headerName),
      path: claimPath.length > 0 ? claimPath.map(({ key }) => key) : claimName.split("."),
    })),
    clearsRouteCache: message.clearRouteCache,
    cache: cache === undefined ? null : { maxTokenBytes: cache.jwtMaxTokenSize || 4096 },
  };
}

function readLocal(name: string, source: DataSource, problems: Problems): string {
  const text = readBytes(source, problems, "local_jwks")?.toString();
  const keys = text === undefined ? [] : readJwks(text);
  if (typeof keys === "string") {
    problems.error("local_jwks", keys, {
      envoyText: `Provider '${name}' in jwt_authn config has invalid local jwks: ${keys}`,
    });
  }
  return text ?? "";
}

function parseRemote(message: RemoteJwks, problems: Problems): RemoteJwksSpec {
  const { asyncFetch } = message;
  if (asyncFetch !== undefined && !asyncFetch.fastListener) {
    problems.warning("async_fetch.fast_listener", "is as if it were set: listeners do not wait for keys");
  }
  return {
    ...parseHttpUri(message.httpUri),
    cacheMs: durationMs(message.cacheDuration) ?? 600_000,
    numRetries: message.retryPolicy === undefined ? 0 : (message.retryPolicy.numRetries ?? 1),
    failedRefetchMs: asyncFetch === undefined ? null : (durationMs(asyncFetch.failedRefetchDuration) ?? 1000),
  };
}

const honoured = [
  "issuer",
  "audiences",
  "subjects",
  "require_expiration",
  "max_lifetime",
  "remote_jwks",
  "local_jwks",
  "forward",
  "from_headers",
  "from_params",
  "from_cookies",
  "forward_payload_header",
  "pad_forward_payload_header",
  "payload_in_metadata",
  "normalize_payload_in_metadata",
  "header_in_metadata",
  "failed_status_in_metadata",
  "clock_skew_seconds",
  "jwt_cache_config",
  "claim_to_headers",
  "clear_route_cache",
] as const;
