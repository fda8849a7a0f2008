import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const filter = (kind: string, config: Json = {}, more: Json = {}): Json => ({
  name: kind,
  typed_config: {
    "@type": `${http}decompressor.v3.Decompressor`,
    decompressor_library: {
      name: `of_${kind}`,
      typed_config: {
        "@type": `type.googleapis.com/envoy.extensions.compression.${kind}.decompressor.v3.${kind[0]?.toUpperCase()}${kind.slice(1)}`,
        ...more,
      },
    },
    ...config,
  },
});
const off = { common_config: { enabled: { default_value: false, runtime_key: "x" } } };

/** Each library, one direction alone, a low ratio. */
export const decompressorSetups: Record<string, Setup> = {
  decompressor: { filters: [filter("gzip")], manager: { http_protocol_options: { enable_trailers: true } } },
  decompressorBrotli: { filters: [filter("brotli")] },
  decompressorZstd: { filters: [filter("zstd")] },
  decompressorRequests: {
    filters: [
      filter("gzip", {
        request_direction_config: { common_config: { ignore_no_transform_header: true } },
        response_direction_config: off,
      }),
    ],
  },
  decompressorQuiet: {
    filters: [
      filter(
        "gzip",
        { request_direction_config: { ...off, advertise_accept_encoding: false } },
        { max_inflate_ratio: 2 },
      ),
    ],
  },
};

const text = "hello, hello, how are you? ".repeat(100);
const random = Array.from({ length: 3000 }, (_, i) =>
  String.fromCharCode(33 + ((i * i * 7919 + i * 104729) % 90)),
).join("");
const gzip = gzipSync(text).toString("latin1");
const br = brotliCompressSync(text).toString("latin1");
const zstd = zstdCompressSync(text).toString("latin1");
const zeros = "x".repeat(2_000_000);
const answer = (body: string, ...fields: string[]): string =>
  rawAnswer(
    `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${fields.map((field) => `${field}\r\n`).join("")}content-length: ${body.length}\r\n\r\n${body}`,
  );
const chunked = (body: string, trailer: string): string =>
  rawAnswer(
    `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n`,
  );
const coded = "content-encoding: gzip";

export const decompressorCases: readonly Case[] = [
  c("decompressor", "a response", request("GET /", answer(gzip, coded))),
  c("decompressor", "a response in chunks", request("GET /", chunked(gzip, ""))),
  c("decompressor", "a response with trailers", request("GET /", "te: trailers", chunked(gzip, "x-t: 1\r\n"))),
  c("decompressor", "a response that is not compressed", request("GET /", "x-do: size:100")),
  c("decompressor", "a response of another encoding", request("GET /", answer(br, "content-encoding: br"))),
  c("decompressor", "two encodings", request("GET /", answer(gzip, "content-encoding: GZip, br"))),
  c("decompressor", "two encodings, the other first", request("GET /", answer(br, "content-encoding: br, gzip"))),
  c("decompressor", "no-transform", request("GET /", answer(gzip, coded, "cache-control: no-transform"))),
  c("decompressor", "broken from the start", request("GET /", answer("no gzip at all", coded))),
  c("decompressor", "cut off", request("GET /", answer(gzip.slice(0, -20), coded))),
  c("decompressor", "an empty body", request("GET /", answer("", coded))),
  c("decompressor", "HEAD", request("HEAD /", answer(gzip, coded))),
  c(
    "decompressor",
    "text that does not compress well",
    request("GET /", answer(gzipSync(random).toString("latin1"), coded)),
  ),
  c("decompressor", "a request", withBody("POST /", gzip, coded)),
  c(
    "decompressor",
    "a request in chunks with trailers",
    withChunks("POST /", [gzip.slice(0, 20), gzip.slice(20)], ["x-t: 1"], coded),
  ),
  c("decompressor", "a broken request", withBody("POST /", "abc", coded)),
  ...["gzip", "br", "br, gzip;q=0.1", "identity", "GZIP;q=0, deflate"].map((accept) =>
    c("decompressor", `accept-encoding: ${accept}`, request("GET /", `accept-encoding: ${accept}`)),
  ),
  { name: "decompressor: stats", setup: "decompressor", send: "", stats: "decompressor" },
  c("decompressorBrotli", "brotli", request("GET /", answer(br, "content-encoding: br"))),
  c("decompressorZstd", "zstd", request("GET /", answer(zstd, "content-encoding: zstd"))),
  c("decompressorBrotli", "broken brotli", request("GET /", answer("\xff\xff\xff", "content-encoding: br"))),
  c("decompressorZstd", "broken zstd", request("GET /", answer("abcdefgh", "content-encoding: zstd"))),
  c("decompressorBrotli", "a request", withBody("POST /", br, "content-encoding: br")),
  { name: "decompressorBrotli: stats", setup: "decompressorBrotli", send: "", stats: "decompressor" },
  { name: "decompressorZstd: stats", setup: "decompressorZstd", send: "", stats: "decompressor" },
  c(
    "decompressorBrotli",
    "much of little brotli",
    request("GET /", answer(brotliCompressSync(zeros).toString("latin1"), "content-encoding: br")),
  ),
  c(
    "decompressorZstd",
    "much of little zstd",
    request("GET /", answer(zstdCompressSync(zeros).toString("latin1"), "content-encoding: zstd")),
  ),
  c("decompressorRequests", "a request", withBody("POST /", gzip, coded, "cache-control: no-transform")),
  c("decompressorRequests", "a response stays", request("GET /", answer(gzip, coded))),
  { name: "decompressorRequests: stats", setup: "decompressorRequests", send: "", stats: "decompressor" },
  c("decompressorQuiet", "a response", request("GET /", answer(gzipSync(random).toString("latin1"), coded))),
  c("decompressorQuiet", "a response that grows too much", request("GET /", answer(gzip, coded))),
  c("decompressorQuiet", "a request stays", withBody("POST /", gzip, coded)),
  { name: "decompressorQuiet: stats", setup: "decompressorQuiet", send: "", stats: "decompressor" },
];

function c(setup: string, text: string, send: string): Case {
  return { name: `${setup}: ${text}`, setup, send };
}
