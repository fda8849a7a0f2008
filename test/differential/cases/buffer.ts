import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.buffer";
const type = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.";
const buffer = (max_request_bytes: number): Json => ({
  name,
  typed_config: { "@type": `${type}Buffer`, max_request_bytes },
});
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${type}BufferPerRoute`, ...config } },
});
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const virtualHosts: Json[] = [
  {
    name: "all",
    domains: ["*"],
    routes: [
      to("/off", perRoute({ disabled: true })),
      to("/small", perRoute({ buffer: { max_request_bytes: 4 } })),
      to("/large", perRoute({ buffer: { max_request_bytes: 100_000 } })),
      { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
      to("/"),
    ],
  },
  { name: "small", domains: ["small.test"], ...perRoute({ buffer: { max_request_bytes: 4 } }), routes: [to("/")] },
];

export const bufferSetups: Record<string, Setup> = {
  buffer: { filters: [buffer(20)], virtualHosts, listener: { per_connection_buffer_limit_bytes: 2000 } },
  bufferTwice: {
    filters: [buffer(20), buffer(10)],
    virtualHosts: [{ name: "all", domains: ["*"], routes: [to("/")] }],
  },
};

const named = {
  allowedDifference: "Nuncio keeps the connection of a request that is whole, and counts the last frame",
};

export const bufferCases: readonly Case[] = [
  c("no body", request("GET /")),
  c("an empty body", withBody("POST /", "")),
  c("a body", withBody("POST /", "0123456789")),
  c("the most that may be", withBody("POST /", "{{x*20}}")),
  tooMuch("a byte too many", withBody("POST /", "{{x*21}}")),
  tooMuch("far too many", withBody("POST /", "{{x*5000}}")),
  c("chunks", withChunks("POST /", ["01234", "56789"], [])),
  c("no chunks", withChunks("POST /", [], [])),
  c("the most in chunks", withChunks("POST /", ["{{x*10}}", "{{x*10}}"], [])),
  tooMuch("one chunk too many", withChunks("POST /", ["{{x*10}}", "{{x*10}}", "x"], [])),
  c("chunks and trailers", withChunks("POST /", ["01234"], ["x-t: 1"])),
  c("trailers alone", withChunks("POST /", [], ["x-t: 1"])),
  tooMuch("too many for gRPC", withBody("POST /", "{{x*21}}", "content-type: application/grpc")),
  c("a body where it is off", withBody("POST /off", "{{x*30}}")),
  c("chunks where it is off", withChunks("POST /off", ["{{x*30}}"], ["x-t: 1"])),
  tooMuch("a smaller limit of the route", withBody("POST /small", "12345")),
  c("within the smaller limit", withChunks("POST /small", ["12", "34"], [])),
  c("a larger limit of the route", withBody("POST /large", "{{x*30}}")),
  c("more than the connection may hold", withChunks("POST /large", ["{{x*5000}}", "{{x*5000}}"], [])),
  tooMuch("a limit of the virtual host", withBody("POST /", "12345", "host: small.test")),
  c("a direct response", withBody("POST /direct", "12345")),
  tooMuch("a direct response for too much", withBody("POST /direct", "{{x*30}}")),
  c("expect: 100-continue", withBody("POST /", "12345", "expect: 100-continue")),
  c("two of them, within", withBody("POST /", "0123456789"), "bufferTwice"),
  c(
    "two of them, chunks between that are one more",
    withChunks("POST /", ["{{x*8}}", "x", "{{x*7}}"], []),
    "bufferTwice",
  ),
  c("two of them, chunks between", withChunks("POST /", ["{{x*8}}", "{{x*7}}"], []), "bufferTwice"),
  tooMuch("two of them, above", withBody("POST /", "{{x*25}}"), "bufferTwice"),
  { name: "the stats of buffer", setup: "buffer", send: "", stats: "downstream_rq_too_large", ...named },
];

function tooMuch(what: string, send: string, setup = "buffer"): Case {
  return { ...c(what, send, setup), ...named };
}

function c(what: string, send: string, setup = "buffer"): Case {
  return { name: `buffer: ${what}`, setup, send };
}
