import { startAuthzService } from "../../authz-service.ts";
import { act, list, networkInput, typed, valueIs } from "../../xds-matchers.ts";
import { cluster } from "../bootstrap.ts";
import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const type = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.";
const name = "envoy.filters.http.ext_authz";
const grpc: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const grpcService = (cluster_name: string, timeout = "2s"): Json => ({
  grpc_service: { envoy_grpc: { cluster_name }, timeout },
  transport_api_version: "V3",
});
/** Fields of calls, of which the service tells. */
export const metadata: Json[] = [
  { key: "x-meta-plain", value: "a%%b" },
  { key: "X-Meta-Path", value: "%REQ(:path)% of %REQ(:method)%" },
  { key: "x-meta-field", value: "%REQ(x-a)%" },
  { key: "x-meta-missing", value: "%REQ(x-none)%" },
  { key: "x-meta-partly", value: "<%REQ(x-none)%>" },
  { key: "x-meta-route", value: "%ROUTE_NAME% %REQUESTED_SERVER_NAME% %PROTOCOL%" },
  { key: "x-meta-twice", value: "1" },
  { key: "x-meta-twice", value: "%REQ(:authority)%" },
];
const httpService = (cluster: string, more: Json = {}, timeout = "2s"): Json => ({
  http_service: {
    server_uri: { uri: "http://authz.test/check", cluster, timeout },
    authorization_response: { allowed_upstream_headers: { patterns: [{ exact: "x-asked" }, { prefix: "x-up" }] } },
    ...more,
  },
});
const patterns = (...list: Json[]): Json => ({ patterns: list });
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${type}ExtAuthzPerRoute`, ...config } },
});
const settings = (check_settings: Json): Json => perRoute({ check_settings });
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const authz = (name: string, config: Json): Json => ({
  name,
  typed_config: { "@type": `${type}ExtAuthz`, ...config },
});
const setup = (service: Json, more: Json = {}, rest: Partial<Setup> = {}): Setup => ({
  service: startAuthzService,
  filters: [authz(name, { ...service, ...more })],
  clusters: [
    cluster("grpc", grpc, ["{service}"]),
    cluster("http", {}, ["{service}"]),
    cluster("closed", grpc, [1]),
    cluster("closedHttp", {}, [1]),
  ],
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      ...settings({ context_extensions: { host: "all", who: "host" } }),
      routes: [
        { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
        { match: { prefix: "/redirect" }, redirect: { path_redirect: "/" } },
        to("/off", perRoute({ disabled: true })),
        to("/extended", settings({ context_extensions: { who: "route", more: "1" } })),
        to("/no-body", settings({ disable_request_body_buffering: true })),
        to("/small-body", settings({ with_request_body: { max_request_bytes: 4, allow_partial_message: true } })),
        to("/other-grpc", settings({ grpc_service: { envoy_grpc: { cluster_name: "grpc{lane}" } } })),
        to(
          "/other-http",
          settings({ http_service: httpService("http{lane}", { path_prefix: "/other" }).http_service }),
        ),
        to("/closed", settings({ grpc_service: { envoy_grpc: { cluster_name: "closed{lane}" } } })),
        to("/meta", { metadata: { filter_metadata: { one: { a: "b" }, two: { c: 1 } } } }),
        { match: { prefix: "/", headers: [{ name: "x-moved" }] }, direct_response: { status: 201 } },
        to("/"),
      ],
    },
  ],
  routeConfig: {
    response_headers_to_add: [
      { header: { key: "x-meta", value: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:a)%" } },
    ],
  },
  ...rest,
});
/** Of what shadow_mode leaves: what each is like, by a policy's name. */
const shadowFields: [field: string, value: string][] = [
  ["check_result", "OK"],
  ["status_code", "200"],
  ["none", ""],
];
const shadowFieldIs = (field: string, value: string): Json => {
  const state = networkInput("FilterStateInput", { key: `${name}.shadow`, field });
  const policy = (text: string) => act("envoy.config.rbac.v3.Action", { name: text });
  return {
    name: `rbac of ${field}`,
    typed_config: typed("envoy.extensions.filters.http.rbac.v3.RBAC", {
      rules_stat_prefix: `${field}.`,
      matcher: {
        ...list(
          [valueIs(state, { exact: value }), policy("as wanted")],
          [valueIs(state, { contains: "{" }), policy("whole")],
          [valueIs(state, { safe_regex: { google_re2: {}, regex: ".*" } }), policy("other")],
        ),
        on_no_match: policy("nothing"),
      },
    }),
  };
};
const byGrpc = (more: Json = {}, rest: Partial<Setup> = {}): Setup => setup(grpcService("grpc{lane}"), more, rest);
const byHttp = (http: Json = {}, more: Json = {}): Setup => setup(httpService("http{lane}", http), more);
const backoff: Json = { base_interval: "0.01s" };

export const extAuthzSetups: Record<string, Setup> = {
  authz: byGrpc(),
  authzBody: byGrpc({ with_request_body: { max_request_bytes: 10 } }),
  authzPartial: byGrpc({
    with_request_body: { max_request_bytes: 10, allow_partial_message: true, pack_as_bytes: true },
  }),
  authzFields: byGrpc({
    allowed_headers: patterns({ exact: "authorization" }, { prefix: "x-a" }, { exact: ":path" }),
    disallowed_headers: patterns({ exact: "x-ab" }, { suffix: "-no", ignore_case: true }),
  }),
  authzDisallowed: byGrpc({ disallowed_headers: patterns({ prefix: "x-" }, { exact: ":method" }) }),
  authzRaw: byGrpc({ encode_raw_headers: true, with_request_body: { max_request_bytes: 10 } }),
  authzAll: byGrpc({
    stat_prefix: "mine",
    validate_mutations: true,
    clear_route_cache: true,
    charge_cluster_response_stats: false,
    enable_dynamic_metadata_ingestion: false,
    max_denied_response_body_bytes: 4,
    route_metadata_context_namespaces: ["one", "none"],
    include_tls_session: true,
    include_peer_certificate: true,
    bootstrap_metadata_labels_key: "none",
  }),
  authzRules: byGrpc({ decoder_header_mutation_rules: {} }),
  authzRulesOpen: byGrpc({ decoder_header_mutation_rules: { allow_all_routing: true, allow_envoy: true } }),
  authzRulesStrict: byGrpc({
    decoder_header_mutation_rules: {
      disallow_all: true,
      disallow_is_error: true,
      allow_expression: { regex: "x-(ok|asked|both).*" },
      disallow_expression: { regex: "x-both" },
    },
  }),
  authzRulesSystem: byGrpc({ decoder_header_mutation_rules: { disallow_system: true, disallow_is_error: true } }),
  authzAllow: setup(grpcService("grpc{lane}", "0.3s"), {
    failure_mode_allow: true,
    failure_mode_allow_header_add: true,
  }),
  authzFail: setup(grpcService("grpc{lane}", "0.3s"), { status_on_error: { code: "BadGateway" } }),
  authzClosed: setup(grpcService("closed{lane}")),
  authzNone: setup(grpcService("nowhere")),
  authzOff: byGrpc({ filter_enabled: { default_value: { numerator: 0 } } }),
  authzOffDeny: byGrpc({
    filter_enabled: { default_value: { numerator: 0 } },
    deny_at_disable: { default_value: { value: true }, runtime_key: "deny" },
  }),
  authzOffMetadata: byGrpc({
    filter_enabled_metadata: { filter: "none", path: [{ key: "a" }], value: { present_match: true } },
  }),
  authzShadow: byGrpc(
    { shadow_mode: true, clear_route_cache: true, stat_prefix: "s" },
    {
      routeConfig: {
        response_headers_to_add: [":PLAIN", ":FIELD:check_result", ":FIELD:status_code", ":FIELD:none"].map(
          (how, i) => ({
            header: { key: `x-f${i}`, value: `<%FILTER_STATE(${name}.shadow${how})%>` },
          }),
        ),
      },
    },
  ),
  authzShadowFields: byGrpc(
    {},
    {
      filters: [
        authz(name, { ...grpcService("grpc{lane}"), shadow_mode: true }),
        ...shadowFields.map(([field, value]) => shadowFieldIs(field, value)),
      ],
      routeConfig: {
        response_headers_to_add: shadowFields.map(([field], i) => ({
          header: {
            key: `x-f${i}`,
            value: `<%DYNAMIC_METADATA(envoy.filters.http.rbac:${field}.enforced_effective_policy_id)%>`,
          },
        })),
      },
    },
  ),
  authzShadowFail: setup(grpcService("closed{lane}"), { shadow_mode: true }),
  authzFew: byGrpc(
    {},
    { manager: { common_http_protocol_options: { max_headers_count: 10 }, max_request_headers_kb: 2 } },
  ),
  authzTwice: byGrpc(
    {},
    {
      filters: [
        authz("first", grpcService("grpc{lane}")),
        authz("second", {
          ...grpcService("grpc{lane}"),
          metadata_context_namespaces: [name, "none"],
          filter_enabled_metadata: { filter: name, path: [{ key: "a" }], value: { string_match: { exact: "b" } } },
        }),
      ],
    },
  ),
  authzState: byGrpc(
    { emit_filter_state_stats: true },
    {
      routeConfig: {
        response_headers_to_add: ["PLAIN", "TYPED", "FIELD:none", "FIELD:bytesReceived"].map((how) => ({
          header: { key: `x-${how}`, value: `<%FILTER_STATE(${name}:${how})%>` },
        })),
      },
    },
  ),
  authzMetadata: setup({
    grpc_service: { envoy_grpc: { cluster_name: "grpc{lane}" }, timeout: "2s", initial_metadata: metadata },
    transport_api_version: "V3",
  }),
  authzHttp: byHttp(),
  authzHttpAll: byHttp(
    {
      path_prefix: "/check",
      authorization_request: {
        headers_to_add: [
          { key: "x-own", value: "own" },
          { key: "x-path", value: "%REQ(:PATH)%" },
        ],
      },
      authorization_response: {
        allowed_upstream_headers: patterns({ exact: "x-asked" }, { prefix: "x-up" }),
        allowed_upstream_headers_to_append: patterns({ prefix: "x-add" }),
        allowed_client_headers: patterns({ prefix: "x-client" }, { exact: "x-asked" }),
        allowed_client_headers_on_success: patterns({ prefix: "x-ok" }),
        dynamic_metadata_from_headers: patterns({ exact: "a" }),
      },
    },
    {
      allowed_headers: patterns({ prefix: "x-" }),
      disallowed_headers: patterns({ exact: "x-secret" }),
      with_request_body: { max_request_bytes: 10, allow_partial_message: true },
      clear_route_cache: true,
    },
  ),
  ...Object.fromEntries(
    Object.entries({
      authzRetry: { retry_back_off: backoff },
      authzRetryMore: { num_retries: 3, retry_on: "5xx", retry_back_off: backoff },
      authzRetryReset: { retry_on: "reset", retry_back_off: backoff },
      authzRetryGateway: { retry_on: "gateway-error,retriable-4xx", retry_back_off: backoff },
      authzRetryConnect: { retry_on: "connect-failure", retry_back_off: backoff },
    }).map(([name, retry_policy]) => [
      name,
      setup(httpService("http{lane}", { retry_policy }), { allowed_headers: patterns({ exact: "x-case" }) }),
    ]),
  ),
  authzRetryClosed: setup(
    httpService("closedHttp{lane}", {
      retry_policy: { num_retries: 2, retry_on: "connect-failure", retry_back_off: backoff },
    }),
  ),
  authzHttpOverride: byHttp({ path_override: "/always" }),
  authzHttpFail: setup(httpService("http{lane}", {}, "0.3s"), { status_on_error: { code: "BadGateway" } }),
  authzHttpAllow: setup(httpService("http{lane}", {}, "0.3s"), { failure_mode_allow: true }),
  authzHttpClosed: setup(httpService("closedHttp{lane}")),
  authzHttpNone: setup(httpService("nowhere")),
};

const get = (setupName: string, path: string, words = "", ...fields: string[]): Case => ({
  name: `ext_authz: ${setupName} ${path} ${words} ${fields.join(" ")}`,
  setup: setupName,
  send: request(`GET ${path}`, ...(words === "" ? [] : [`authorization: ${words}`]), ...fields),
});
const post = (setupName: string, what: string, send: string): Case => ({
  name: `ext_authz: ${setupName} ${what}`,
  setup: setupName,
  send,
});
const stats = (setupName: string): Case => ({
  name: `ext_authz: stats of ${setupName}`,
  setup: setupName,
  send: "",
  stats:
    "ext_authz[.]|cluster[.](backend|grpc|http|closed|closedHttp)_.*upstream_rq_(\\d.*|unknown|completed|time|timeout)$",
});

export const extAuthzCases: Case[] = [
  ...["/", "/path?a=b", "/extended"].flatMap((path) => [
    get("authzMetadata", path),
    get("authzMetadata", path, "", "x-a: 1", "x-a: \u00e9"),
  ]),
  ...[
    "/",
    "/direct",
    "/redirect",
    "/off",
    "/extended",
    "/other-grpc",
    "/other-http",
    "/closed",
    "/meta",
    "/path?a=b&c=%41#f",
  ].map((path) => get("authz", path)),
  get("authz", "/", "", "x-a: 1", "x-a: 2", "x-envoy-downstream-service-cluster: me", "cookie: a=b"),
  get("authz", "/", "", "x-a: \xe9", "x-b: \xc3\xa9", "x-envoy-auth-partial-body: spoofed", "x-empty:"),
  get("authz", "/", "", "x-forwarded-for: 1.2.3.4", "x-forwarded-proto: https"),
  ...[
    "deny",
    "deny:401 body:Who%20are%20you",
    "deny:302 cset:location=/login",
    "deny:200 body:fine",
    "deny:500 body:{} cset:content-type=application/json",
    "deny cset:x-a=1 cappend:x-a=2 cexists:x-c=3 cabsent:x-d=4 cset:X-Upper=u cset:server=mine",
    "deny cset:set-cookie=a cset:set-cookie=b",
    "deny code:16",
    "deny:99",
    "deny:0",
    "deny:700",
    "bare",
    "bare code:5",
    "error",
    "error:418 body:tea cset:x-a=1",
    "deny meta:a=b",
    "meta:a=b",
    "meta:a=b okmeta:a=c",
    "code:7",
    "code:0",
  ].map((words) => get("authz", "/", words)),
  get("authz", "/", "deny:401 body:no", "content-type: application/grpc"),
  get("authz", "/", "deny:404", "content-type: application/grpc"),
  {
    ...get("authz", "/", "deny:401 body:no"),
    name: "ext_authz: HEAD denied",
    send: request("HEAD /", "authorization: deny:401 body:no"),
  },
  ...[
    "uappend:x-a=9",
    "uabsent:x-a=9",
    "uset:x-a=9",
    "uexists:x-a=9",
    "uold:x-a=9",
    "unew:x-a=9",
    "ubad:x-a=9",
    "uappend:x-n=9",
    "uabsent:x-n=9",
    "uset:x-n=9",
    "uexists:x-n=9",
    "uold:x-n=9",
    "unew:x-n=9",
    "uset:x-n=1 uappend:x-n=2 uset:x-n=3 uappend:x-n=4",
    "uappend:x-n=1 uset:x-n=2 uold:x-n=3 uold:x-n=4",
    "uset:x-n=",
    "uset:X-Upper=1",
    "remove:x-a",
    "remove:X-A",
    "remove::path remove:host remove::method",
    "uset:x-a=1 remove:x-a",
    "uset::path=/new",
    "uset:host=other.test",
    "uset::authority=other.test",
    "uset::method=PUT",
    "qset:a=1",
    "qset:q=1 qset:z=%C3%A9 qset:b=c%20d",
    "qremove:q",
    "qset:n=1 qremove:n",
    "cappend:x-r=1",
    "cset:x-r=1 cset:x-r=2",
    "cappend:x-r=1 cset:x-r=2 cappend:x-r=3",
    "cabsent:x-r=1 cexists:x-r=2",
    "cabsent:content-length=7 cexists:server=mine",
    "cold:x-r=1 cold:x-r=2 cnew:x-s=1",
    "uset:x-moved=1",
  ].map((words) => get("authz", "/x?q=a%20b&p=1", words, "x-a: 0", "x-a: 1")),
  post("authz", "a body that is not asked for", withBody("POST /", "0123456789", "authorization: slow:50")),
  post(
    "authz",
    "chunks that are not asked for",
    withChunks("POST /", ["01", "23"], ["x-t: 1"], "authorization: slow:50"),
  ),
  post("authz", "a body, denied", withBody("POST /", "0123456789", "authorization: deny")),
  stats("authz"),

  ...["authzBody", "authzPartial", "authzRaw"].flatMap((name) => [
    get(name, "/"),
    post(name, "a short body", withBody("POST /", "01234")),
    post(name, "a full body", withBody("POST /", "0123456789")),
    post(name, "chunks", withChunks("POST /", ["012", "345"], [])),
    post(name, "chunks and trailers", withChunks("POST /", ["012", "345"], ["x-t: 1"])),
    post(name, "an empty body", withBody("POST /", "")),
    post(name, "no chunks", withChunks("POST /", [], [])),
    post(name, "bytes that are no text", withBody("POST /", "a\xff\xfeb\xc3\xa9")),
    post(name, "a body where none is asked for", withBody("POST /no-body", "01234567890123")),
    post(name, "the route's body", withBody("POST /small-body", "01234567")),
    post(name, "denied", withBody("POST /", "01234", "authorization: deny:401")),
    post(name, "slow", withChunks("POST /", ["012", "345"], ["x-t: 1"], "authorization: slow:50")),
    post(name, "a websocket", request("GET /", "connection: upgrade", "upgrade: websocket")),
  ]),
  {
    ...post("authzBody", "too large a body in chunks", withChunks("POST /", ["01234567890"], [])),
    allowedDifference: "Nuncio keeps the connection of a request that is whole",
  },
  { ...post("authzBody", "too large a body", withBody("POST /", "01234567890")), onlyHttp2: true },
  post("authzPartial", "a larger body", withBody("POST /", "01234567890123456789")),
  post("authzPartial", "more chunks", withChunks("POST /", ["0123", "4567890123"], ["x-t: 1"])),

  get("authzFields", "/a?b", "", "x-a: 1", "x-ab: 2", "x-b: 3", "x-a-NO: 4"),
  get("authzDisallowed", "/a?b", "", "x-a: 1", "y: 2"),
  ...[
    "deny:401 body:0123456",
    "meta:a=b",
    "uset:x-moved=1",
    "remove:x-none",
    "qset:a=%2541",
    "qset:a=b%20c",
    "qset:b%3Fc=d",
    "uset:x%20y=1",
    "uset:x-n=a%0Ab",
    "cset:x-n=a%0Ab",
    "deny cset:x%20y=1",
    "deny cset:x-n=a%00",
    "remove:x%20y",
    "ubad:x-a=9",
    "cbad:x-a=9",
    "deny cbad:x-a=9",
  ].map((words) => get("authzAll", "/meta?q=1", words)),
  stats("authzAll"),
  ...["authzRules", "authzRulesOpen", "authzRulesStrict", "authzRulesSystem"].flatMap((name) =>
    [
      "uset:x-ok=1",
      "uset:x-other=1",
      "uset:x-both=1",
      "uset:x-envoy-mine=1",
      "uset::path=/new",
      "uset:host=other.test",
      "uset::authority=other.test",
      "uset::authority=a%20b",
      "uset::method=PUT",
      "uset::scheme=https",
      "uset::scheme=gopher",
      "remove:x-a",
      "remove:host",
      "remove::path",
      "remove:x-envoy-a",
      "cset:x-envoy-b=1",
      "uappend:x-a=2",
    ].map((words) => get(name, "/", words, "x-a: 1", "x-envoy-a: 1")),
  ),
  ...["authzAllow", "authzFail"].flatMap((name) => [
    ...[
      "grpc:14",
      "http:503",
      "garbage",
      "nothing",
      "silent",
      "reset",
      "slow:20",
      "error",
      "error:418 body:tea",
      "error cset:x-a=1",
    ].map((words) => get(name, "/", words)),
    post(name, "a body", withBody("POST /", "0123456789", "authorization: grpc:2")),
    stats(name),
  ]),
  get("authzFail", "/", "grpc:14", "content-type: application/grpc"),
  get("authzClosed", "/"),
  get("authzNone", "/"),
  get("authzNone", "/", "", "content-type: application/grpc"),
  get("authzOff", "/", "deny"),
  get("authzOffDeny", "/"),
  get("authzOffDeny", "/off"),
  stats("authzOffDeny"),
  get("authzOffMetadata", "/", "deny"),

  ...["/", "/direct", "/off", "/extended", "/other-grpc", "/other-http", "/closed", "/path?a=b"].map((path) =>
    get("authzHttp", path),
  ),
  get("authzHttp", "/", "", "x-a: 1", "cookie: a", "host: other.test"),
  ...[
    "deny",
    "deny:401 body:Who field:www-authenticate=Basic",
    "status:201 body:made",
    "status:302 field:location=/login",
    "status:404",
    "status:500 body:x",
    "status:503",
    "deny field:x-a=1 field:x-a=2 field:content-type=application/json body:{} field:server=mine",
    "field:x-up-a=1 field:x-up-a=2 field:x-other=3",
    "field:x-envoy-auth-headers-to-remove=x-gone,%20x-b field:x-up=1",
    "field:set-cookie=a",
    "slow:50",
  ].map((words) => get("authzHttp", "/x", words, "x-up-a: 0", "x-gone: 1", "x-b: 2")),
  get("authzHttp", "/", "deny:401 body:no", "content-type: application/grpc"),
  post("authzHttp", "a body", withBody("POST /", "0123456789")),
  post("authzHttp", "a body, denied", withBody("POST /", "0123456789", "authorization: deny body:no")),
  stats("authzHttp"),
  ...[
    "",
    "deny:401 body:Who field:x-client=1 field:x-other=2 field:www-authenticate=Basic field:location=/x",
    "field:x-add=1 field:x-add-new=2 field:x-add-new=3 field:x-up-new=4",
    "field:x-ok=1 field:x-ok=2 field:x-not=3",
    "field:a=meta",
    "deny field:a=meta",
    "field:x-up-moved=1 field:x-up=1",
  ].map((words) => get("authzHttpAll", "/p?q=1", words, "x-secret: 1", "x-add: 0", "x-own: client", "y: 1")),
  post("authzHttpAll", "a body", withBody("POST /", "01234")),
  post("authzHttpAll", "a larger body", withBody("POST /", "01234567890123", "content-type: text/x")),
  post("authzHttpAll", "chunks", withChunks("POST /", ["012", "345"], ["x-t: 1"])),
  ...["authzRetry", "authzRetryMore", "authzRetryReset", "authzRetryGateway", "authzRetryConnect"].flatMap((name) => [
    ...["status:500", "status:503", "status:409", "reset", "deny", "silent"].flatMap((words) =>
      [1, 2, 9].map((late) => get(name, "/", `${words} late:${late}`, `x-case: ${words} ${late}`)),
    ),
    stats(name),
  ]),
  get("authzRetryClosed", "/"),
  get("authzHttpOverride", "/p?q=1"),
  ...["authzHttpFail", "authzHttpAllow"].flatMap((name) => [
    ...[
      "silent",
      "reset",
      "status:500",
      "raw:garbage%0d%0a%0d%0a",
      "raw:HTTP/1.1%20200%20OK%0d%0acontent-length:%209%0d%0a%0d%0acut",
    ].map((words) => get(name, "/", words)),
    stats(name),
  ]),
  ...[
    "uset:x-a=1",
    "uset:x-a=1 uset:x-b=1",
    "uset:x-a=1 uset:x-b=1 uset:x-c=1",
    "uset:x-a=1 uset:x-b=1 uset:x-c=1 uset:x-d=1",
    "uset:x-a=1 uset:x-b=1 uset:x-c=1 uset:x-d=1 uset:x-e=1",
    `uset:x-a=${"a".repeat(800)}`,
    `uset:x-a=${"a".repeat(400)} uset:x-b=${"a".repeat(400)}`,
    "cset:x-a=1 cset:x-b=1 cset:x-c=1 cset:x-d=1 cset:x-e=1 cset:x-f=1 cset:x-g=1 cset:x-h=1 cset:x-i=1 cset:x-j=1",
    "deny cset:x-a=1 cset:x-b=1 cset:x-c=1 cset:x-d=1 cset:x-e=1 cset:x-f=1 cset:x-g=1 cset:x-h=1 cset:x-i=1 cset:x-j=1",
  ].map((words) => get("authzFew", "/", words)),
  stats("authzFew"),
  ...[
    "",
    "deny:401 body:no cset:x-r=1",
    "uset:x-a=1 cset:x-r=1 remove:x-b qset:q=1",
    "uset:x-moved=1",
    "error",
    "meta:a=b",
    "deny meta:a=b",
    "grpc:14",
    "cbad:x-r=1",
  ].map((words) => get("authzShadow", "/", words, "x-b: 1")),
  stats("authzShadow"),
  get("authzShadowFields", "/"),
  get("authzShadowFail", "/"),
  stats("authzShadowFail"),
  ...["", "meta:a=b", "meta:a=c", "meta:a=b uset:x-a=1 cset:x-r=1", "deny meta:a=b"].map((words) =>
    get("authzTwice", "/", words),
  ),
  stats("authzTwice"),
  get("authzState", "/"),
  get("authzHttpClosed", "/"),
  get("authzHttpNone", "/"),
];
