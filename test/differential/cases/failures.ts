import { cluster } from "../bootstrap.ts";
import { rawAnswer, request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const refused = cluster("refused", {}, [1]);
const route = (prefix: string, name: string, more: Json = {}): Json => ({
  name: prefix,
  match: { prefix },
  route: { cluster: name, ...more },
});
const rest: Json = route("/", "backend{lane}");
const vhost = (...routes: Json[]): Json => ({ name: "all", domains: ["*"], routes });

/** What goes wrong behind the proxy, and the limits and clocks before it. */
export const failuresSetups: Record<string, Setup> = {
  broken: {
    clusters: [
      refused,
      cluster("empty", {}, []),
      cluster("full", {
        circuit_breakers: { thresholds: [{ max_requests: 0, max_connections: 0, max_pending_requests: 0 }] },
      }),
      cluster("maintained", {}),
    ],
    routeConfig: { validate_clusters: false },
    virtualHosts: [
      vhost(
        route("/refused", "refused{lane}"),
        route("/empty", "empty{lane}"),
        route("/full", "full{lane}"),
        route("/missing404", "nowhere", { cluster_not_found_response_code: "NOT_FOUND" }),
        route("/missing500", "nowhere", { cluster_not_found_response_code: "INTERNAL_SERVER_ERROR" }),
        route("/missing", "nowhere"),
        { name: "by-header", match: { prefix: "/by" }, route: { cluster_header: "x-cluster" } },
        route("/retry", "refused{lane}", { retry_policy: { retry_on: "connect-failure", num_retries: 1 } }),
        route("/again", "backend{lane}", { retry_policy: { retry_on: "5xx", num_retries: 1 } }),
        rest,
      ),
    ],
  },
  timed: {
    virtualHosts: [
      vhost(
        route("/fast", "backend{lane}", { timeout: "0.2s" }),
        route("/idle", "backend{lane}", { idle_timeout: "0.2s", timeout: "0s" }),
        route("/long", "backend{lane}", { max_stream_duration: { max_stream_duration: "0.2s" }, timeout: "0s" }),
        rest,
      ),
    ],
  },
  clocks: {
    manager: {
      request_headers_timeout: "0.3s",
      request_timeout: "0.5s",
      common_http_protocol_options: { idle_timeout: "0.4s" },
      drain_timeout: "0.2s",
    },
  },
  streamIdle: { manager: { stream_idle_timeout: "0.3s" } },
  shortLife: { manager: { common_http_protocol_options: { max_connection_duration: "0.3s" }, drain_timeout: "0.2s" } },
  twoRequests: { manager: { common_http_protocol_options: { max_requests_per_connection: 2 } } },
  small: { manager: { max_request_headers_kb: 4, common_http_protocol_options: { max_headers_count: 10 } } },
};

const answers = [
  "drop",
  "reset",
  "cut size:100",
  "cut chunked size:100",
  "length:5 size:10",
  "length:10 size:5 close",
  "status:099",
  "status:20",
  "early status:200",
  "early status:413 close",
];
const garbage = [
  "garbage\r\n\r\n",
  "HTTP/1.1 200 OK\r\nbad name: x\r\ncontent-length: 0\r\n\r\n",
  "HTTP/3.0 200 OK\r\n\r\n",
  "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
  "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
];
const places = ["refused", "empty", "full", "missing", "missing404", "missing500", "by", "retry"];

export const failuresCases: readonly Case[] = [
  ...places.flatMap((place): Case[] => [
    c("broken", `/${place}`, request(`GET /${place}`)),
    c("broken", `/${place} with a body`, withBody(`POST /${place}`, "hello")),
    c("broken", `/${place} for gRPC`, request(`POST /${place}`, "content-type: application/grpc", "te: trailers")),
  ]),
  c("broken", "HEAD of the proxy's own answer", request("HEAD /refused")),
  c("broken", "the connection serves on after the proxy's own answer", request("GET /refused") + request("GET /ok")),
  c("broken", "a cluster header names an unknown cluster", request("GET /by", "x-cluster: no")),
  c("broken", "5xx is retried and then passed on", request("GET /again", "x-do: status:503")),
  c("broken", "a dropped connection is retried", request("GET /again", "x-do: drop")),
  ...answers.map((answer) => c("broken", `the backend does ${answer}`, request("GET /x", `x-do: ${answer}`))),
  ...answers
    .slice(0, 2)
    .map((answer) =>
      c(
        "broken",
        `a chunked upload and the backend does ${answer}`,
        withChunks("POST /x", ["hello"], [], `x-do: early ${answer}`),
      ),
    ),
  ...garbage.map((bytes) =>
    c(
      "broken",
      `the backend says ${JSON.stringify(bytes)}`,
      request("GET /x", rawAnswer(bytes).replace("raw:", "close raw:")),
    ),
  ),
  {
    ...c(
      "broken",
      "the backend switches protocols without being asked",
      request("GET /x", rawAnswer("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")),
    ),
    allowedDifference: "Nuncio takes a 101 that nobody asked for as a protocol error; Envoy forwards it",
  },
  c("timed", "the route's timeout", request("GET /fast", "x-do: silent")),
  c(
    "timed",
    "the route's timeout for gRPC",
    request("POST /fast", "x-do: silent", "content-type: application/grpc+proto"),
  ),
  c(
    "timed",
    "the route's timeout after headers",
    request("GET /fast", rawAnswer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")),
  ),
  c(
    "timed",
    "a client's own timeout is not believed",
    request("GET /", "x-envoy-upstream-rq-timeout-ms: 100", "x-do: delay:200"),
  ),
  c("timed", "the route's idle timeout", request("GET /idle", "x-do: silent")),
  c(
    "timed",
    "the route's idle timeout with half a request",
    `${request("POST /idle", "content-length: 5").slice(0, -2)}\r\nab`,
  ),
  c("timed", "the route's longest stream", request("GET /long", "x-do: silent")),
  {
    ...c("clocks", "half a head is answered at request_headers_timeout", "GET /x HTTP/1.1\r\nhost: a\r\n"),
    finish: "hold",
  },
  {
    ...c("clocks", "half a body is answered at request_timeout", request("POST /x", "content-length: 5")),
    finish: "hold",
  },
  { ...c("clocks", "a silent connection is closed at idle_timeout", ""), finish: "hold" },
  { ...c("clocks", "an idle connection is closed after a request", request("GET /x")), finish: "hold" },
  { ...c("streamIdle", "a stream without progress", request("GET /x", "x-do: silent")), finish: "hold" },
  { ...c("streamIdle", "half a body without progress", request("POST /x", "content-length: 5")), finish: "hold" },
  { ...c("streamIdle", "half a head without progress", "GET /x HTTP/1.1\r\nhost: a\r\n"), finish: "hold" },
  { ...c("shortLife", "a connection is closed at its longest life", request("GET /x")), finish: "hold" },
  {
    ...c("shortLife", "a request after the longest life", ""),
    send: [request("GET /x", "x-do: delay:350"), request("GET /y")],
  },
  { ...c("twoRequests", "the second request is the last", ""), send: [request("GET /a"), request("GET /b")] },
  c("twoRequests", "a third pipelined request is not served", request("GET /a").repeat(3), 2),
  c("small", "a head over the limit", request("GET /a", "x-a: {{a*5000}}")),
  c("small", "a target over the limit", request("GET /{{a*5000}}")),
  c("small", "a head under the limit", request("GET /a", "x-a: {{a*3000}}")),
  c("small", "too many fields", request("GET /a", "{{REPEAT:12:x-{i}: a\r\n}}x-last: 1")),
  c("small", "as many fields as allowed", request("GET /a", "{{REPEAT:7:x-{i}: a\r\n}}x-last: 1")),
];

function c(setup: string, name: string, send: string, count?: number): Case {
  return { name, setup, send, answers: count };
}
