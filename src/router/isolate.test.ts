import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RouteConfigurationSchema } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../proto/problems.ts";
import { isolateFaults } from "./isolate.ts";

const app = { route: { cluster: "app" } };
const refused = { directResponse: { status: 500 } };
const host = (...matches: JsonObject[]) => ({
  name: "a",
  domains: ["a.example", "*.a.example"],
  routes: matches.map((match) => ({ match, ...app })),
});
const everything: JsonObject[] = [
  { match: { prefix: "/" }, ...refused },
  { match: { connectMatcher: {} }, ...refused },
];

const cases: { name: string; hosts: JsonObject[]; faults: string[]; expected: JsonValue[] | null }[] = [
  {
    name: "a route whose action is at fault answers what it matched",
    hosts: [host({ prefix: "/a", headers: [{ name: "x", presentMatch: true }] }, { prefix: "/" })],
    faults: ["virtual_hosts[0].routes[0].route.prefix_rewrite"],
    expected: [
      {
        ...host(),
        routes: [
          { match: { prefix: "/a", headers: [{ name: "x", presentMatch: true }] }, ...refused },
          { match: { prefix: "/" }, ...app },
        ],
      },
    ],
  },
  {
    name: "a condition that is at fault is left out: the route answers more than it would have",
    hosts: [
      host({
        path: "/a",
        caseSensitive: false,
        headers: [{ name: "bad" }, { name: "good" }],
        cookies: [{ name: "bad" }],
        queryParameters: [{ name: "good" }],
        grpc: {},
        runtimeFraction: { runtimeKey: "bad" },
      }),
    ],
    faults: [
      "virtual_hosts[0].routes[0].match.headers[0].safe_regex_match",
      "virtual_hosts[0].routes[0].match.cookies[0].string_match",
      "virtual_hosts[0].routes[0].match.runtime_fraction",
    ],
    expected: [
      {
        ...host(),
        routes: [
          {
            match: {
              path: "/a",
              caseSensitive: false,
              headers: [{ name: "good" }],
              queryParameters: [{ name: "good" }],
              grpc: {},
            },
            ...refused,
          },
        ],
      },
    ],
  },
  {
    name: "a path that is at fault: all that comes to the route is answered, what is before it goes on",
    hosts: [host({ prefix: "/a" }, { safeRegex: { regex: "(" } }, { prefix: "/" })],
    faults: ["virtual_hosts[0].routes[1].match.safe_regex.regex"],
    expected: [
      {
        ...host(),
        routes: [
          { match: { prefix: "/a" }, ...app },
          { match: { prefix: "/" }, ...refused },
          { match: { prefix: "/" }, ...app },
        ],
      },
    ],
  },
  {
    name: "a virtual host that is at fault answers for its domains, the others go on",
    hosts: [host({ prefix: "/" }), { ...host({ prefix: "/" }), name: "b" }],
    faults: ["virtual_hosts[1].cors", "virtual_hosts[1].routes[0].route"],
    expected: [host({ prefix: "/" }), { ...host(), name: "b", routes: everything }],
  },
  {
    name: "a domain that is at fault is not served",
    hosts: [host()],
    faults: ["virtual_hosts[0].domains[1]", "virtual_hosts[0].name"],
    expected: [{ name: "a", domains: ["a.example"], routes: everything }],
  },
  {
    name: "a fault outside of the virtual hosts cannot be isolated",
    hosts: [host()],
    faults: ["virtual_hosts[0].name", "internal_only_headers[0]"],
    expected: null,
  },
];
for (const { name, hosts, faults, expected } of cases) {
  test(name, () => {
    const message = fromJson(RouteConfigurationSchema, { name: "routes", virtualHosts: hosts });
    const problems = new Problems();
    for (const path of faults) problems.error(path, "is wrong");
    problems.warning("name", "is odd");
    const isolated = isolateFaults(message, problems.list);
    if (isolated === null) expect(expected).toBe(null);
    else expect(toJson(RouteConfigurationSchema, isolated.message)).toEqual({ name: "routes", virtualHosts: expected });
  });
}
