import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.";
const type = `${http}filters.http.credential_injector.v3.CredentialInjector`;
const path = "http_filters[0].typed_config";
const injector = (config: Json): Json => ({
  name: "envoy.filters.http.credential_injector",
  typed_config: { "@type": type, ...config },
});
const generic = (config: Json): Json => ({
  credential: {
    name: "x",
    typed_config: { "@type": `${http}http.injected_credentials.generic.v3.Generic`, ...config },
  },
});

const endpoint: Json = { cluster: "c", uri: "http://a/b", timeout: "1s" };
/** Fields of OAuth2; undefined takes one away. */
const oauth2 = (config: Json): Json => ({
  credential: {
    name: "x",
    typed_config: {
      "@type": `${http}http.injected_credentials.oauth2.v3.OAuth2`,
      token_endpoint: endpoint,
      client_credentials: { client_id: "me", auth_type: "TLS_CLIENT_AUTH" },
      ...config,
    },
  },
});
/** What is refused of it, where, and what Envoy says. */
const badOAuth2: [what: string, config: Json, path: string, envoySays: string][] = [
  [
    "no endpoint",
    { token_endpoint: undefined },
    "token_endpoint",
    "OAuth2ValidationError.TokenEndpoint: value is required",
  ],
  ["no flow", { client_credentials: undefined }, "", 'field: "flow_type", reason: is required'],
  [
    "no client id",
    { client_credentials: { auth_type: 2 } },
    "client_credentials.client_id",
    "ClientCredentialsValidationError.ClientId: value length must be at least 1 characters",
  ],
  [
    "no secret",
    { client_credentials: { client_id: "a" } },
    "client_credentials.client_secret",
    "Invalid oauth2 client secret configuration",
  ],
  [
    "a secret that is not there",
    { client_credentials: { client_id: "a", client_secret: { name: "nobody" } } },
    "client_credentials.client_secret.name",
    "Invalid oauth2 client secret configuration",
  ],
  [
    "a short interval",
    { token_fetch_retry_interval: "0.5s" },
    "token_fetch_retry_interval",
    "OAuth2ValidationError.TokenFetchRetryInterval: value must be greater than or equal to 1s",
  ],
  [
    "a parameter without a name",
    { endpoint_params: [{ value: "a" }] },
    "endpoint_params[0].name",
    "EndpointParameterValidationError.Name: value length must be at least 1 characters",
  ],
  [
    "no time limit",
    { token_endpoint: { ...endpoint, timeout: undefined } },
    "token_endpoint.timeout",
    "HttpUriValidationError.Timeout: value is required",
  ],
];

export const ofCredentialInjector: readonly FilterConfigCase[] = [
  { name: "credential_injector: oauth2", filters: [injector(oauth2({ scopes: ["", "a"] }))] },
  ...badOAuth2.map(([what, config, at, envoySays]) => ({
    name: `credential_injector: oauth2, ${what}`,
    filters: [injector(oauth2(config))],
    error: { path: `${path}.credential.typed_config${at === "" ? "" : `.${at}`}`, says: "", envoySays },
  })),
  {
    name: "credential_injector without a credential",
    filters: [injector({})],
    error: {
      path: `${path}.credential`,
      says: "is required",
      envoySays: "CredentialInjectorValidationError.Credential: value is required",
    },
  },
  {
    name: "credential_injector with a generic credential of nothing",
    filters: [injector(generic({}))],
    error: {
      path: `${path}.credential.typed_config.credential`,
      says: "is required",
      envoySays: "GenericValidationError.Credential: value is required",
    },
  },
  {
    name: "credential_injector with a header that is none",
    filters: [injector(generic({ credential: { name: "nobody" }, header: "a\nb" }))],
    error: {
      path: `${path}.credential.typed_config.header`,
      says: "does not match",
      envoySays: "GenericValidationError.Header",
    },
  },
  {
    name: "credential_injector with what is no credential",
    filters: [
      injector({ credential: { name: "x", typed_config: { "@type": `${http}filters.http.grpc_web.v3.GrpcWeb` } } }),
    ],
    error: {
      path: `${path}.credential.typed_config`,
      says: "is not implemented",
      envoySays:
        "Didn't find a registered implementation for 'x' with type URL: 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb'",
    },
  },
  {
    name: "credential_injector takes no config of a route",
    virtualHost: { typed_per_filter_config: { f: { "@type": type, ...generic({ credential: { name: "a" } }) } } },
    error: {
      path: `route_config.virtual_hosts[0].typed_per_filter_config["f"]`,
      says: "doesn't support",
      envoySays: "The filter f doesn't support virtual host or route specific configurations",
    },
  },
];
