import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const type = "type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit";
const name = "envoy.filters.http.bandwidth_limit";
const filter = (config: Json): Json => ({ name, typed_config: { "@type": type, stat_prefix: "own", ...config } });
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": type, stat_prefix: "routes", ...config } },
});
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const faultType = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
const fault = (config: Json): Json => ({
  typed_per_filter_config: { f: { "@type": faultType, response_rate_limit: config } },
});
const all: Json = { percentage: { numerator: 100 } };

/** Both directions with a limit that is seldom reached, its parts by route, and the fault filter's. */
export const bandwidthLimitSetups: Record<string, Setup> = {
  bandwidthLimit: {
    filters: [filter({ enable_mode: "REQUEST_AND_RESPONSE", limit_kbps: 100_000 })],
    runtime: { "bandwidth.off": false },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/requests", perRoute({ enable_mode: "REQUEST", limit_kbps: 100_000 })),
          to("/responses", perRoute({ enable_mode: "RESPONSE", limit_kbps: 100_000 })),
          to("/never", perRoute({ limit_kbps: 1 })),
          to(
            "/off",
            perRoute({
              enable_mode: "RESPONSE",
              limit_kbps: 1,
              runtime_enabled: { default_value: true, runtime_key: "bandwidth.off" },
            }),
          ),
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
          to("/"),
        ],
      },
    ],
  },
  bandwidthSlow: { filters: [filter({ enable_mode: "RESPONSE", limit_kbps: 10, fill_interval: "0.1s" })] },
  responseRate: {
    filters: [{ name: "f", typed_config: { "@type": faultType } }],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/slow", fault({ ...all, fixed_limit: { limit_kbps: 10 } })),
          to("/asked", fault({ ...all, header_limit: {} })),
          to("/never", fault({ percentage: { numerator: 0 }, fixed_limit: { limit_kbps: 1 } })),
          to("/"),
        ],
      },
    ],
  },
};

const big = "x-do: size:100000";

export const bandwidthLimitCases: readonly Case[] = [
  c("bandwidthLimit", "no bodies", request("HEAD /")),
  c("bandwidthLimit", "a response", request("GET /", big)),
  c("bandwidthLimit", "a response with trailers", request("GET /", "te: trailers", "x-do: trailer:x-t=1")),
  c("bandwidthLimit", "a response without a body", request("GET /", "x-do: size:0")),
  c("bandwidthLimit", "a request", withBody("POST /", "{{a*50000}}")),
  c("bandwidthLimit", "a request with trailers", withChunks("POST /", ["abc", "def"], ["x-t: 1"])),
  c("bandwidthLimit", "requests alone, by route", withBody("POST /requests", "abc", big)),
  c("bandwidthLimit", "responses alone, by route", withBody("POST /responses", "abc", big)),
  c("bandwidthLimit", "a route that limits nothing", withBody("POST /never", "abc", big)),
  c("bandwidthLimit", "off by the runtime", request("GET /off", big)),
  c("bandwidthLimit", "a direct response", request("GET /direct")),
  {
    name: "bandwidthLimit: stats",
    setup: "bandwidthLimit",
    send: "",
    stats: "bandwidth_limit.*(enabled|enforced|pending|total|duration)",
  },
  { ...c("bandwidthSlow", "a response of two seconds", request("GET /", "x-do: size:20000")), holdMs: 5000 },
  { ...c("responseRate", "slow", request("GET /slow", "x-do: size:2000")), holdMs: 5000 },
  { ...c("responseRate", "slow with trailers", request("GET /slow", "x-do: size:2000 trailer:x-t=1")), holdMs: 5000 },
  {
    ...c(
      "responseRate",
      "as the request asks",
      request("GET /asked", "x-envoy-fault-throughput-response: 20", "x-do: size:3000"),
    ),
    holdMs: 5000,
  },
  c(
    "responseRate",
    "the request asks for no share",
    request(
      "GET /asked",
      "x-envoy-fault-throughput-response: 1",
      "x-envoy-fault-throughput-response-percentage: 0",
      big,
    ),
  ),
  c("responseRate", "the request asks for nothing", request("GET /asked", big)),
  c("responseRate", "never", request("GET /never", big)),
  c("responseRate", "no limit", request("GET /", big)),
  { name: "responseRate: stats", setup: "responseRate", send: "", stats: "fault" },
];

function c(setup: string, text: string, send: string): Case {
  return { name: `${setup}: ${text}`, setup, send };
}
