import { cluster } from "../bootstrap.ts";
import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const side = (prefix: string, name: string): Json =>
  Object.fromEntries(
    ["WIRE", "HEADER", "DECOMPRESSED_HEADER"].flatMap((what) =>
      ["RECEIVED", "SENT"].map((way) => {
        const key = `${what.toLowerCase().replace(/_h/, "H")}${way.at(0)}${way.slice(1).toLowerCase()}`;
        return [prefix === "" ? key : `${prefix} ${key}`, `%${name}_${what}_BYTES_${way}%`];
      }),
    ),
  );
const log: Json = { ...side("", "DOWNSTREAM"), ...side("upstream", "UPSTREAM") };
const http1 = { enable_trailers: true };
const trailing: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http_protocol_options: http1 },
    },
  },
};
const forward = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "trailing{lane}", ...more },
});

/** Bytes of heads and of messages as they are on the wire. Fields with times in them are left out: their lengths vary. */
export const wireBytesSetups: Record<string, Setup> = {
  wireBytes: {
    log,
    router: { suppress_envoy_headers: true },
    manager: {
      http_protocol_options: http1,
      proxy_100_continue: true,
      upgrade_configs: [{ upgrade_type: "websocket" }],
    },
    clusters: [cluster("trailing", trailing), cluster("closed", {}, [1])],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "hello" } } },
          { match: { prefix: "/closed" }, route: { cluster: "closed{lane}" } },
          { match: { prefix: "/missing" }, route: { cluster_header: "x-none" } },
          forward("/retry", {
            retry_policy: {
              retry_on: "5xx",
              num_retries: 2,
              retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
            },
          }),
          forward("/redirect", { internal_redirect_policy: {} }),
          forward("/"),
        ],
      },
    ],
  },
};

const webSocket = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="];

export const wireBytesCases: readonly Case[] = [
  c("a GET with a body of a length", request("GET /a", "x-do: size:10")),
  c("a GET without a body", request("GET /a", "x-do: status:204")),
  c("blanks around values and names in capitals", request("GET /a", "X-A:   b  ", "x-b:c", "X-Empty:")),
  c("a HEAD", request("HEAD /a", "x-do: size:10")),
  c("a body of a length", withBody("POST /a", "hello", "x-do: echo")),
  c("chunks", withChunks("POST /a", ["hello", " world"], [], oneChunk("hello"))),
  c("chunks with trailers", withChunks("POST /a", ["hello"], ["x-t: 1"], oneChunk("hello", "x-t: 2\r\n"))),
  c("an answer without trailers to one with", withChunks("POST /a", [], ["x-t: 1"], "x-do: size:5")),
  c(
    "an answer up to the end of the connection",
    request("GET /a", rawAnswer("HTTP/1.1 200 OK\r\n\r\nhello").replace("raw:", "close raw:")),
  ),
  c(
    "an answer with a phrase of its own",
    request("GET /a", rawAnswer("HTTP/1.1 200 Fine by me\r\nContent-Length: 2\r\nX-A:b\r\n\r\nok")),
  ),
  { ...c("large bodies", withBody("POST /a", "{{b*200000}}", "x-do: echo")), answers: 1 },
  c("a large head", request("GET /a", "x-a: {{a*20000}}")),
  c("an answer of the route", request("GET /direct")),
  { ...c("a body to an answer of the route", withBody("POST /direct", "hello")), answers: 1 },
  c("trailers of an answer", request("GET /a", oneChunk("hello", "x-t: 2\r\n"))),
  c("a cookie in two fields", request("GET /a", "cookie: a=b", "cookie: c=d")),
  c(
    "a redirect that is followed",
    request("GET /redirect", "x-do: status:302 header:location=http://example.test/b size:4 | size:3"),
  ),
  c("a HEAD of an answer of the route", request("HEAD /direct")),
  c("no connection to the upstream", request("GET /closed")),
  c("no cluster", request("GET /missing")),
  c("a retry", request("GET /retry", "x-do: status:503 size:7 | size:3")),
  c("retries that all fail", withBody("POST /retry", "hello", "x-do: status:503 size:7")),
  c("an upstream that resets", request("GET /a", "x-do: reset")),
  c("an upstream that cuts its answer", request("GET /a", "x-do: size:10 cut")),
  c(
    "Early Hints",
    request(
      "GET /a",
      rawAnswer(
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nconnection: close\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      ),
    ),
  ),
  c("a 102", request("GET /a", "x-do: interim:102 size:3")),
  c(
    "a 100 with a field",
    request("GET /a", rawAnswer("HTTP/1.1 100 Go on\r\nx-a: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
  ),
  c("a 105", request("GET /a", "x-do: interim:105 size:3")),
  c("an informational answer", request("GET /a", "x-do: interim:103 size:3")),
  c("100 from the upstream", withBody("POST /a", "hello", "expect: 100-continue", "x-do: continue size:3")),
  {
    ...c("an upgrade with data", [request("GET /a", ...webSocket, "x-do: upgrade"), "ping", "pong!"]),
    finish: undefined,
  },
  c("an upgrade that is not granted", request("GET /a", ...webSocket, "x-do: size:3")),
  c("the second request of a connection", [request("GET /a", "x-do: size:3"), request("GET /bb", "x-do: size:4")]),
  c("pipelined requests", request("GET /a", "x-do: size:3") + request("GET /bb", "x-do: size:4")),
  { ...c("a head that comes in pieces", request("GET /a", "x-do: size:3")), splitBytes: 20 },
  c("a request that is no HTTP", "GET /a HTTP/1.1\r\nhost: a\r\nbad field\r\n\r\n"),
  c("a request without a host", "GET /a HTTP/1.1\r\nx-a: b\r\n\r\n"),
  c("an absolute target", request("GET http://other.test/a")),
  { ...c("HTTP/1.0", request("GET /a HTTP/1.0")), allowedDifference: "it is refused before its fields are read" },
];

function oneChunk(data: string, trailers = ""): string {
  const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  return rawAnswer(`${head}${data.length.toString(16)}\r\n${data}\r\n0\r\n${trailers}\r\n`);
}

function c(name: string, send: string | readonly string[]): Case {
  return { setup: "wireBytes", name: `wire bytes: ${name}`, send };
}
