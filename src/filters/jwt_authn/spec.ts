import type { HttpUriSpec } from "../../proto/http-uri.ts";
import type { RouteMatchSpec, StringMatcherSpec } from "../../router/spec.ts";

/** extensions.filters.http.jwt_authn.v3.JwtAuthentication. */
export interface JwtAuthnSpec {
  statPrefix: string;
  providers: JwtProviderSpec[];
  rules: { match: RouteMatchSpec; requirement: RequirementSpec | null }[];
  /** null without filter_state_rules. */
  filterState: { key: string; requires: Record<string, RequirementSpec> } | null;
  requirements: Record<string, RequirementSpec>;
  bypassesCorsPreflight: boolean;
  stripsFailureResponse: boolean;
}

/** Names of providers are those of the map. */
export type RequirementSpec =
  /** `audiences` null: the provider's. */
  | { kind: "provider"; name: string; audiences: string[] | null }
  | { kind: "any" | "all"; of: RequirementSpec[] }
  | { kind: "allowMissing" | "allowMissingOrFailed" };

export interface JwtProviderSpec {
  name: string;
  /** "" for any. */
  issuer: string;
  /** Empty for any. */
  audiences: string[];
  subjects: StringMatcherSpec | null;
  requiresExpiration: boolean;
  /** 0 for no limit. */
  maxLifetimeS: number;
  clockSkewS: number;
  /** A JWKS as text; null for a remote one. */
  localJwks: string | null;
  remote: RemoteJwksSpec | null;
  forwards: boolean;
  headers: { name: string; prefix: string }[];
  params: string[];
  cookies: string[];
  /** Lower-case; "" for none. */
  payloadHeader: string;
  padsPayloadHeader: boolean;
  payloadInMetadata: string;
  /** Claims of words that become lists in the metadata. */
  spaceDelimitedClaims: string[];
  headerInMetadata: string;
  failedStatusInMetadata: string;
  claimToHeaders: { header: string; path: string[] }[];
  clearsRouteCache: boolean;
  /** null: no token counts as a hit. */
  cache: { maxTokenBytes: number } | null;
}

/** RemoteJwks. */
export interface RemoteJwksSpec extends HttpUriSpec {
  cacheMs: number;
  numRetries: number;
  /** async_fetch: before it is asked for, and again in time. null without. */
  failedRefetchMs: number | null;
}

/** Of a route; requirement null: none. */
export interface JwtPerRouteSpec {
  disabled: boolean;
  requirementName: string;
}
