import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.custom_response";
const types = "type.googleapis.com/";
const filterType = `${types}envoy.extensions.filters.http.custom_response.v3.CustomResponse`;
const input = (typeName: string, more: Json = {}): Json => ({
  name: "input",
  typed_config: { "@type": types + typeName, ...more },
});
const statusCode = input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput");
const statusClass = input("envoy.type.matcher.v3.HttpResponseStatusCodeClassMatchInput");
const isLocal = input("envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput");
const header = (header_name: string): Json =>
  input("envoy.type.matcher.v3.HttpResponseHeaderMatchInput", { header_name });
const asked = (header_name: string): Json =>
  input("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { header_name });
const local = (config: Json): Json => ({
  action: {
    name: "a",
    typed_config: {
      "@type": `${types}envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy`,
      ...("preserve_response_code_details" in config ? {} : { response_code_details: "replaced" }),
      ...config,
    },
  },
});
const list = (...matchers: [Json, Json, Json][]): Json => ({
  matcher_list: {
    matchers: matchers.map(([of, value_match, on_match]) => ({
      predicate: { single_predicate: { input: of, value_match } },
      on_match,
    })),
  },
});
const filter = (custom_response_matcher: Json | null): Json => ({
  "@type": filterType,
  ...(custom_response_matcher === null ? {} : { custom_response_matcher }),
});
const code = (expression: string): Json => ({
  single_predicate: {
    input: input("xds.type.matcher.v3.HttpAttributesCelMatchInput"),
    custom_match: {
      name: "cel",
      typed_config: {
        "@type": `${types}xds.type.matcher.v3.CelMatcher`,
        expr_match: {
          cel_expr_parsed: {
            expr: {
              call_expr: {
                function: expression,
                args: [
                  { select_expr: { operand: { ident_expr: { name: "response" } }, field: "code" } },
                  { const_expr: { int64_value: 500 } },
                ],
              },
            },
          },
        },
      },
    },
  },
});

const policies: Record<string, Json> = {
  body: list([statusCode, { exact: "404" }, local({ body: { inline_string: "not here" } })]),
  status: list([statusCode, { exact: "404" }, local({ status_code: 410, body: { inline_string: "gone" } })]),
  class: list([statusClass, { exact: "5xx" }, local({ status_code: 200, body: { inline_string: "all is well" } })]),
  format: list([
    statusClass,
    { exact: "4xx" },
    local({
      body: { inline_string: "inner" },
      body_format: {
        text_format: "%LOCAL_REPLY_BODY% %RESPONSE_CODE% %REQ(:path)% %RESP(x-up)%",
        content_type: "text/html",
      },
    }),
  ]),
  json: list([
    statusClass,
    { exact: "4xx" },
    local({ body_format: { json_format: { code: "%RESPONSE_CODE%", path: "%REQ(:path)%" } } }),
  ]),
  headers: list([
    statusCode,
    { exact: "500" },
    local({
      body: { inline_string: "{}" },
      response_headers_to_add: [
        { header: { key: "content-type", value: "application/json" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
        { header: { key: "x-added", value: "%RESPONSE_CODE%" } },
        { header: { key: "x-up", value: "mine" } },
      ],
    }),
  ]),
  details: list([statusCode, { exact: "404" }, local({ response_code_details: "mine" })]),
  preserved: list([statusCode, { exact: "404" }, local({ preserve_response_code_details: true })]),
  "response-header": list([header("x-up"), { exact: "yes" }, local({ body: { inline_string: "by header" } })]),
  "request-header": list([
    asked("x-want"),
    { prefix: "own" },
    local({ status_code: 299, body: { inline_string: "ours" } }),
  ]),
  "local-reply": list([isLocal, { exact: "true" }, local({ status_code: 599, body: { inline_string: "local" } })]),
  cel: {
    matcher_list: {
      matchers: [{ predicate: code("_>=_"), on_match: local({ body: { inline_string: "by CEL" } }) }],
    },
  },
};

export const customResponseSetups: Record<string, Setup> = {
  customResponse: {
    filters: [
      {
        name,
        typed_config: filter(list([statusCode, { exact: "418" }, local({ body: { inline_string: "of the filter" } })])),
      },
      {
        name: "second",
        disabled: true,
        typed_config: filter(list([statusCode, { exact: "503" }, local({ body: { inline_string: "of the second" } })])),
      },
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        response_headers_to_add: [{ header: { key: "x-of-the-host", value: "1" } }],
        routes: [
          ...Object.entries(policies).map(([path, matcher]) => ({
            match: { prefix: `/${path}/` },
            route: { cluster: "backend{lane}" },
            typed_per_filter_config: { [name]: filter(matcher) },
          })),
          {
            match: { prefix: "/local-reply-none/" },
            direct_response: { status: 404, body: { inline_string: "direct" } },
            typed_per_filter_config: { [name]: filter(policies["local-reply"] as Json) },
          },
          {
            match: { prefix: "/empty/" },
            route: { cluster: "backend{lane}" },
            typed_per_filter_config: { [name]: filter(null) },
          },
          {
            match: { prefix: "/on/" },
            route: { cluster: "backend{lane}" },
            typed_per_filter_config: {
              second: { "@type": `${types}envoy.config.route.v3.FilterConfig`, config: {} },
            },
          },
          { match: { prefix: "/plain/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  },
};

const host = "host: shop.test";

export const customResponseCases: readonly Case[] = [
  ...[...Object.keys(policies), "local-reply-none", "empty", "on", "plain"].flatMap((path) => [
    ...[200, 404, 418, 500, 503].map((status) =>
      c(`/${path}, ${status}`, request(`GET /${path}/`, host, `x-do: status:${status} header:x-up=yes size:5`)),
    ),
    c(`/${path}, HEAD`, request(`HEAD /${path}/`, host, "x-do: status:404 size:5")),
    c(`/${path}, POST`, `${request(`POST /${path}/`, host, "x-do: status:500 size:5", "content-length: 3")}abc`),
  ]),
  c("by a field of the request", request("GET /request-header/", host, "x-want: own")),
  c(
    "gRPC",
    request("POST /body/", host, "x-do: status:404 size:5", "content-type: application/grpc", "content-length: 0"),
  ),
  c("no route", request("GET /nowhere", host)),
];

function c(what: string, send: string): Case {
  return { name: `custom_response: ${what}`, setup: "customResponse", send };
}
