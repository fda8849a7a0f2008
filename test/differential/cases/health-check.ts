import { cluster } from "../bootstrap.ts";
import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const path = (exact: string): Json => ({ name: ":path", string_match: { exact } });
const filter = (config: Json, more: Json = {}): Json => ({
  name: "envoy.filters.http.health_check",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck", ...config },
  ...more,
});
const own = filter({ pass_through_mode: false, headers: [path("/healthy")] });
const empty: Json = { load_assignment: { cluster_name: "empty{lane}", endpoints: [] } };
const needs = (at: string, percentages: Record<string, number>): Json =>
  filter(
    {
      pass_through_mode: false,
      headers: [path(at)],
      cluster_min_healthy_percentages: Object.fromEntries(
        Object.entries(percentages).map(([name, value]) => [name, { value }]),
      ),
    },
    { name: `needs ${at}` },
  );
const stats = { setup: "", send: "", stats: "health_check\\.[a-z_]+$" };

/** Readiness answers, their cache, and what depends on hosts. */
export const healthCheckSetups: Record<string, Setup> = {
  healthOwn: {
    filters: [
      filter(
        {
          pass_through_mode: false,
          headers: [
            path("/healthy"),
            { name: "x-kind", string_match: { exact: "probe" }, treat_missing_header_as_empty: true },
          ],
        },
        { name: "first" },
      ),
      own,
    ],
  },
  healthAll: { filters: [filter({ pass_through_mode: false })] },
  healthFailed: { filters: [own], admin: ["/healthcheck/fail"] },
  healthBack: { filters: [own], admin: ["/healthcheck/fail", "/healthcheck/ok"] },
  healthThrough: { filters: [filter({ pass_through_mode: true, headers: [path("/healthy")] })] },
  healthThroughFailed: {
    filters: [filter({ pass_through_mode: true, headers: [path("/healthy")] })],
    admin: ["/healthcheck/fail"],
  },
  healthCached: {
    filters: [filter({ pass_through_mode: true, cache_time: "3600s", headers: [path("/healthy")] })],
  },
  healthClusters: {
    filters: [
      needs("/one", { "backend{lane}": 100 }),
      needs("/none", { nowhere: 1 }),
      needs("/empty", { "empty{lane}": 1 }),
      needs("/empty-zero", { "empty{lane}": 0.9 }),
      needs("/both", { "backend{lane}": 50, "empty{lane}": 50 }),
    ],
    clusters: [cluster("empty", empty)],
  },
  healthDisabled: {
    filters: [
      { ...filter({ pass_through_mode: false, headers: [path("/healthy")] }), disabled: true },
      filter({ pass_through_mode: false, headers: [path("/other")] }, { name: "other" }),
    ],
    virtualHosts: [
      {
        name: "off",
        domains: ["off.test"],
        typed_per_filter_config: {
          other: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
        },
        routes: [{ match: { prefix: "/" }, route: { cluster: "backend{lane}" } }],
      },
      { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "backend{lane}" } }] },
    ],
  },
};

export const healthCheckCases: readonly Case[] = [
  c("healthOwn", "a health check is answered here", request("GET /healthy")),
  c("healthOwn", "another path is forwarded", request("GET /else")),
  c("healthOwn", "a query makes another path", request("GET /healthy?x=1")),
  c("healthOwn", "HEAD is a health check", request("HEAD /healthy")),
  c("healthOwn", "a body is read before the answer", withBody("POST /healthy", "hello")),
  c("healthOwn", "a chunked body is read before the answer", withChunks("POST /healthy", ["hello", "you"], [])),
  c(
    "healthOwn",
    "all header matchers must match, or the next filter answers",
    request("GET /healthy", "x-kind: probe"),
  ),
  c(
    "healthOwn",
    "health checks one after the other",
    request("GET /healthy") + request("GET /else") + request("GET /healthy"),
  ),
  { name: "the stats of health checks", ...stats, setup: "healthOwn" },
  c("healthAll", "without matchers all is a health check", request("GET /any", "x-do: status:500")),
  c(
    "healthAll",
    "a gRPC health check is answered as gRPC",
    withBody("POST /a/b", "x", "content-type: application/grpc"),
  ),
  c("healthFailed", "a failed health check is 503 with a word for the load balancer", request("GET /healthy")),
  c("healthFailed", "all other answers have that word too", request("GET /else")),
  c("healthFailed", "an answer of the proxy has it too", request("GET /else", "x-do: reset")),
  { name: "the stats of failed health checks", ...stats, setup: "healthFailed" },
  c("healthBack", "after /healthcheck/ok all is well", request("GET /healthy")),
  c("healthThrough", "in pass-through mode the upstream answers", request("GET /healthy", "x-do: status:204")),
  c("healthThrough", "a bad answer of the upstream passes", request("GET /healthy", "x-do: status:503")),
  c("healthThrough", "an upstream that is gone", request("GET /healthy", "x-do: reset")),
  { name: "the stats of health checks that pass through", ...stats, setup: "healthThrough" },
  c("healthThroughFailed", "in pass-through mode a failed one is answered here", request("GET /healthy")),
  {
    ...c("healthCached", "an answer is kept", ""),
    send: [
      request("GET /healthy", "x-do: status:206 header:x-envoy-degraded=true"),
      request("GET /healthy"),
      request("GET /else"),
      request("GET /healthy", "x-do: status:500"),
    ],
  },
  { name: "the stats of kept answers", ...stats, setup: "healthCached" },
  c("healthClusters", "a cluster with all its hosts", request("GET /one")),
  c("healthClusters", "a cluster that is not there", request("GET /none")),
  c("healthClusters", "a cluster without hosts", request("GET /empty")),
  c("healthClusters", "nothing is asked of a cluster without hosts", request("GET /empty-zero")),
  c("healthClusters", "all clusters are asked", request("GET /both")),
  { name: "the stats of health checks that ask clusters", ...stats, setup: "healthClusters" },
  c("healthDisabled", "a filter that is disabled does nothing", request("GET /healthy")),
  c("healthDisabled", "the filter behind it does", request("GET /other")),
  c("healthDisabled", "a virtual host turns a filter off", request("GET /other", "host: off.test")),
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
