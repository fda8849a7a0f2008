import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.json_to_metadata";
const type = "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata";
const rule = (keys: readonly string[], more: Json): Json => ({ selectors: keys.map((key) => ({ key })), ...more });
const pair = (key: string, more: Json = {}): Json => ({ metadata_namespace: "j", key, ...more });
const three = (key: string, ...keys: readonly string[]): Json[] =>
  ["PROTOBUF_VALUE", "STRING", "NUMBER"].map((kind) =>
    rule(keys, {
      on_present: pair(`${key}-${kind}`, { type: kind }),
      on_missing: pair(`${key}-${kind}`, { value: "missing" }),
      on_error: pair(`${key}-${kind}`, { value: "error" }),
    }),
  );
const shown = (...keys: string[]): Json => {
  const fields = keys.map((key, i) => ({ header: { key: `x-${i}`, value: `%DYNAMIC_METADATA(${key})%` } }));
  return { request_headers_to_add: fields, response_headers_to_add: fields };
};
const to = (prefix: string, config: Json | null = null): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...(config === null ? {} : { typed_per_filter_config: { [name]: { "@type": type, ...config } } }),
});

const small: Json = { rules: [rule(["v"], { on_present: pair("v"), on_missing: pair("v", { value: "missing" }) })] };

export const jsonToMetadataSetups: Record<string, Setup> = {
  jsonToMetadata: {
    filters: [
      {
        name: "set",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
          metadata: [{ metadata_namespace: "j", value: { kept: "before", replaced: "before" } }],
        },
      },
      {
        name,
        typed_config: {
          "@type": type,
          request_rules: {
            rules: [
              ...three("v", "v"),
              ...three("deep", "a", "b", "c"),
              rule(["fixed"], { on_present: pair("fixed", { value: { x: [1, "two", null] } }) }),
              rule(["null"], { on_present: pair("null", { value: null }) }),
              rule(["kept"], { on_present: pair("kept", { preserve_existing_metadata_value: true }) }),
              rule(["kept"], { on_present: pair("replaced") }),
              rule(["own"], { on_present: { key: "own" }, on_missing: { key: "own", value: false } }),
              rule(["only"], { on_missing: pair("only", { value: 12.5 }) }),
            ],
          },
          response_rules: {
            rules: [rule(["v"], { on_present: pair("r"), on_missing: pair("r", { value: "missing" }) })],
            allow_content_types: ["application/x", "text/json"],
            allow_content_types_regex: { regex: "application/.*\\+json" },
            allow_empty_content_type: true,
          },
        },
      },
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...shown("j", name, "route"),
        routes: [
          to("/route", {
            request_rules: {
              rules: [rule(["v"], { on_present: { metadata_namespace: "route", key: "v" } })],
              allow_content_types: ["text/route"],
            },
          }),
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: '{"v":1}' } } },
          to("/"),
        ],
      },
    ],
  },
  jsonToMetadataSmall: {
    listener: { per_connection_buffer_limit_bytes: 1024 },
    filters: [{ name, typed_config: { "@type": type, request_rules: small, response_rules: small } }],
    virtualHosts: [{ name: "all", domains: ["*"], ...shown("j"), routes: [to("/")] }],
  },
};

const answer = (kind: string, body: string): string =>
  rawAnswer(
    `HTTP/1.1 200 OK\r\n${kind === "" ? "" : `content-type: ${kind}\r\n`}content-length: ${body.length}\r\n\r\n${body}`,
  );
const json = "content-type: application/json";
const values = [
  "1",
  "-1",
  "-0",
  "1.0",
  "1.5",
  "1e3",
  "123456789.123456789",
  "1e30",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551615",
  "18446744073709551616",
  "-9223372036854775808",
  "-9223372036854775809",
  "1e999",
  "0.0000001",
  "true",
  "false",
  "null",
  '""',
  '"text"',
  '"12.5"',
  '" 7 "',
  '"\\u00e9\\ud83d\\ude00\\n"',
  '"\xc3\xa9"',
  '"a\\"b"',
  "[]",
  "[1,2]",
  "{}",
  '{"x":1}',
];
const bodies = [
  "{}",
  "[]",
  "1",
  '"x"',
  "null",
  "true",
  " ",
  "x",
  "{",
  '{"v":1}x',
  '{"v":1,}',
  "{'v':1}",
  '{"v":01}',
  '{"v":NaN}',
  '// c\n{"v":1}',
  '\xef\xbb\xbf{"v":1}',
  '{"v":"\xff"}',
  '{"v":"a\tb"}',
  '{"v":"\\ud800"}',
  '{"v":1,"v":2}',
  '[{"v":1}]',
  '{"a":{"b":{"c":"deep"}}}',
  '{"a":{"b":{}}}',
  '{"a":{"b":1}}',
  '{"a":{"b":null}}',
  '{"a":[]}',
  '{"a":{"b":{"c":[1]}}}',
  '{"fixed":null,"null":1,"kept":"new","own":3,"only":1}',
  '{"fixed":{"deep":1},"kept":2,"own":"x"}',
  '{"__proto__":1,"toString":2}',
];

export const jsonToMetadataCases: readonly Case[] = [
  ...values.map((value) => c(`the value ${value}`, withBody("POST /", `{"v":${value}}`, json))),
  ...bodies.map((body) => c(`the body ${body}`, withBody("POST /", body, json))),
  c("a text of 8192 bytes", withBody("POST /", '{"v":"{{a*8192}}"}', json)),
  c("a text of 8193 bytes", withBody("POST /", '{"v":"{{a*8193}}"}', json)),
  c("no body", request("GET /", json)),
  c("an empty body", request("POST /", json, "content-length: 0")),
  c("an empty chunked body", withChunks("POST /", [], [], json)),
  c("no content type", withBody("POST /", '{"v":1}')),
  c("another content type", withBody("POST /", '{"v":1}', "content-type: text/plain")),
  c("a content type with a charset", withBody("POST /", '{"v":1}', "content-type: application/json; charset=utf-8")),
  c("a content type in capitals", withBody("POST /", '{"v":1}', "content-type: Application/JSON")),
  c("chunks", withChunks("POST /", ['{"v', '":', "12}"], [], json)),
  c("chunks and trailers", withChunks("POST /", ['{"v', '":', "12}"], ["x-t: 1"], json)),
  c("a route's rules", withBody("POST /route", '{"v":1}', "content-type: text/route")),
  c("a route's content types", withBody("POST /route", '{"v":1}', json)),
  c("a response of the proxy", request("GET /direct")),
  ...["application/x", "text/json", "application/a+json", "application/json", "text/plain"].map((kind) =>
    c(`a response of ${kind}`, request("GET /", answer(kind, '{"v":5}'))),
  ),
  c("a response without a content type", request("GET /", answer("", '{"v":"up"}'))),
  c("a response without a body", request("GET /", answer("text/json", ""))),
  c("a response that is no JSON", request("GET /", answer("text/json", "x"))),
  c("a body within the buffer limit", withBody("POST /", '{"v":"{{a*500}}"}', json), "jsonToMetadataSmall"),
  c(
    "a response over the buffer limit",
    request("GET /", json, answer("application/json", `{"v":"${"a".repeat(9000)}"}`)),
    "jsonToMetadataSmall",
  ),
  { name: "the stats of json_to_metadata", setup: "jsonToMetadata", send: "", stats: "json_to_metadata" },
];

function c(name: string, send: string, setup = "jsonToMetadata"): Case {
  return { name: `json_to_metadata: ${name}`, setup, send };
}
