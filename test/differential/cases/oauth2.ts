import { startTokenServer, tellingToken } from "../../token-server.ts";
import { typed } from "../../xds-matchers.ts";
import { cluster } from "../bootstrap.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const allCharacters = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));
const client = (more: Json = {}): Json => ({ client_id: "me", client_secret: { name: "secret" }, ...more });
const endpoint = (uri: string): Json => ({ cluster: "tokens{lane}", uri, timeout: "1s" });

/** What the server answers by its path. */
const answers: Record<string, string> = {
  "/strings": '{"access_token":"of strings","expires_in":"60","token_type":"mac","more":[1]}',
  "/camel": '{"accessToken":"of a camel","expiresIn":60.0}',
  "/empty": '{"access_token":"","expires_in":60}',
  "/no-life": '{"access_token":"a"}',
  "/negative": '{"access_token":"a","expires_in":-1}',
  "/number": '{"access_token":1,"expires_in":60}',
  "/fraction": '{"access_token":"a","expires_in":0.5}',
  "/null": '{"access_token":"a","expires_in":null}',
  "/list": "[]",
  "/garbage": "nope",
};

/** Requests wait until the first token can have come. */
const patience: Json = {
  name: "patience",
  typed_config: typed("envoy.extensions.filters.http.fault.v3.HTTPFault", {
    delay: { fixed_delay: "0.2s", percentage: { numerator: 100 } },
  }),
};
const injector = (name: string, oauth2: Json, more: Json): Json => ({
  name,
  disabled: true,
  typed_config: typed("envoy.extensions.filters.http.credential_injector.v3.CredentialInjector", {
    credential: {
      name: "oauth2",
      typed_config: typed("envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2", {
        token_endpoint: endpoint("https://tokens.test:8443/grant?a=b"),
        client_credentials: client(),
        token_fetch_retry_interval: "3600s",
        ...oauth2,
      }),
    },
    ...more,
  }),
});
const at = (path: string): Json => ({ token_endpoint: endpoint(`http://tokens.test${path}`) });

/** Each is on for the route of its name. */
const injectors: Record<string, [oauth2: Json, more: Json]> = {
  "/whole": [
    {
      scopes: ["a b", "c/d"],
      endpoint_params: [
        { name: "aud ience", value: "x y&z=\u00e9" },
        { name: "e", value: "" },
      ],
      client_credentials: client({ client_id: allCharacters }),
    },
    {},
  ],
  "/body": [{ client_credentials: client({ auth_type: "URL_ENCODED_BODY" }) }, { overwrite: true }],
  "/tls": [{ client_credentials: { client_id: "\u00e9", auth_type: "TLS_CLIENT_AUTH" }, scopes: [""] }, {}],
  "/uri": [{ token_endpoint: endpoint("tokens.test") }, {}],
  "/no-secret": [{ client_credentials: client({ client_secret: { name: "empty" } }) }, {}],
  "/no-cluster": [{ token_endpoint: { ...endpoint("http://a/b"), cluster: "nobody" } }, {}],
  "/dead": [{ token_endpoint: { ...endpoint("http://a/b"), cluster: "dead{lane}" } }, {}],
  "/optional": [at("/status/503"), { allow_request_without_credential: true }],
  ...Object.fromEntries(
    [...Object.keys(answers), "/status/201", "/status/500", "/cut"].map((path) => [path, [at(path), {}]]),
  ),
};

export const oauth2Setups: Record<string, Setup> = {
  oauth2: {
    service: () =>
      startTokenServer((question) => {
        const body = answers[question.path];
        if (body !== undefined) return { status: 200, body };
        if (question.path === "/cut") return { status: 200, body: null };
        return question.path.startsWith("/status/")
          ? { status: Number(question.path.slice(8)), body: "no" }
          : tellingToken(question);
      }),
    secrets: [
      { name: "secret", generic_secret: { secret: { inline_string: `s\u00e9${allCharacters}` } } },
      { name: "empty", generic_secret: { secret: { inline_string: "" } } },
    ],
    clusters: [cluster("tokens", {}, ["{service}"]), cluster("dead", {}, [1])],
    filters: [patience, ...Object.entries(injectors).map(([name, [oauth2, more]]) => injector(name, oauth2, more))],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: Object.keys(injectors).map((name) => ({
          match: { prefix: name },
          route: { cluster: "backend{lane}" },
          typed_per_filter_config: { [name]: typed("envoy.config.route.v3.FilterConfig", { config: {} }) },
        })),
      },
    ],
  },
};

export const oauth2Cases: Case[] = [
  ...Object.keys(injectors).flatMap((path): Case[] => [
    { name: `oauth2: ${path}`, setup: "oauth2", send: request(`GET ${path}`) },
    {
      name: `oauth2: ${path}, authorization is there`,
      setup: "oauth2",
      send: request(`GET ${path}`, "authorization: mine"),
    },
  ]),
  { name: "oauth2: stats", setup: "oauth2", send: "", stats: "credential_injector" },
];
