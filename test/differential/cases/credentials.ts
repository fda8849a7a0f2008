import { createHash } from "node:crypto";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

// basic_auth and api_key_auth.

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const hash = (password: string): string => `{SHA}${createHash("sha1").update(password).digest("base64")}`;
const users = (...pairs: readonly [string, string][]): Json => ({
  inline_string: pairs.map(([name, password]) => `${name}:${hash(password)}`).join("\n"),
});
const basicName = "envoy.filters.http.basic_auth";
const keyName = "envoy.filters.http.api_key_auth";
const basic = (config: Json): Json => ({
  name: basicName,
  typed_config: { "@type": `${http}basic_auth.v3.BasicAuth`, ...config },
});
const keys = (config: Json): Json => ({
  name: keyName,
  typed_config: { "@type": `${http}api_key_auth.v3.ApiKeyAuth`, ...config },
});
const off: Json = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true };
const route = (prefix: string, name = "", config: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...(name === "" ? {} : { typed_per_filter_config: { [name]: config } }),
});
const host = (...routes: Json[]): Json[] => [{ name: "all", domains: ["*"], routes }];
const perRoute = (name: string, type: string, config: Json): Json => ({
  "@type": `${http}${name}.v3.${type}`,
  ...config,
});
const key = (client: string, text: string): Json => ({ client, key: text });

export const credentialsSetups: Record<string, Setup> = {
  basicAuth: {
    filters: [
      basic({
        users: users(["ann", "secret"], ["bob", "pass:word"], ["empty", ""]),
        forward_username_header: "x-user",
      }),
    ],
    virtualHosts: host(
      route("/off", basicName, off),
      route("/own", basicName, perRoute("basic_auth", "BasicAuthPerRoute", { users: users(["cat", "meow"]) })),
      route("/"),
    ),
  },
  basicAuthField: {
    filters: [basic({ users: users(["ann", "secret"]), authentication_header: "x-auth" })],
  },
  apiKey: {
    filters: [
      keys({
        credentials: [key("one", "key-1"), key("two", "key-2")],
        key_sources: [{ header: "X-Api-Key" }, { header: "Authorization" }, { query: "key" }, { cookie: "key" }],
      }),
    ],
    virtualHosts: host(
      route("/off", keyName, off),
      route(
        "/own",
        keyName,
        perRoute("api_key_auth", "ApiKeyAuthPerRoute", {
          credentials: [key("three", "key-3")],
          key_sources: [{ query: "k" }],
        }),
      ),
      route("/keys", keyName, perRoute("api_key_auth", "ApiKeyAuthPerRoute", { credentials: [key("three", "key-3")] })),
      route("/places", keyName, perRoute("api_key_auth", "ApiKeyAuthPerRoute", { key_sources: [{ query: "k" }] })),
      route("/allowed", keyName, perRoute("api_key_auth", "ApiKeyAuthPerRoute", { allowed_clients: ["two"] })),
      route(
        "/hidden",
        keyName,
        perRoute("api_key_auth", "ApiKeyAuthPerRoute", { forwarding: { header: "x-client", hide_credentials: true } }),
      ),
      route("/told", keyName, perRoute("api_key_auth", "ApiKeyAuthPerRoute", { forwarding: { header: "x-client" } })),
      route("/"),
    ),
  },
};

const given = (text: string): string => `authorization: Basic ${Buffer.from(text).toString("base64")}`;
const ask = (setup: string, path: string, ...fields: string[]): Case => ({
  name: `${setup}: ${path} ${fields.join(" ")}`,
  setup,
  send: request(`GET ${path}`, ...fields),
});

export const credentialsCases: Case[] = [
  ask("basicAuth", "/x?y"),
  ask("basicAuth", "/", given("ann:secret")),
  ask("basicAuth", "/", given("ann:secret"), "x-user: mine"),
  ask("basicAuth", "/", given("ann:wrong")),
  ask("basicAuth", "/", given("eve:secret")),
  ask("basicAuth", "/", given("bob:pass:word")),
  ask("basicAuth", "/", given("empty:")),
  ask("basicAuth", "/", given("ann")),
  ask("basicAuth", "/", given("")),
  ask("basicAuth", "/", "authorization: Basic !!"),
  ask("basicAuth", "/", "authorization: Basic"),
  ask("basicAuth", "/", "authorization: basic YW5uOnNlY3JldA=="),
  ask("basicAuth", "/", "authorization: BASIC YW5uOnNlY3JldA=="),
  ask("basicAuth", "/", "authorization: Basic YW5uOnNlY3JldA"),
  ask("basicAuth", "/", "authorization: Bearer x"),
  ask("basicAuth", "/", "authorization: Basic  YW5uOnNlY3JldA=="),
  ask("basicAuth", "/off"),
  ask("basicAuth", "/own", given("ann:secret")),
  ask("basicAuth", "/own", given("cat:meow")),
  ask("basicAuth", "/a.B/C", "content-type: application/grpc"),
  { name: "basicAuth: stats", setup: "basicAuth", send: "", stats: "basic_auth" },
  ask("basicAuthField", "/"),
  ask("basicAuthField", "/", given("ann:secret")),
  ask("basicAuthField", "/", given("ann:secret").replace("authorization", "x-auth")),
  ask("apiKey", "/"),
  ask("apiKey", "/", "x-api-key: key-1"),
  ask("apiKey", "/", "x-api-key: wrong"),
  ask("apiKey", "/", "x-api-key: key-1", "x-api-key: key-2"),
  ask("apiKey", "/", "x-api-key: Bearer key-1"),
  ask("apiKey", "/", "authorization: Bearer key-2"),
  ask("apiKey", "/", "authorization: key-2"),
  ask("apiKey", "/", "authorization: Basic key-2"),
  ask("apiKey", "/?key=key-1&a=b"),
  ask("apiKey", "/?key=key%2D1"),
  ask("apiKey", "/?key=wrong", "cookie: key=key-1"),
  ask("apiKey", "/", "cookie: a=b; key=key-2"),
  ask("apiKey", "/", "x-api-key: wrong", "authorization: Bearer key-2"),
  ask("apiKey", "/off"),
  ask("apiKey", "/own?k=key-3"),
  ask("apiKey", "/own?k=key-1"),
  ask("apiKey", "/keys", "x-api-key: key-3"),
  ask("apiKey", "/keys", "x-api-key: key-1"),
  ask("apiKey", "/places?k=key-1"),
  ask("apiKey", "/places?key=key-1"),
  ask("apiKey", "/allowed", "x-api-key: key-1"),
  ask("apiKey", "/allowed", "x-api-key: key-2"),
  ask("apiKey", "/told", "x-api-key: key-2", "x-client: mine"),
  ask("apiKey", "/hidden", "x-api-key: key-2"),
  ask("apiKey", "/hidden?key=key-1&a=b&c"),
  ask("apiKey", "/hidden", "cookie: a=b; key=key-2; c=d"),
  { name: "apiKey: stats", setup: "apiKey", send: "", stats: "api_key_auth" },
];
