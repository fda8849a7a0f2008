import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const type = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
const jwks = (text: string): Json => ({ issuer: "i", local_jwks: { inline_string: text } });
const good = jwks('{"keys":[{"kty":"oct","k":"AAAA"}]}');
const filters = (config: Json): Json[] => [{ name: "jwt", typed_config: { "@type": type, ...config } }];
const path = "http_filters[0].typed_config";
const local = `${path}.providers["p"].local_jwks`;
const refused = (text: string, says: string): FilterConfigCase => ({
  name: `jwt_authn: keys that are ${text}`,
  filters: filters({ providers: { p: jwks(text) } }),
  error: { path: local, says, envoySays: `Provider 'p' in jwt_authn config has invalid local jwks: ${says}` },
});

export const ofJwtAuthn: readonly FilterConfigCase[] = [
  { name: "jwt_authn: nothing at all", filters: filters({}) },
  refused("{", "Jwks is an invalid JSON"),
  refused("{}", "Jwks does not have [keys] field"),
  refused('{"keys":{}}', "[keys] in Jwks is not an array"),
  refused('{"keys":[]}', "Jwks doesn't have any valid public key"),
  {
    name: "jwt_authn: a provider that is not there",
    filters: filters({ providers: { p: good }, rules: [{ match: { prefix: "/" }, requires: { provider_name: "q" } }] }),
    error: {
      path: `${path}.rules[0].requires.provider_name`,
      says: 'there is no provider "q"',
      envoySays: "Required provider ['q'] is not configured.",
    },
  },
  {
    name: "jwt_authn: a requirement that is not there",
    filters: filters({ providers: { p: good }, rules: [{ match: { prefix: "/" }, requirement_name: "r" }] }),
    error: {
      path: `${path}.rules[0].requirement_name`,
      says: 'there is no requirement "r"',
      envoySays: "Wrong requirement_name: r. It should be one of []",
    },
  },
];
