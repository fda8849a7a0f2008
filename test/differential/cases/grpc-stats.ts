import { cluster } from "../bootstrap.ts";
import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import { grpcAnswer, grpcFrame } from "../grpc-text.ts";
import type { Case, Json, Setup } from "../setup.ts";

const filter = (config: Json, more: Json = {}): Json => ({
  name: "envoy.filters.http.grpc_stats",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", ...config },
  ...more,
});
const trailing: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http_protocol_options: { enable_trailers: true } },
    },
  },
};
const grpc: Setup = {
  manager: { http_protocol_options: { enable_trailers: true } },
  clusters: [cluster("trailing", trailing), cluster("named", { ...trailing, alt_stat_name: "other:name{lane}" })],
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      routes: [
        { match: { prefix: "/nowhere" }, route: { cluster: "nowhere" } },
        { match: { prefix: "/direct" }, direct_response: { status: 200 } },
        { match: { prefix: "/named.S" }, route: { cluster: "named{lane}" } },
        { match: { prefix: "/rewritten.S" }, route: { cluster: "trailing{lane}", prefix_rewrite: "/x.Y" } },
        { match: { prefix: "/" }, route: { cluster: "trailing{lane}" } },
      ],
    },
  ],
  routeConfig: { validate_clusters: false },
};
const stats = { send: "", stats: "^cluster\\..*\\.grpc\\." };

/** Every way to name the stats of calls. */
export const grpcStatsSetups: Record<string, Setup> = {
  grpcStats: {
    ...grpc,
    filters: [filter({ stats_for_all_methods: true, emit_filter_state: true, enable_upstream_stats: true })],
  },
  grpcStatsListed: {
    ...grpc,
    filters: [
      filter({
        enable_upstream_stats: true,
        replace_dots_in_grpc_service_name: true,
        individual_method_stats_allowlist: {
          services: [
            { name: "a.S", method_names: ["M", "N"] },
            { name: "b.S", method_names: ["M"] },
          ],
        },
      }),
    ],
  },
  grpcStatsDots: {
    ...grpc,
    filters: [filter({ stats_for_all_methods: true, replace_dots_in_grpc_service_name: true })],
  },
  grpcStatsNone: { ...grpc, filters: [filter({ stats_for_all_methods: false })] },
  grpcStatsPlain: { ...grpc, filters: [filter({})] },
};

const type = "content-type: application/grpc";
const ok = grpcAnswer([grpcFrame("hi")], ["grpc-status: 0"]);
const call = (path: string, body: string, ...fields: string[]): string => withBody(`POST ${path}`, body, ...fields);
const connect = "content-type: application/connect+proto";

export const grpcStatsCases: readonly Case[] = [
  c("grpcStats", "a gRPC call is counted", call("/a.S/M", grpcFrame("hello"), type, ok)),
  c(
    "grpcStats",
    "a call with a codec in its type",
    call("/a.S/M", grpcFrame("hello"), "content-type: application/grpc+proto", ok),
  ),
  c(
    "grpcStats",
    "three messages and one that began",
    call("/a.S/Three", `${grpcFrame("a") + grpcFrame("") + grpcFrame("c", 1)}\0`, type, ok),
  ),
  c(
    "grpcStats",
    "many messages of an answer, cut anywhere",
    call(
      "/a.S/Many",
      grpcFrame("a"),
      type,
      grpcAnswer([`${grpcFrame("b")}\0\0`, `\0\0\x03xyz${grpcFrame("")}`], ["grpc-status: 0"]),
    ),
  ),
  c(
    "grpcStats",
    "a call that fails",
    call("/a.S/Fails", grpcFrame("a"), type, grpcAnswer([], ["grpc-status: 13", "grpc-message: no"])),
  ),
  c(
    "grpcStats",
    "a status that is no number",
    call("/a.S/Odd", grpcFrame("a"), type, grpcAnswer([], ["grpc-status: odd"])),
  ),
  c(
    "grpcStats",
    "an answer that is all trailers",
    call(
      "/a.S/Only",
      grpcFrame("a"),
      type,
      rawAnswer("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n"),
    ),
  ),
  c(
    "grpcStats",
    "an answer without a status",
    call("/a.S/Without", grpcFrame("a"), type, grpcAnswer([grpcFrame("b")], [])),
  ),
  c("grpcStats", "an answer that is not gRPC", call("/a.S/Plain", grpcFrame("a"), type, "x-do: status:503 size:3")),
  c("grpcStats", "an answer of the proxy", call("/a.S/Reset", grpcFrame("a"), type, "x-do: reset")),
  c(
    "grpcStats",
    "a request in chunks",
    withChunks(
      "POST /a.S/Chunks",
      [grpcFrame("abc").slice(0, 3), grpcFrame("abc").slice(3) + grpcFrame("d")],
      [],
      type,
      ok,
    ),
  ),
  c("grpcStats", "a call without a body", request("POST /a.S/Empty", type, ok)),
  c("grpcStats", "a query is no part of the method", call("/a.S/M?x=/y", grpcFrame("a"), type, ok)),
  c("grpcStats", "a path that is no method's", call("/a.S/M/more", grpcFrame("a"), type, ok)),
  c("grpcStats", "a path with one part", call("/one", grpcFrame("a"), type, ok)),
  c("grpcStats", "empty parts of a path do not count", call("//a.S//M/", grpcFrame("a"), type, ok)),
  c("grpcStats", "the method as it came, before the rewrite", call("/rewritten.S/M", grpcFrame("a"), type, ok)),
  c("grpcStats", "a cluster with another name in stats", call("/named.S/M", grpcFrame("a"), type, ok)),
  c("grpcStats", "a cluster that is not there", call("/nowhere/M", grpcFrame("a"), type)),
  c("grpcStats", "a direct response", call("/direct/M", grpcFrame("a"), type)),
  c("grpcStats", "gRPC-Web is not gRPC", call("/a.S/Web", grpcFrame("a"), "content-type: application/grpc-web", ok)),
  c("grpcStats", "a plain request with a gRPC answer", call("/a.S/Other", "hello", "content-type: text/plain", ok)),
  c("grpcStats", "a plain request", request("GET /a.S/Get", "x-do: size:10")),
  c(
    "grpcStats",
    "a Connect stream",
    call(
      "/c.S/Stream",
      grpcFrame("a") + grpcFrame("b"),
      connect,
      grpcAnswer([grpcFrame("x"), grpcFrame("{}", 2)], [], connect),
    ),
  ),
  c(
    "grpcStats",
    "a Connect stream that fails",
    call(
      "/c.S/Fails",
      grpcFrame("a"),
      connect,
      grpcAnswer([grpcFrame('{"error":{"code":"internal"}}', 2)], [], connect),
    ),
  ),
  c(
    "grpcStats",
    "a Connect stream without an end",
    call("/c.S/NoEnd", grpcFrame("a"), connect, grpcAnswer([grpcFrame("x")], [], connect)),
  ),
  c(
    "grpcStats",
    "a unary Connect call",
    call("/c.S/Unary", "{}", "content-type: application/json", "connect-protocol-version: 1", "x-do: size:5"),
  ),
  c(
    "grpcStats",
    "a unary Connect call that fails",
    call(
      "/c.S/UnaryFails",
      "{}",
      "content-type: application/proto",
      "connect-protocol-version: 1",
      "x-do: status:404 size:5",
    ),
  ),
  { name: "the stats of all methods", ...stats, setup: "grpcStats" },
  c("grpcStatsListed", "a method that is listed", call("/a.S/M", grpcFrame("a"), type, ok)),
  c("grpcStatsListed", "another method of its service", call("/a.S/Q", grpcFrame("a"), type, ok)),
  c(
    "grpcStatsListed",
    "a method of a service that is not listed",
    call("/z.S/M", grpcFrame("a"), type, grpcAnswer([], ["grpc-status: 7"])),
  ),
  { name: "the stats of listed methods", ...stats, setup: "grpcStatsListed" },
  c("grpcStatsDots", "a service with dots", call("/a.b.S/M.x", grpcFrame("a"), type, ok)),
  { name: "the stats without dots", ...stats, setup: "grpcStatsDots" },
  c("grpcStatsNone", "no method has its own stats", call("/a.S/M", grpcFrame("a"), type, ok)),
  { name: "the stats of no method", ...stats, setup: "grpcStatsNone" },
  c("grpcStatsPlain", "a filter that says nothing", call("/a.S/M", grpcFrame("a"), type, ok)),
  { name: "the stats of a filter that says nothing", ...stats, setup: "grpcStatsPlain" },
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
