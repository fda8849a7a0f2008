import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const name = "envoy.filters.http.compressor";
const library = (kind: string, more: Json = {}): Json => ({
  name: `of_${kind}`,
  typed_config: {
    "@type": `type.googleapis.com/envoy.extensions.compression.${kind}.compressor.v3.${kind[0]?.toUpperCase()}${kind.slice(1)}`,
    ...more,
  },
});
const filter = (kind: string, config: Json, as = name): Json => ({
  name: as,
  typed_config: { "@type": `${http}compressor.v3.Compressor`, compressor_library: library(kind), ...config },
});
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${http}compressor.v3.CompressorPerRoute`, ...config } },
});
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const response = (more: Json = {}, common: Json = {}): Json => ({
  response_direction_config: { common_config: common, ...more },
});
const always = { request_direction_config: {} };

/** One compressor with every field, two in one chain, and the deprecated fields. */
export const compressorSetups: Record<string, Setup> = {
  compressor: {
    filters: [filter("gzip", { ...response({ uncompressible_response_codes: [206] }), ...always })],
    manager: { upgrade_configs: [{ upgrade_type: "websocket" }] },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/disabled", perRoute({ disabled: true })),
          to("/strip", perRoute({ overrides: { response_direction_config: { remove_accept_encoding_header: true } } })),
          to("/brotli", perRoute({ overrides: { compressor_library: library("brotli") } })),
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "y".repeat(80) } } },
          to("/"),
        ],
      },
    ],
  },
  compressorStatus: {
    filters: [
      filter("gzip", {
        ...response(
          {
            status_header_enabled: true,
            disable_on_etag_header: true,
            uncompressible_response_codes: [206],
            remove_accept_encoding_header: true,
          },
          {
            min_content_length: 50,
            content_type: ["text/css"],
            content_type_matcher: [{ exact: "text/html" }, { prefix: "font/" }],
          },
        ),
      }),
    ],
  },
  compressorWeak: {
    filters: [filter("zstd", response({ weaken_etag_on_compress: true, disable_on_etag_header: true }))],
  },
  compressorOld: {
    filters: [
      filter("gzip", {
        content_length: 40,
        content_type: ["text/plain"],
        disable_on_etag_header: true,
        remove_accept_encoding_header: true,
      }),
    ],
  },
  compressorOff: {
    filters: [
      filter("gzip", {
        ...response({}, { enabled: { default_value: true, runtime_key: "compressor.off" } }),
        ...always,
      }),
    ],
    runtime: { "compressor.off": false },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [to("/on", perRoute({ overrides: { response_direction_config: {} } })), to("/")],
      },
    ],
  },
  compressorTwo: {
    filters: [
      filter("gzip", response({ status_header_enabled: true }), "a"),
      filter("brotli", { ...response({ status_header_enabled: true }), choose_first: true }, "b"),
      filter("zstd", response({}, { content_type: ["text/css"] }), "c"),
    ],
  },
};

const accept = (value: string): string => `accept-encoding: ${value}`;
const gzip = accept("gzip");
const answer = (...words: string[]): string => `x-do: size:2000 header:content-type=text/plain ${words.join(" ")}`;
const small = "x-do: size:20 header:content-type=text/plain";

export const compressorCases: readonly Case[] = [
  c("compressor", "a response is compressed", request("GET /", gzip, answer())),
  c("compressor", "no accept-encoding", request("GET /", answer())),
  c("compressor", "accept-encoding in two fields", request("GET /", accept("deflate"), gzip, answer())),
  c("compressor", "another encoding", request("GET /", accept("deflate"), answer())),
  c("compressor", "identity", request("GET /", accept("identity, gzip;q=0.5"), answer())),
  c("compressor", "any encoding", request("GET /", accept("*"), answer())),
  c("compressor", "any but this", request("GET /", accept("gzip;q=0, *"), answer())),
  c("compressor", "a small response", request("GET /", gzip, small)),
  c("compressor", "a small response without a length", request("GET /", gzip, `${small} chunked`)),
  c("compressor", "a response in chunks", request("GET /", gzip, answer("chunked"))),
  c("compressor", "a response with trailers", request("GET /", gzip, answer("trailer:x-t=1"))),
  c("compressor", "a long response", request("GET /", gzip, "x-do: size:300000 header:content-type=text/plain")),
  c("compressor", "a HEAD request", request("HEAD /", gzip, answer())),
  c("compressor", "204", request("GET /", gzip, answer("status:204"))),
  c("compressor", "304 with an etag", request("GET /", gzip, answer("status:304", "header:etag=%22a%22"))),
  c(
    "compressor",
    "206 where it is on the list",
    request("GET /", gzip, answer("status:206", "header:content-range=bytes%200-1999/5000")),
  ),
  c(
    "compressor",
    "a response that is compressed already",
    request("GET /", gzip, answer("header:content-encoding=br")),
  ),
  c("compressor", "no-transform", request("GET /", gzip, answer("header:cache-control=public,%20No-Transform"))),
  c("compressor", "a strong etag", request("GET /", gzip, answer("header:etag=%22abc%22"))),
  c("compressor", "a weak etag", request("GET /", gzip, answer("header:etag=W/%22abc%22"))),
  c("compressor", "vary of another", request("GET /", gzip, answer("header:vary=origin"))),
  c("compressor", "vary in small letters", request("GET /", gzip, answer("header:vary=accept-encoding"))),
  c("compressor", "vary as Envoy writes it", request("GET /", gzip, answer("header:vary=Origin,%20Accept-Encoding"))),
  ...[
    "image/png",
    "text/HTML;charset=utf-8",
    "application/grpc-web",
    "text/ecmascript",
    "font/woff2",
    "application/x-json",
  ].map((type) =>
    c(
      "compressor",
      `a response of ${type}`,
      request("GET /", gzip, `x-do: size:2000 header:content-type=${encodeURIComponent(type)}`),
    ),
  ),
  c("compressor", "a response without a type", request("GET /", gzip, "x-do: size:2000")),
  c("compressor", "off by route", request("GET /disabled", gzip, answer())),
  c(
    "compressor",
    "a route takes accept-encoding away",
    request("GET /strip", gzip, "x-do: echo header:content-type=text/plain"),
  ),
  c("compressor", "another library by route", request("GET /brotli", accept("br, gzip;q=0.5"), answer())),
  c("compressor", "another library by route, and gzip asked for", request("GET /brotli", gzip, answer())),
  c("compressor", "a direct response", request("GET /direct", gzip)),
  c("compressor", "a request is compressed", withBody("POST /", "{{a*500}}", "content-type: text/plain")),
  c(
    "compressor",
    "a request in chunks with trailers",
    withChunks("POST /", ["{{a*50}}", "{{b*60}}"], ["x-t: 1"], "content-type: text/plain"),
  ),
  c("compressor", "a small request", withBody("POST /", "abc", "content-type: text/plain")),
  c("compressor", "a request of another type", withBody("POST /", "{{a*500}}", "content-type: image/png")),
  c(
    "compressor",
    "a request that is compressed already",
    withBody("POST /", "{{a*500}}", "content-encoding: br", "content-type: text/plain"),
  ),
  {
    ...c(
      "compressor",
      "an upgrade",
      request("GET /", gzip, "connection: upgrade", "upgrade: websocket", "x-do: upgrade"),
    ),
    send: [`${request("GET /", gzip, "connection: upgrade", "upgrade: websocket", "x-do: upgrade")}`, "{{a*100}}"],
  },
  { name: "compressor: stats", setup: "compressor", send: "", stats: "compressor" },
  ...[
    answer(),
    small,
    "x-do: size:2000 header:content-type=text/html",
    "x-do: size:2000 header:content-type=font/woff",
    "x-do: size:20 header:content-type=text/html",
    "x-do: size:2000 header:content-type=text/html header:etag=%22a%22",
    "x-do: size:2000 header:content-type=text/html status:206",
    "x-do: size:20 header:content-type=text/html header:etag=%22a%22 status:206",
    "x-do: size:2000 header:content-type=text/x header:etag=%22a%22 status:206",
    "x-do: size:2000 header:content-type=text/html header:etag=%22a%22 status:206",
    "x-do: size:2000 header:content-type=text/html chunked",
    "x-do: size:2000 header:content-type=text/html header:content-encoding=br",
    "x-do: size:2000 header:content-type=text/html header:cache-control=no-transform",
    "x-do: size:2000",
  ].flatMap((told) => [
    c("compressorStatus", `status of "${told}"`, request("GET /", gzip, told)),
    c("compressorStatus", `status of "${told}" that nobody asks for`, request("GET /", told)),
  ]),
  c(
    "compressorStatus",
    "status of a HEAD request",
    request("HEAD /", gzip, "x-do: size:2000 header:content-type=text/html"),
  ),
  { name: "compressorStatus: stats", setup: "compressorStatus", send: "", stats: "compressor" },
  c("compressorWeak", "a strong etag becomes weak", request("GET /", accept("zstd"), answer("header:etag=%22abc%22"))),
  c("compressorWeak", "a weak etag stays", request("GET /", accept("zstd"), answer("header:etag=W/%22abc%22"))),
  c("compressorWeak", "in chunks", request("GET /", accept("zstd"), answer("chunked"))),
  { name: "compressorWeak: stats", setup: "compressorWeak", send: "", stats: "compressor" },
  c("compressorOld", "compressed by the old fields", request("GET /", gzip, answer())),
  c("compressorOld", "an etag", request("GET /", gzip, answer("header:etag=%22abc%22"))),
  c("compressorOld", "small", request("GET /", gzip, small)),
  { name: "compressorOld: stats", setup: "compressorOld", send: "", stats: "compressor" },
  c("compressorOff", "off by the runtime", request("GET /", gzip, answer())),
  c("compressorOff", "on by route", request("GET /on", gzip, answer())),
  { name: "compressorOff: stats", setup: "compressorOff", send: "", stats: "compressor" },
  ...[
    "gzip, br",
    "gzip;q=0.9, br;q=0.8",
    "gzip;q=0.5, br;q=0.8",
    "*",
    "zstd",
    "zstd, gzip;q=0.5",
    "br;q=0, *",
    "identity",
  ].map((value) => c("compressorTwo", `two compressors and ${value}`, request("GET /", accept(value), answer()))),
  c(
    "compressorTwo",
    "one that is for this type alone",
    request("GET /", accept("zstd, gzip;q=0.5"), "x-do: size:2000 header:content-type=text/css"),
  ),
  { name: "compressorTwo: stats", setup: "compressorTwo", send: "", stats: "compressor" },
];

function c(setup: string, text: string, send: string): Case {
  return { name: `${setup}: ${text}`, setup, send };
}
