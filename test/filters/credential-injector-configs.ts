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

export const ofCredentialInjector: readonly FilterConfigCase[] = [
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
