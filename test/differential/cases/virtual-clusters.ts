import { cluster } from "../bootstrap.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

// What virtual clusters and routes with a stat_prefix count.

const header = (name: string, string_match: Json): Json => ({ name, string_match });
const retried: Json = {
  retry_policy: {
    retry_on: "5xx",
    num_retries: 1,
    retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
  },
};
const routed = (prefix: string, stat_prefix: string, more: Json): Json => ({
  match: { prefix },
  stat_prefix,
  route: { cluster: "backend{lane}", ...more },
});

export const virtualClustersSetups: Record<string, Setup> = {
  virtualClusters: {
    virtualHosts: [
      {
        name: "v.x",
        domains: ["v.example"],
        virtual_clusters: [
          { name: "posts", headers: [header(":method", { exact: "POST" }), header(":path", { prefix: "/a" })] },
          { name: "a", headers: [header(":path", { safe_regex: { regex: "/a/.*" } })] },
        ],
        routes: [
          { match: { prefix: "/direct" }, stat_prefix: "direct", direct_response: { status: 200 } },
          routed("/dead", "dead", { cluster: "dead{lane}", ...retried }),
          routed("/slow", "slow", { timeout: "0.2s" }),
          routed("/a", "of.a", retried),
          routed("/", "", retried),
        ],
      },
      { name: "plain", domains: ["*"], routes: [routed("/", "all", {})] },
    ],
    clusters: [cluster("dead", {}, [1])],
  },
};

const requests: readonly (readonly [line: string, word: string])[] = [
  ["GET /a/1", "status:200"],
  ["GET /a?x", "status:200"],
  ["POST /a", "status:201"],
  ["GET /b", "status:200"],
  ["GET /direct", "status:200"],
  ["GET /dead", "status:200"],
  ["GET /a/2", "status:404"],
  ["GET /a/3", "status:503"],
  ["GET /a/4", "status:503 | status:200"],
  ["GET /b", "status:500"],
  ["GET /b", "drop"],
  ["GET /slow", "silent"],
];

export const virtualClustersCases: Case[] = [
  ...requests.map(
    ([line, word]): Case => ({
      name: `virtual clusters: ${line}, ${word}`,
      setup: "virtualClusters",
      send: request(line, "host: v.example", `x-do: ${word}`),
    }),
  ),
  { name: "virtual clusters: a host without", setup: "virtualClusters", send: request("GET /a") },
  { name: "the stats of virtual clusters and routes", setup: "virtualClusters", send: "", stats: "^vhost\\." },
];
