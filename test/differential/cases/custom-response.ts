import { act, customIs, input, list, requestHeader, typed, valueIs } from "../../xds-matchers.ts";
import { request, withBody } from "../bytes.ts";
import { grpcFrame } from "../grpc-text.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.custom_response";
const statusCode = input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput");
const statusClass = input("envoy.type.matcher.v3.HttpResponseStatusCodeClassMatchInput");
const isLocal = input("envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput");
const header = (header_name: string): Json =>
  input("envoy.type.matcher.v3.HttpResponseHeaderMatchInput", { header_name });
const local = (config: Json): Json =>
  act("envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy", {
    ...("preserve_response_code_details" in config ? {} : { response_code_details: "replaced" }),
    ...config,
  });
const filter = (custom_response_matcher: Json | null): Json =>
  typed(
    "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
    custom_response_matcher === null ? {} : { custom_response_matcher },
  );
const where = (...matchers: [of: Json, value: Json, onMatch: Json][]): Json =>
  list(...matchers.map(([of, value, onMatch]): [Json, Json] => [valueIs(of, value), onMatch]));
const code = (expression: string): Json =>
  customIs(input("xds.type.matcher.v3.HttpAttributesCelMatchInput"), "xds.type.matcher.v3.CelMatcher", {
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
  });

const policies: Record<string, Json> = {
  body: where([statusCode, { exact: "404" }, local({ body: { inline_string: "not here" } })]),
  status: where([statusCode, { exact: "404" }, local({ status_code: 410, body: { inline_string: "gone" } })]),
  class: where([statusClass, { exact: "5xx" }, local({ status_code: 200, body: { inline_string: "all is well" } })]),
  format: where([
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
  json: where([
    statusClass,
    { exact: "4xx" },
    local({ body_format: { json_format: { code: "%RESPONSE_CODE%", path: "%REQ(:path)%" } } }),
  ]),
  headers: where([
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
  details: where([statusCode, { exact: "404" }, local({ response_code_details: "mine" })]),
  preserved: where([statusCode, { exact: "404" }, local({ preserve_response_code_details: true })]),
  "response-header": where([header("x-up"), { exact: "yes" }, local({ body: { inline_string: "by header" } })]),
  "request-header": where([
    requestHeader("x-want"),
    { prefix: "own" },
    local({ status_code: 299, body: { inline_string: "ours" } }),
  ]),
  "local-reply": where([isLocal, { exact: "true" }, local({ status_code: 599, body: { inline_string: "local" } })]),
  cel: list([code("_>=_"), local({ body: { inline_string: "by CEL" } })]),
};

export const customResponseSetups: Record<string, Setup> = {
  customResponse: {
    filters: [
      {
        name,
        typed_config: filter(
          where([statusCode, { exact: "418" }, local({ body: { inline_string: "of the filter" } })]),
        ),
      },
      {
        name: "second",
        disabled: true,
        typed_config: filter(
          where([statusCode, { exact: "503" }, local({ body: { inline_string: "of the second" } })]),
        ),
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
              second: typed("envoy.config.route.v3.FilterConfig", { config: {} }),
            },
          },
          { match: { prefix: "/plain/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  },
};

/** By a field of what grpc_stats leaves of a call, which has none: its text is looked at. */
const calls = (field: string): Json =>
  input("envoy.extensions.matching.common_inputs.network.v3.FilterStateInput", {
    key: "envoy.filters.http.grpc_stats",
    field,
  });
const says = (response_code_details: string): Json => local({ response_code_details });

export const customResponseStateSetups: Record<string, Setup> = {
  customResponseState: {
    filters: [
      {
        name,
        typed_config: filter(
          where(
            [calls("request_message_count"), { exact: "2" }, says("field")],
            [calls("none"), { exact: "2,0" }, says("two")],
            [calls("none"), { exact: "1,0" }, says("one")],
          ),
        ),
      },
      {
        name: "envoy.filters.http.grpc_stats",
        typed_config: typed("envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", { emit_filter_state: true }),
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
  ...[grpcFrame("a"), grpcFrame("a") + grpcFrame("b"), ""].map(
    (body): Case => ({
      name: `custom_response: by a field of filter state ${JSON.stringify(body)}`,
      setup: "customResponseState",
      send: withBody("POST /a.S/M", body, "content-type: application/grpc", "x-do: status:404 size:5"),
    }),
  ),
];

function c(what: string, send: string): Case {
  return { name: `custom_response: ${what}`, setup: "customResponse", send };
}
