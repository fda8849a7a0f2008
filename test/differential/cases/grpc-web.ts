import { cluster } from "../bootstrap.ts";
import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import { grpcAnswer, grpcFrame } from "../grpc-text.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const web: Json = { name: "envoy.filters.http.grpc_web", typed_config: { "@type": `${http}grpc_web.v3.GrpcWeb` } };
const stats: Json = {
  name: "envoy.filters.http.grpc_stats",
  typed_config: { "@type": `${http}grpc_stats.v3.FilterConfig`, stats_for_all_methods: true, emit_filter_state: true },
};
const cors: Json = { name: "envoy.filters.http.cors", typed_config: { "@type": `${http}cors.v3.Cors` } };
const trailing: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http_protocol_options: { enable_trailers: true } },
    },
  },
};
const routes: Setup = {
  clusters: [cluster("trailing", trailing)],
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      routes: [
        { match: { prefix: "/nowhere" }, route: { cluster: "nowhere" } },
        { match: { prefix: "/direct" }, direct_response: { status: 403, body: { inline_string: "no" } } },
        {
          match: { prefix: "/off" },
          route: { cluster: "trailing{lane}" },
          typed_per_filter_config: {
            "envoy.filters.http.grpc_web": {
              "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
              disabled: true,
            },
          },
        },
        { match: { prefix: "/" }, route: { cluster: "trailing{lane}" } },
      ],
      typed_per_filter_config: {
        "envoy.filters.http.cors": {
          "@type": `${http}cors.v3.CorsPolicy`,
          allow_origin_string_match: [{ exact: "http://app.test" }],
          expose_headers: "grpc-status,grpc-message",
        },
      },
    },
  ],
  routeConfig: { validate_clusters: false },
};

/** gRPC-Web alone, with trailers allowed downstream, and between the filters it stands with at an edge. */
export const grpcWebSetups: Record<string, Setup> = {
  grpcWeb: { ...routes, filters: [web] },
  grpcWebTrailers: { ...routes, filters: [web], manager: { http_protocol_options: { enable_trailers: true } } },
  grpcWebChain: { ...routes, filters: [cors, web, stats] },
  grpcWebChainTurned: { ...routes, filters: [stats, web, cors] },
};

const binary = "content-type: application/grpc-web+proto";
const text = "content-type: application/grpc-web-text";
const acceptText = "accept: application/grpc-web-text";
const base64 = (bytes: string): string => Buffer.from(bytes, "latin1").toString("base64");
const ok = grpcAnswer([grpcFrame("hi")], ["grpc-status: 0", "grpc-message: fine", "X-Mixed: a b"]);
const call = (body: string, ...fields: string[]): string => withBody("POST /a.S/M", body, ...fields);
const hello = grpcFrame("hello");

export const grpcWebCases: readonly Case[] = [
  c("grpcWeb", "a binary call", call(hello, binary, ok)),
  c("grpcWeb", "a binary call without a codec in its type", call(hello, "content-type: application/grpc-web", ok)),
  c(
    "grpcWeb",
    "a type with parameters is not gRPC-Web",
    call(hello, "content-type: application/grpc-web; charset=utf-8", ok),
  ),
  c("grpcWeb", "another codec is not gRPC-Web", call(hello, "content-type: application/grpc-web+json", ok)),
  c("grpcWeb", "a type in capitals is not gRPC-Web", call(hello, "content-type: Application/Grpc-Web", ok)),
  c("grpcWeb", "plain gRPC is left alone", call(hello, "content-type: application/grpc", ok)),
  c("grpcWeb", "what is no gRPC is left alone", request("GET /x", "x-do: size:5")),
  c("grpcWeb", "a text call with a text answer", call(base64(hello), text, acceptText, ok)),
  c("grpcWeb", "a text call with a binary answer", call(base64(hello), text, ok)),
  c("grpcWeb", "a binary call with a text answer", call(hello, binary, "accept: application/grpc-web-text+proto", ok)),
  c(
    "grpcWeb",
    "text with a codec in its type",
    call(base64(hello), "content-type: application/grpc-web-text+proto", acceptText, ok),
  ),
  c(
    "grpcWeb",
    "an accept of more than one type asks for binary",
    call(hello, binary, "accept: application/grpc-web-text, */*", ok),
  ),
  c("grpcWeb", "encodings that the client takes stay", call(hello, binary, "grpc-accept-encoding: gzip", ok)),
  c(
    "grpcWeb",
    "timeouts and other fields pass",
    call(hello, binary, "grpc-timeout: 1S", "x-grpc-web: 1", "x-user-agent: grpc-web-javascript/0.1", ok),
  ),
  c("grpcWeb", "a call in chunks", withChunks("POST /a.S/M", [hello.slice(0, 3), hello.slice(3)], [], binary, ok)),
  {
    ...c(
      "grpcWeb",
      "a text call cut inside of groups",
      withChunks("POST /a.S/M", base64(hello + grpcFrame("you!")).match(/.{1,5}/g) ?? [], [], text, acceptText, ok),
    ),
    splitBytes: 7,
  },
  c("grpcWeb", "a call without a body", request("POST /a.S/M", binary, ok)),
  c("grpcWeb", "a text call without a body", request("POST /a.S/M", text, acceptText, ok)),
  c("grpcWeb", "a text call with an empty body", call("", text, ok)),
  ...bad("base64 that stops inside of a group", call("AAAAAAVoZWxsb", text, ok)),
  ...bad("base64 that is none", call("AAAA!AVo", text, ok)),
  ...bad("base64 with padding in its midst", call("AA==AAAA", text, ok)),
  ...bad("base64 with bits that no byte has", call("AAAAAAJoaW==", text, ok)),
  ...bad("base64 of URLs", call("AAAA_-AA", text, ok)),
  ...bad("base64 with line ends", call("AAAA\r\nAA", text, ok)),
  {
    ...c("grpcWeb", "bad base64 in a whole request", call("AAAA!AVo", text, ok)),
    answers: 1,
    allowedDifference: "Nuncio knows that the request is over, and keeps the connection",
  },
  c(
    "grpcWeb",
    "many messages of an answer",
    call(hello, binary, grpcAnswer([grpcFrame("a"), grpcFrame("bc") + grpcFrame("")], ["grpc-status: 0"])),
  ),
  c(
    "grpcWeb",
    "many messages of a text answer, each padded",
    call(
      hello,
      binary,
      acceptText,
      grpcAnswer([grpcFrame("a"), grpcFrame("bc") + grpcFrame("def")], ["grpc-status: 0"]),
    ),
  ),
  c(
    "grpcWeb",
    "a text answer cut inside of messages",
    call(
      hello,
      binary,
      acceptText,
      grpcAnswer(
        [grpcFrame("abcdef").slice(0, 4), grpcFrame("abcdef").slice(4, 8), grpcFrame("abcdef").slice(8)],
        ["grpc-status: 0"],
      ),
    ),
  ),
  c(
    "grpcWeb",
    "a large text answer",
    call(hello, binary, acceptText, grpcAnswer([grpcFrame("x".repeat(3000))], ["grpc-status: 0"])),
  ),
  c("grpcWeb", "a call that fails", call(hello, binary, grpcAnswer([], ["grpc-status: 13", "grpc-message: no%20way"]))),
  c("grpcWeb", "a call that fails, as text", call(hello, binary, acceptText, grpcAnswer([], ["grpc-status: 13"]))),
  c(
    "grpcWeb",
    "trailers of one name twice",
    call(hello, binary, grpcAnswer([], ["grpc-status: 0", "x-t: 1", "x-t: 2"])),
  ),
  c(
    "grpcWeb",
    "an answer that is all trailers",
    call(
      hello,
      binary,
      rawAnswer(
        "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 5\r\ngrpc-message: none\r\ncontent-length: 0\r\n\r\n",
      ),
    ),
  ),
  c("grpcWeb", "an answer without trailers", call(hello, binary, grpcAnswer([grpcFrame("b")], []))),
  c(
    "grpcWeb",
    "an answer of an upstream that speaks gRPC-Web",
    call(
      hello,
      binary,
      grpcAnswer(
        [`${grpcFrame("b")}${grpcFrame("grpc-status:0\r\n", 128)}`],
        [],
        "content-type: application/grpc-web+proto",
      ),
    ),
  ),
  c(
    "grpcWeb",
    "and of one that adds parameters",
    call(hello, binary, grpcAnswer([grpcFrame("b")], ["x-t: 1"], "content-type: Application/grpc-web ; a=b")),
  ),
  c("grpcWeb", "an upstream's plain error becomes a status", call(hello, binary, "x-do: status:503 size:10")),
  c("grpcWeb", "an upstream's plain answer becomes a status", call(hello, binary, "x-do: size:4")),
  c("grpcWeb", "a plain error in chunks", call(hello, binary, "x-do: status:404 chunked size:10")),
  c(
    "grpcWeb",
    "a plain error as text",
    call(base64(hello), text.replace("text", "text+proto"), acceptText, "x-do: status:500 size:3"),
  ),
  c("grpcWeb", "a plain error with trailers", call(hello, binary, "x-do: status:500 trailer:x-t=1 size:6")),
  c("grpcWeb", "a plain error without a body", call(hello, binary, "x-do: status:401 size:0")),
  c(
    "grpcWeb",
    "a plain error with bytes that no status message has",
    call(hello, binary, rawAnswer("HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\na%b~\x01\xff\n d")),
  ),
  c("grpcWeb", "a large plain error is cut", call(hello, binary, "x-do: status:502 size:40000")),
  c(
    "grpcWeb",
    "a gRPC answer with another status",
    call(hello, binary, rawAnswer("HTTP/1.1 500 No\r\ncontent-type: application/grpc\r\ncontent-length: 3\r\n\r\nabc")),
  ),
  c("grpcWeb", "an upstream that is gone", call(hello, binary, "x-do: reset")),
  c("grpcWeb", "an upstream that is gone, as text", call(base64(hello), text, acceptText, "x-do: reset")),
  c("grpcWeb", "a cluster that is not there", withBody("POST /nowhere/M", hello, binary)),
  c("grpcWeb", "a direct response", withBody("POST /direct/M", hello, binary)),
  c("grpcWeb", "a path that is no method's", withBody("POST /a.S/M/x", hello, binary, ok)),
  c("grpcWeb", "a route without the filter", withBody("POST /off/M", hello, binary, ok)),
  c(
    "grpcWeb",
    "calls one after the other",
    call(hello, binary, ok) + call(base64(hello), text, acceptText, ok) + call(hello, binary, ok),
  ),
  { name: "the stats of gRPC-Web", setup: "grpcWeb", send: "", stats: "^cluster\\..*\\.grpc(-web)?\\." },
  c("grpcWebTrailers", "no trailers are left where they may be sent", call(hello, binary, ok)),
  c("grpcWebTrailers", "no trailers are left of a text answer", call(hello, binary, acceptText, ok)),
  c(
    "grpcWebTrailers",
    "trailers of a plain error are left",
    call(hello, binary, "x-do: status:500 trailer:x-t=1 size:6"),
  ),
  c("grpcWebChain", "a call from a page", call(hello, binary, "origin: http://app.test", ok)),
  c("grpcWebChain", "a text call from a page", call(base64(hello), text, acceptText, "origin: http://app.test", ok)),
  c(
    "grpcWebChain",
    "the preflight of a page",
    request("OPTIONS /a.S/M", "origin: http://app.test", "access-control-request-method: POST"),
  ),
  c("grpcWebChain", "bad base64 from a page", incomplete(call("AA!A", text, "origin: http://app.test"))),
  {
    name: "the stats of gRPC behind gRPC-Web",
    setup: "grpcWebChain",
    send: "",
    stats: "^cluster\\..*\\.grpc(-web)?\\.",
  },
  c("grpcWebChainTurned", "stats in front of gRPC-Web see no gRPC", call(hello, binary, "origin: http://app.test", ok)),
  {
    name: "the stats of gRPC in front of gRPC-Web",
    setup: "grpcWebChainTurned",
    send: "",
    stats: "^cluster\\..*\\.grpc(-web)?\\.",
  },
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}

/** Bad base64 over HTTP/2, and over HTTP/1 in a request that goes on: Envoy hears of an HTTP/1 request's end later than of its last bytes. */
function bad(name: string, send: string): Case[] {
  return [
    { ...c("grpcWeb", name, send), onlyHttp2: true },
    c("grpcWeb", `${name}, and more to come`, incomplete(send)),
  ];
}

function incomplete(send: string): string {
  return send.replace(/content-length: \d+/, "content-length: 1000");
}
