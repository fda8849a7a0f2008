import { cluster } from "../bootstrap.ts";
import { request, withBody } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.credential_injector";
const generic = (secret: string, more: Json = {}): Json => ({
  credential: {
    name: "envoy.http.injected_credentials.generic",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
      credential: { name: secret },
      ...more,
    },
  },
});
const injector = (config: Json): Json => ({
  name,
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
    ...config,
  },
});
const codec: Json = {
  name: "envoy.filters.http.upstream_codec",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" },
};
const upstream = (clusterName: string, ...configs: Json[]): Json =>
  cluster(clusterName, {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http_protocol_options: {} },
        http_filters: [...configs.map(injector), codec],
      },
    },
  });
const off: Json = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true };
const to = (prefix: string, clusterName: string, more: Json = {}): Json => ({
  match: { prefix },
  route: {
    cluster: `${clusterName}{lane}`,
    retry_policy: { retry_on: "5xx,reset,retriable-status-codes", retriable_status_codes: [401], num_retries: 1 },
  },
  ...more,
});
const secret = (secretName: string, text: string): Json => ({
  name: secretName,
  generic_secret: { secret: { inline_string: text } },
});
const secrets = [secret("token", "Basic abc"), secret("plain", "pa\u00e9ss"), secret("empty", "")];
const setup = (config: Json): Setup => ({
  filters: [injector(config)],
  secrets,
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      routes: [to("/off", "backend", { typed_per_filter_config: { [name]: off } }), to("/", "backend")],
    },
  ],
});

/** A cluster for each: Envoy shows another log where a connection was there already. */
const missing = ["0", "1", "2", "3"];

const all = (...routes: Json[]): Json[] => [
  { name: "all", domains: ["*"], include_attempt_count_in_response: true, routes },
];

export const credentialInjectorSetups: Record<string, Setup> = {
  inject: setup(generic("token")),
  injectOverwrite: setup({ ...generic("token"), overwrite: true }),
  injectHeader: setup(generic("plain", { header: "X-Key", header_value_prefix: "key " })),
  injectNothing: setup(generic("empty")),
  injectOptional: setup({ ...generic("empty"), allow_request_without_credential: true }),
  injectUpstream: {
    secrets,
    clusters: [
      upstream("one", generic("token")),
      upstream("over", { ...generic("token"), overwrite: true }),
      upstream("given", generic("empty")),
      upstream("optional", { ...generic("empty"), allow_request_without_credential: true }),
    ],
    virtualHosts: all(to("/over", "over"), to("/given", "given"), to("/optional", "optional"), to("/", "one")),
  },
  injectMissing: {
    secrets,
    clusters: missing.map((number) => upstream(`missing${number}`, generic("empty"))),
    virtualHosts: all(...missing.map((number) => to(`/${number}`, `missing${number}`))),
  },
};

const ask = (setupName: string, path: string, ...fields: string[]): Case => ({
  name: `${setupName}: ${path} ${fields.join(" ")}`,
  setup: setupName,
  send: request(`GET ${path}`, ...fields),
});

export const credentialInjectorCases: Case[] = [
  ...["inject", "injectOverwrite", "injectHeader", "injectNothing", "injectOptional"].flatMap((one): Case[] => [
    ask(one, "/"),
    ask(one, "/", "authorization: mine", "x-key: mine"),
    ask(one, "/", "authorization: other", "x-key: a", "x-key: b"),
    ask(one, "/", "authorization:", "x-key:"),
    ask(one, "/off"),
    ask(one, "/", "content-type: application/grpc"),
    ask(one, "/", "x-do: status:503 | status:200"),
    { name: `${one}: a body`, setup: one, send: withBody("POST /", "body") },
    { name: `${one}: stats`, setup: one, send: "", stats: "credential_injector" },
  ]),
  ...["/", "/over", "/optional"].flatMap((path) => [
    ask("injectUpstream", path),
    ask("injectUpstream", path, "authorization: mine"),
    ask("injectUpstream", path, "x-do: status:503 | status:200"),
    ask("injectUpstream", path, "content-type: application/grpc"),
  ]),
  ask("injectUpstream", "/given", "authorization: mine"),
  { name: "injectUpstream: stats", setup: "injectUpstream", send: "", stats: "credential_injector" },
  ask("injectMissing", "/0"),
  ask("injectMissing", "/1", "x-do: status:503 | status:200"),
  ask("injectMissing", "/2", "content-type: application/grpc"),
  { name: "injectMissing: a body", setup: "injectMissing", send: withBody("POST /3", "body") },
  { name: "injectMissing: stats", setup: "injectMissing", send: "", stats: "credential_injector|upstream_rq_401" },
];
