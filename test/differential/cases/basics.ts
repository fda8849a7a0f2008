import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import type { Case, Setup } from "../setup.ts";

/** HTTP/1.1 with a manager that only routes. */
export const basicsSetups: Record<string, Setup> = {
  plain: {},
  upgrades: { manager: { upgrade_configs: [{ upgrade_type: "websocket" }, { upgrade_type: "foo" }] } },
  http10: { manager: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: "default.test" } } },
  trailers: {
    manager: { http_protocol_options: { enable_trailers: true } },
  },
};

const methods = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "M-SEARCH", "PURGE"];
const get = request("GET /a");
const webSocket = [
  "connection: Upgrade",
  "upgrade: websocket",
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version: 13",
];

export const basicsCases: readonly Case[] = [
  ...methods.map((method) => plain(`${method} is forwarded`, request(`${method} /m`))),
  plain("a method nobody knows is refused", request("FROBNICATE /m")),
  plain("a method in lower case is refused", request("get /m")),
  plain("HEAD has the fields and no body", request("HEAD /m", "x-do: size:100")),
  plain("HEAD of a chunked answer has no body", request("HEAD /m", "x-do: chunked size:10")),
  plain("HEAD keeps the connection for the next request", request("HEAD /m", "x-do: size:100") + get),
  plain("204 has no body and no length", request("GET /m", "x-do: status:204")),
  plain("304 has no body", request("GET /m", "x-do: status:304 header:etag=x")),
  plain(
    "304 keeps a content-length it came with",
    request("GET /m", rawAnswer("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n")),
  ),
  plain("205 with a body is forwarded", request("GET /m", "x-do: status:205 size:3")),
  plain("a 204 with a content-length", request("GET /m", rawAnswer("HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n"))),
  ...[200, 201, 206, 299, 301, 400, 404, 418, 429, 451, 500, 503, 511, 599, 600, 799].map((status) =>
    plain(`status ${status} is forwarded with its phrase`, request("GET /s", `x-do: status:${status}`)),
  ),
  plain("an empty body", request("GET /m", "x-do: size:0")),
  plain("a body of 1 MB arrives whole", request("GET /m", "x-do: size:1000000")),
  plain("a chunked answer stays chunked", request("GET /m", "x-do: chunked size:1000")),
  plain("an empty chunked answer", request("GET /m", "x-do: chunked size:0")),
  plain(
    "a close-delimited answer becomes chunked",
    request("GET /m", rawAnswer("HTTP/1.1 200 OK\r\n\r\nhello"), "x-b: 1").replace("raw:", "close raw:"),
  ),
  plain(
    "an HTTP/1.0 answer",
    request("GET /m", rawAnswer("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok").replace("raw:", "close raw:")),
  ),
  plain("a fixed body is forwarded", withBody("POST /p", "hello", "x-do: echo")),
  plain("a body of 200 KB is forwarded", withBody("POST /p", "{{b*200000}}")),
  plain("an empty fixed body", withBody("POST /p", "")),
  plain("POST without a length", request("POST /p")),
  plain("a GET with a body", withBody("GET /p", "hello")),
  plain("a chunked body is forwarded", withChunks("POST /p", ["hello", " world"], [])),
  plain("an empty chunked body", withChunks("POST /p", [], [])),
  plain(
    "chunk extensions are dropped",
    `${request("POST /p", "transfer-encoding: chunked")}5;a=b\r\nhello\r\n0\r\n\r\n`,
  ),
  plain("request trailers are dropped without enable_trailers", withChunks("POST /p", ["hello"], ["x-t: 1"])),
  plain("response trailers are dropped without enable_trailers", request("GET /p", "x-do: trailer:x-t=1")),
  plain("two requests in one write are answered in order", get + request("GET /b", "x-do: size:10")),
  plain("five pipelined requests", get.repeat(5)),
  plain("a slow first request does not let the second pass", request("GET /slow", "x-do: delay:100") + get),
  plain("pipelined bodies", withBody("POST /a", "hello") + withChunks("POST /b", ["x"], []) + get),
  { ...plain("a request cut into bytes is the same", request("GET /a?b=c", "x-a: b")), splitBytes: 1 },
  {
    ...plain("a chunked request cut into threes is the same", withChunks("POST /p", ["hello", "w"], [])),
    splitBytes: 3,
  },
  {
    ...plain("keep-alive serves one request after the other", ""),
    send: [get, request("GET /b"), withBody("POST /c", "x")],
  },
  plain("connection: close is honoured", request("GET /a", "connection: close")),
  plain("connection: keep-alive is not forwarded", request("GET /a", "connection: keep-alive")),
  plain("after connection: close nothing more is served", request("GET /a", "connection: close") + get, 1),
  plain(
    "the backend's connection: close does not close ours",
    request("GET /a", "x-do: header:connection=close close"),
  ),
  plain("Expect: 100-continue is answered by the proxy", withBody("POST /e", "hello", "expect: 100-continue")),
  plain("an Expect that is unknown", withBody("POST /e", "hello", "expect: 200-ok")),
  {
    ...plain("a client waits for 100 and then sends", ""),
    send: [request("POST /e", "expect: 100-continue", "content-length: 5"), "hello"],
    answers: 0,
    finish: "hold",
    holdMs: 200,
  },
  plain("an interim 103 of the backend", request("GET /e", "x-do: interim:103")),
  plain("an interim 102 of the backend", request("GET /e", "x-do: interim:102")),
  plain("an interim 100 of the backend without being asked", request("GET /e", "x-do: continue")),
  plain("absolute form gives the authority", request("GET http://other.test/abs?x=1")),
  plain("absolute form without a path", request("GET http://other.test")),
  plain("absolute form with https on plain text", request("GET https://other.test/abs")),
  plain("absolute form with an unknown scheme", request("GET ftp://other.test/abs")),
  plain("absolute form with a port", request("GET http://other.test:8080/abs")),
  plain("CONNECT is refused without a route for it", request("CONNECT other.test:443")),
  plain("OPTIONS * is refused", request("OPTIONS *")),
  plain("no Host", "GET /a HTTP/1.1\r\n\r\n"),
  {
    ...plain("an empty Host", request("GET /a", "host: ")),
    allowedDifference:
      "Nuncio refuses an empty Host (RFC 9112 section 3.2); Envoy's answer is behind nuncio.http1_envoy_leniency",
  },
  plain("HTTP/1.0 is refused", request("GET /a HTTP/1.0")),
  plain("HTTP/2.0 in the request line", request("GET /a HTTP/2.0")),
  plain("a leading empty line is ignored", `\r\n${get}`),
  plain("a path with every allowed character", request("GET /a-b._~!$&'()*+,;=:@/%20?q=/?x#".replace("#", ""))),
  plain("a path with bytes over 0x7f", request("GET /\xe4\xf6")),
  plain("a path with quotes and braces", request('GET /"{}|\\^`<>')),
  plain("header values keep their inner blanks and high bytes", request("GET /a", "x-a:  a  b\t", "x-b: \xe4", "x-c:")),
  plain("a repeated field stays repeated", request("GET /a", "x-a: 1", "x-b: 2", "x-a: 3")),
  plain("repeated cookies", request("GET /a", "cookie: a=1", "cookie: b=2")),
  plain("names lose their case", request("GET /a", "X-Mixed-Case: 1", "x-do: header:X-Answer-Case=1")),
  plain(
    "a repeated answer field stays repeated",
    request("GET /a", "x-do: header:set-cookie=a header:set-cookie=b header:x-a="),
  ),
  plain("an upgrade that is not enabled is refused", request("GET /ws", ...webSocket)),
  plain(
    "upgrade: h2c is dropped",
    request("GET /a", "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__"),
  ),
  plain("TE: trailers is kept", request("GET /a", "te: trailers")),
  plain("TE with more is cut", request("GET /a", "te: gzip, trailers")),
  plain("hop-by-hop fields named by Connection go", request("GET /a", "connection: x-hop", "x-hop: 1")),
  plain(
    "proxy-connection and keep-alive go",
    request("GET /a", "proxy-connection: keep-alive", "keep-alive: timeout=5", "upgrade-insecure-requests: 1"),
  ),
  plain(
    "hop-by-hop fields of the answer",
    request(
      "GET /a",
      "x-do: header:keep-alive=timeout%3d5 header:proxy-connection=x header:connection=x-hop header:x-hop=1",
    ),
  ),
  plain(
    "proxy-authenticate and proxy-authorization pass",
    request("GET /a", "proxy-authorization: x", "x-do: status:407 header:proxy-authenticate=Basic"),
  ),
  { ...plain("a half-close is a disconnect", request("GET /a", "x-do: delay:100")), finish: "half-close", holdMs: 300 },
  {
    name: "a WebSocket is a tunnel",
    setup: "upgrades",
    send: [request("GET /ws", "x-do: upgrade", ...webSocket), "ping", "\x00\xff\x01"],
  },
  {
    name: "another upgrade type is a tunnel",
    setup: "upgrades",
    send: [request("GET /ws", "x-do: upgrade", "connection: upgrade", "upgrade: foo"), "ping"],
  },
  {
    name: "a type that is not listed is refused",
    setup: "upgrades",
    send: request("GET /ws", "connection: upgrade", "upgrade: bar"),
  },
  { name: "a WebSocket the backend refuses with 200", setup: "upgrades", send: request("GET /ws", ...webSocket) },
  {
    name: "a WebSocket the backend refuses with 403",
    setup: "upgrades",
    send: request("GET /ws", "x-do: status:403", ...webSocket),
  },
  {
    name: "upgrade without connection is no upgrade",
    setup: "upgrades",
    send: request("GET /ws", "upgrade: websocket"),
  },
  { name: "HTTP/1.0 is served and closed", setup: "http10", send: request("GET /a HTTP/1.0") },
  {
    name: "HTTP/1.0 with keep-alive stays open",
    setup: "http10",
    send: request("GET /a HTTP/1.0", "connection: keep-alive"),
  },
  { name: "HTTP/1.0 without a host gets the default", setup: "http10", send: "GET /a HTTP/1.0\r\n\r\n" },
  { name: "HTTP/1.0 gets no chunks", setup: "http10", send: request("GET /a HTTP/1.0", "x-do: chunked size:20") },
  { name: "HTTP/0.9 is refused", setup: "http10", send: "GET /a\r\n\r\n", answers: 1, holdMs: 200 },
  {
    name: "request trailers pass with enable_trailers",
    setup: "trailers",
    send: withChunks("POST /p", ["hello"], ["X-T: 1", "x-u: 2"]),
  },
  {
    name: "response trailers without the upstream option",
    setup: "trailers",
    send: request("GET /p", "x-do: trailer:x-t=1 size:4"),
  },
];

function plain(name: string, send: string, answers?: number): Case {
  return { name, setup: "plain", send, answers };
}
