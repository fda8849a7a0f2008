import type { GrpcServiceSpec } from "../../proto/api-source.ts";
import type { HeaderAddSpec, MetadataMatcherSpec, RuntimeFractionSpec, StringMatcherSpec } from "../../router/spec.ts";
import type { FeatureFlagSpec } from "../feature-flag.ts";

/** extensions.filters.http.ext_authz.v3.ExtAuthz. */
export interface ExtAuthzSpec {
  service: AuthzServiceSpec;
  /** null: the body is not asked for. */
  body: AuthzBodySpec | null;
  packsAsBytes: boolean;
  hasRawHeaders: boolean;
  /** null: all. */
  allowedHeaders: StringMatcherSpec[] | null;
  disallowedHeaders: StringMatcherSpec[];
  allowsOnFailure: boolean;
  addsHeaderOnFailure: boolean;
  statusOnError: number;
  validatesMutations: boolean;
  clearsRouteCache: boolean;
  /** Lower-case; none: any change clears it. */
  clearingHeaders: string[];
  metadataNamespaces: string[];
  routeMetadataNamespaces: string[];
  takesMetadata: boolean;
  /** null: always. */
  enabled: RuntimeFractionSpec | null;
  enabledMetadata: MetadataMatcherSpec | null;
  /** null: never. */
  deniesAtDisable: FeatureFlagSpec | null;
  hasPeerCertificate: boolean;
  hasTlsSession: boolean;
  /** Of node.metadata; "" for none. */
  labelsKey: string;
  /** Between "ext_authz." and the name of a counter: "" or with a dot at its end. */
  statPrefix: string;
  chargesCluster: boolean;
  rules: MutationRulesSpec | null;
  /** What the service says has no effect. */
  isShadow: boolean;
  /** What a check took is left in the filter state. */
  tellsStats: boolean;
  /** 0 for all. */
  maxDeniedBodyBytes: number;
}

export interface AuthzBodySpec {
  maxBytes: number;
  allowsPartial: boolean;
}

export type AuthzServiceSpec = GrpcAuthzSpec | HttpAuthzSpec;

export interface GrpcAuthzSpec {
  kind: "grpc";
  service: Omit<GrpcServiceSpec, "google">;
  timeoutMs: number;
}

export interface HttpAuthzSpec {
  kind: "http";
  cluster: string;
  timeoutMs: number;
  pathPrefix: string;
  /** "" for the request's. */
  pathOverride: string;
  /** null for none. */
  retry: AuthzRetrySpec | null;
  headersToAdd: HeaderAddSpec[];
  /** Which fields of the answer go where. */
  toUpstream: StringMatcherSpec[];
  toUpstreamAppended: StringMatcherSpec[];
  /** null: all but host. */
  toClient: StringMatcherSpec[] | null;
  toClientOnSuccess: StringMatcherSpec[];
  toMetadata: StringMatcherSpec[];
}

/** config.core.v3.RetryPolicy. */
export interface AuthzRetrySpec {
  /** Bits of RetryOn. */
  retryOn: number;
  numRetries: number;
  backoffBaseMs: number;
  /** As in Envoy of one attempt too. */
  backoffMaxMs: number;
}

/** ExtAuthzPerRoute. */
export interface ExtAuthzRouteSpec {
  isDisabled: boolean;
  contextExtensions: Record<string, string>;
  skipsBody: boolean;
  body: AuthzBodySpec | null;
  /** null for the filter's. */
  service: AuthzServiceSpec | null;
}

/** config.common.mutation_rules.v3.HeaderMutationRules. */
export interface MutationRulesSpec {
  allowsRouting: boolean;
  allowsEnvoy: boolean;
  disallowsSystem: boolean;
  disallowsAll: boolean;
  /** RE2; "" for none. */
  allow: string;
  disallow: string;
  isError: boolean;
}
