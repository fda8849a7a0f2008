import { fromJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { RouteConfigurationSchema } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../proto/problems.ts";
import { clusterNames } from "./cluster-names.ts";
import { parseRouteConfig } from "./parse.ts";

type Json = Parameters<typeof fromJson>[1];

function parse(json: Json) {
  const problems = new Problems();
  const spec = parseRouteConfig(fromJson(RouteConfigurationSchema, json), problems, { parsePerRoute: () => ({}) });
  return { spec, problems: problems.list };
}

function withRoute(route: Json): Json {
  return { name: "R", virtualHosts: [{ name: "v", domains: ["*"], routes: [route] }] };
}

describe("faults are named with Envoy's sentence", () => {
  const cases: [string, Json, string][] = [
    [
      "virtual_hosts[1].domains[0]",
      { name: "R", virtualHosts: [{ domains: ["*"] }, { domains: ["*"] }] },
      "Only a single wildcard domain is permitted in route R",
    ],
    [
      "virtual_hosts[0].domains[1]",
      { name: "R", virtualHosts: [{ domains: ["x.Y", "X.y"] }] },
      "Only unique values for domains are permitted. Duplicate entry of domain x.y in route R",
    ],
    [
      "virtual_hosts[0].routes[0].match.safe_regex.regex",
      withRoute({ match: { safeRegex: { regex: "(a" } }, nonForwardingAction: {} }),
      "missing ): (a",
    ],
    [
      "virtual_hosts[0].routes[0].request_headers_to_add[0].header.key",
      withRoute({
        match: { prefix: "/" },
        nonForwardingAction: {},
        requestHeadersToAdd: [{ header: { key: ":path", value: "x" } }],
      }),
      ":-prefixed or host headers may not be modified",
    ],
    [
      "virtual_hosts[0].routes[0].request_headers_to_remove[0]",
      withRoute({ match: { prefix: "/" }, nonForwardingAction: {}, requestHeadersToRemove: ["Host"] }),
      ":-prefixed or host headers may not be removed",
    ],
    [
      "virtual_hosts[0].routes[0].direct_response.body",
      withRoute({ match: { prefix: "/" }, directResponse: { status: 200, body: { inlineString: "x".repeat(5000) } } }),
      "response body size is 5000 bytes; maximum is 4096",
    ],
    [
      "virtual_hosts[0].routes[0].route.weighted_clusters.clusters",
      withRoute({ match: { prefix: "/" }, route: { weightedClusters: { clusters: [{ name: "b", weight: 0 }] } } }),
      "Sum of weights in the weighted_cluster must be greater than 0.",
    ],
  ];
  for (const [path, json, envoyText] of cases) {
    test(envoyText, () => {
      const { spec, problems } = parse(json);
      expect(spec).toBeNull();
      expect(problems.map((problem) => [problem.path, problem.envoyText])).toEqual([[path, envoyText]]);
    });
  }
});

test("a field that would change a response is refused, another is a warning", () => {
  const { spec, problems } = parse(
    withRoute({ match: { prefix: "/" }, route: { cluster: "c", retryPolicyTypedConfig: {}, flushTimeout: "1s" } }),
  );
  expect(spec).toBeNull();
  expect(problems.map((problem) => [problem.severity, problem.path])).toEqual([
    ["warning", "virtual_hosts[0].routes[0].route.flush_timeout"],
    ["error", "virtual_hosts[0].routes[0].route.retry_policy_typed_config"],
  ]);
});

test("the Spec is plain data and names its clusters", () => {
  const { spec } = parse(
    withRoute({
      match: { path: "/" },
      route: {
        weightedClusters: {
          clusters: [
            { name: "a", weight: 1 },
            { name: "b", weight: 1 },
          ],
        },
        timeout: "0s",
      },
    }),
  );
  expect(structuredClone(spec)).toEqual(spec);
  expect(spec === null ? [] : clusterNames(spec).map((found) => found.name)).toEqual(["a", "b"]);
});
