import { cluster } from "../bootstrap.ts";
import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http1 = (options: Json, common: Json = {}): Json => ({
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http_protocol_options: options },
      common_http_protocol_options: common,
    },
  },
});
const at = (prefix: string, name: string, more: Json = {}): Json => ({
  name: prefix,
  match: { prefix },
  route: { cluster: `${name}{lane}`, ...more },
});
const perTry: Json = {
  retry_policy: {
    retry_on: "5xx",
    num_retries: 1,
    per_try_timeout: "0.1s",
    retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
  },
};

/** Options of clusters and of the requests sent to them. */
export const upstreamsSetups: Record<string, Setup> = {
  clusters: {
    manager: { http_protocol_options: { enable_trailers: true } },
    clusters: [
      cluster("trailing", http1({ enable_trailers: true })),
      cluster("proper", http1({ header_key_format: { proper_case_words: {} } })),
      cluster("once", http1({}, { max_requests_per_connection: 1 })),
      cluster("many", http1({}, { max_headers_count: 5 })),
      cluster("named", {
        type: "STRICT_DNS",
        dns_lookup_family: "V4_ONLY",
        load_assignment: {
          cluster_name: "named{lane}",
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: "localhost", port_value: "{port}" } } } },
              ],
            },
          ],
        },
      }),
      cluster("alias", { alt_stat_name: "other_name" }),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: ["trailing", "proper", "once", "many", "named", "alias"].map((name) => at(`/${name}`, name)),
      },
    ],
  },
  attempts: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        include_request_attempt_count: true,
        include_attempt_count_in_response: true,
        routes: [at("/try", "backend", perTry), at("/", "backend")],
      },
    ],
  },
  breakers: {
    clusters: [
      cluster("requests", { circuit_breakers: { thresholds: [{ max_requests: 1 }] } }),
      cluster("connections", { circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] } }),
      cluster("retries", { circuit_breakers: { thresholds: [{ max_retries: 0 }] } }),
      cluster("high", {
        circuit_breakers: { thresholds: [{ max_requests: 1 }, { priority: "HIGH", max_requests: 5 }] },
      }),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          at("/requests", "requests"),
          at("/connections", "connections"),
          at("/retries", "retries", perTry),
          at("/high/low", "high"),
          at("/high", "high", { priority: "HIGH" }),
        ],
      },
    ],
  },
  trusted: {
    manager: {
      use_remote_address: true,
      internal_address_config: { cidr_ranges: [{ address_prefix: "0.0.0.0", prefix_len: 0 }] },
    },
  },
  expecting: { router: { dynamic_stats: false, start_child_span: false, respect_expected_rq_timeout: true } },
};

export const upstreamsCases: readonly Case[] = [
  c(
    "clusters",
    "response trailers pass with enable_trailers on both sides",
    request("GET /trailing", "x-do: trailer:X-T=1 size:4"),
  ),
  c(
    "clusters",
    "request trailers pass with enable_trailers on both sides",
    withChunks("POST /trailing", ["hello"], ["X-T: 1"]),
  ),
  c(
    "clusters",
    "trailers both ways",
    withChunks("POST /trailing", ["hello"], ["x-t: 1"], "x-do: trailer:x-t=2 trailer:x-u=3 chunked"),
  ),
  c("clusters", "names get capitals upstream", request("GET /proper", "x-some-field: 1")),
  {
    ...c("clusters", "one request for each upstream connection", ""),
    send: [request("GET /once"), request("GET /once"), withBody("POST /once", "x")],
  },
  c(
    "clusters",
    "too many fields in an answer",
    request("GET /many", "x-do: header:a=1 header:b=1 header:c=1 header:d=1 header:e=1 header:f=1"),
  ),
  c("clusters", "a cluster found by DNS", request("GET /named")),
  c("clusters", "a cluster with another name in stats", request("GET /alias")),
  c("attempts", "the attempt is counted both ways", request("GET /x")),
  c("attempts", "a client's attempt count", request("GET /x", "x-envoy-attempt-count: 7")),
  c("attempts", "retried attempts are counted", request("GET /try", "x-do: status:503")),
  c("attempts", "the timeout of each attempt", request("GET /try", "x-do: silent")),
  ...["requests", "connections", "high/low", "high"].flatMap((path) =>
    // Who of two that wait gets the one connection at the end is chance.
    (path === "connections" ? [0, 1] : [0, 1, 2]).map(
      (count): Case => ({
        ...c("breakers", `/${path} beside ${count} others`, request(`GET /${path}`, "x-do: delay:50")),
        beside: new Array(count).fill(request(`GET /${path}`, "x-do: silent")),
        holdMs: 300,
      }),
    ),
  ),
  c("breakers", "no retry is allowed", request("GET /retries", "x-do: status:503")),
  c(
    "trusted",
    "an inner client sets the timeout",
    request("GET /x", "x-envoy-upstream-rq-timeout-ms: 150", "x-do: silent"),
  ),
  c(
    "trusted",
    "an inner client sets retries",
    request("GET /x", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 2", "x-do: status:503"),
  ),
  c(
    "trusted",
    "an inner client asks for another timeout answer",
    request(
      "GET /x",
      "x-envoy-upstream-rq-timeout-ms: 150",
      "x-envoy-upstream-rq-timeout-alt-response: 204",
      "x-do: silent",
    ),
  ),
  c(
    "trusted",
    "an inner client's fields that are not the router's",
    request("GET /x", "x-envoy-internal: true", "x-envoy-force-trace: 1", "x-envoy-ip-tags: a"),
  ),
  c(
    "expecting",
    "an outer client's expected timeout is not believed",
    request("GET /x", "x-envoy-expected-rq-timeout-ms: 150", "x-do: delay:200"),
  ),
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
