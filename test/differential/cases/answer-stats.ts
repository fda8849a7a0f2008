import { cluster } from "../bootstrap.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

// By what else than their status the answers of a cluster are counted: inside or outside, canary, zones, x-envoy-upstream-alt-stat-name.

const to = (prefix: string, name: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: `${name}{lane}`, ...more },
});
const endpoint = (port: number | string): Json => ({
  endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } },
});
const zoned = (name: string, lb_endpoints: Json[], zone = "there"): Json =>
  cluster(name, {
    load_assignment: { cluster_name: `${name}{lane}`, endpoints: [{ locality: { region: "r", zone }, lb_endpoints }] },
  });
const retried: Json = {
  retry_policy: {
    retry_on: "5xx",
    num_retries: 1,
    retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
  },
};

export const answerStatsSetups: Record<string, Setup> = {
  answerStats: {
    node: { locality: { region: "r", zone: "here" } },
    manager: {
      use_remote_address: true,
      internal_address_config: { cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
    },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/canary", "canary"),
          to("/retried", "zoned", retried),
          to("/slow", "zoned", { timeout: "0.2s" }),
          to("/try", "zoned", { retry_policy: { retry_on: "5xx", num_retries: 0, per_try_timeout: "0.2s" } }),
          to("/empty", "empty"),
          to("/dead", "dead"),
          to("/mirrored", "backend", { request_mirror_policies: [{ cluster: "dead{lane}" }] }),
          to("/plain", "backend"),
          to("/", "zoned"),
        ],
      },
    ],
    clusters: [
      zoned("zoned", [endpoint("{port}")]),
      zoned("canary", [{ ...endpoint("{port}"), metadata: { filter_metadata: { "envoy.lb": { canary: true } } } }]),
      zoned("dead", [endpoint(1)]),
      cluster("empty", {}, []),
    ],
  },
};

const alt = "x-envoy-upstream-alt-stat-name: other";
const outside = "x-forwarded-for: 9.9.9.9";
const requests: readonly (readonly [line: string, ...fields: string[]])[] = [
  ["GET /"],
  ["GET /", alt],
  ["GET /", alt, outside],
  ["GET /plain", alt],
  ["GET /", alt, "x-do: header:x-envoy-upstream-canary=true"],
  ["GET /", "x-do: header:x-envoy-upstream-canary=1"],
  ["GET /canary", outside],
  ["GET /canary", alt, "x-do: drop"],
  ["GET /retried", alt, "x-do: status:503"],
  ["GET /retried", alt, "x-do: status:503 | status:201"],
  ["GET /slow", alt, "x-do: silent"],
  ["GET /try", alt, "x-do: silent"],
  ["GET /", alt, "x-do: drop"],
  ["GET /", alt, "x-do: continue"],
  ["GET /", alt, "x-do: status:299"],
  ["GET /empty", alt],
  ["GET /dead", alt],
  ["GET /mirrored", alt, outside],
  ["GET /", "x-envoy-upstream-alt-stat-name: a.b"],
  ["GET /", "x-envoy-upstream-alt-stat-name: c", "x-envoy-upstream-alt-stat-name: d"],
];

export const answerStatsCases: Case[] = [
  ...requests.map(
    ([line, ...fields]): Case => ({
      name: `answers counted: ${[line, ...fields].join(", ")}`,
      setup: "answerStats",
      send: request(line, ...fields),
    }),
  ),
  {
    name: "answers counted: the stats of all",
    setup: "answerStats",
    send: "",
    stats: "^cluster\\..*upstream_rq_(\\d.*|unknown|completed|time)$",
  },
];
