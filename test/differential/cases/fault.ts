import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.fault";
const type = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
const all: Json = { numerator: 100, denominator: "HUNDRED" };
const none: Json = { numerator: 0 };
const abort = (more: Json): Json => ({ abort: { percentage: all, ...more } });
const delay = (more: Json): Json => ({ delay: { percentage: all, ...more } });
const filter = (config: Json): Json => ({ name, typed_config: { "@type": type, ...config } });
const perRoute = (config: Json): Json => ({ typed_per_filter_config: { [name]: { "@type": type, ...config } } });
const route = (prefix: string, config: Json | null = null, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...(config === null ? {} : perRoute(config)),
  ...more,
});

export const faultSetups: Record<string, Setup> = {
  fault: {
    filters: [filter({})],
    routeConfig: {
      request_headers_to_add: [
        { header: { key: "x-metadata", value: "%DYNAMIC_METADATA(envoy.filters.http.fault)%" } },
      ],
      response_headers_to_add: [{ header: { key: "x-flags", value: "%RESPONSE_FLAGS%" } }],
    },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          route("/abort", abort({ http_status: 418 })),
          route("/grpc", abort({ grpc_status: 5 })),
          route("/asked", { ...abort({ header_abort: {} }), ...delay({ header_delay: {} }) }),
          route("/half-asked", {
            abort: { header_abort: {}, percentage: none },
            delay: { header_delay: {}, percentage: none },
          }),
          route("/delay", { ...delay({ fixed_delay: "0.05s" }), filter_metadata: { why: "test" } }),
          route("/both", {
            ...delay({ fixed_delay: "0.05s" }),
            ...abort({ http_status: 503 }),
            filter_metadata: { why: "test" },
          }),
          route("/never", {
            abort: { http_status: 418, percentage: none },
            delay: { fixed_delay: "5s", percentage: none },
          }),
          route("/unsaid", { abort: { http_status: 418 } }),
          route("/headers", {
            ...abort({ http_status: 418 }),
            headers: [{ name: "x-fault", string_match: { exact: "yes" } }],
          }),
          route("/node", { ...abort({ http_status: 418 }), downstream_nodes: ["a", "b"] }),
          route("/cluster", { ...abort({ http_status: 418 }), upstream_cluster: "other" }),
          route("/full", { ...abort({ http_status: 418 }), max_active_faults: 0 }),
          route("/quiet", { ...abort({ http_status: 418 }), disable_downstream_cluster_stats: true }),
          route("/keys", {
            abort: { http_status: 418, percentage: none },
            abort_percent_runtime: "my.percent",
            abort_http_status_runtime: "my.status",
          }),
          { match: { prefix: "/direct" }, direct_response: { status: 200 }, ...perRoute(abort({ http_status: 418 })) },
          route("/"),
        ],
      },
    ],
    runtime: { my: { percent: 100, status: 404 }, fault: { http: { special: { abort: { http_status: 502 } } } } },
  },
};

const ask = (path: string, ...fields: string[]): Case => ({
  name: `fault: ${path} ${fields.join(" ")}`,
  setup: "fault",
  send: request(`GET ${path}`, ...fields),
});

export const faultCases: Case[] = [
  ...[
    "/abort",
    "/grpc",
    "/asked",
    "/delay",
    "/both",
    "/never",
    "/unsaid",
    "/headers",
    "/node",
    "/cluster",
    "/full",
    "/quiet",
    "/keys",
    "/direct",
    "/",
  ].map((path) => ask(path)),
  ...["/abort", "/grpc", "/both"].map((path) => ask(path, "content-type: application/grpc")),
  ask("/asked", "x-envoy-fault-abort-request: 404"),
  ask("/asked", "x-envoy-fault-abort-request: 99"),
  ask("/asked", "x-envoy-fault-abort-request: x"),
  ask("/asked", "x-envoy-fault-abort-grpc-request: 7"),
  ask("/asked", "x-envoy-fault-abort-grpc-request: 7", "content-type: application/grpc"),
  ask("/asked", "x-envoy-fault-abort-request: 404", "x-envoy-fault-abort-request-percentage: 0"),
  ask("/asked", "x-envoy-fault-delay-request: 30"),
  ask("/asked", "x-envoy-fault-delay-request: 30", "x-envoy-fault-delay-request-percentage: 0"),
  ask("/asked", "x-envoy-fault-delay-request: 30", "x-envoy-fault-abort-request: 500"),
  ask("/half-asked", "x-envoy-fault-abort-request: 404", "x-envoy-fault-abort-request-percentage: 100"),
  ask("/headers", "x-fault: yes"),
  ask("/headers", "x-fault: no"),
  ask("/node", "x-envoy-downstream-service-node: b"),
  ask("/node", "x-envoy-downstream-service-node: c"),
  ask("/abort", "x-envoy-downstream-service-cluster: client"),
  ask("/abort", "x-envoy-downstream-service-cluster: special"),
  ask("/both", "x-envoy-downstream-service-cluster: client"),
  ask("/quiet", "x-envoy-downstream-service-cluster: client"),
  { name: "fault: stats", setup: "fault", send: "", stats: "\\.fault\\." },
];
