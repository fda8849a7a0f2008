import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { act, list, requestHeader, tree, valueIs } from "./xds-matchers.ts";

// The command line of `nuncio explain`: what it refuses, and what it prints of large tables.

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const nuncio = join(import.meta.dirname, "../bin/nuncio");
const folder = mkdtempSync(join(tmpdir(), "nuncio-explain-"));
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(nuncio, ["explain", ...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
};

beforeAll(() => {
  const route = (i: number) => ({ match: { path: `/items/${i}/x` }, route: { cluster: "a" } });
  const routes = [
    ...Array.from({ length: 10_000 }, (_, i) => route(i)),
    {
      name: "near",
      match: { prefix: "/items/77", headers: [{ name: "x", present_match: true }] },
      route: { cluster: "a" },
    },
    { name: "all", match: { prefix: "/items" }, route: { cluster: "a" } },
    { name: "late", match: { prefix: "/" }, route: { cluster: "a" } },
  ];
  const listeners = (host: object) =>
    [1, 2].map((n) => ({
      name: `in-${n}`,
      address: { socket_address: { address: "127.0.0.1", port_value: 10_000 + n } },
      filter_chains: [
        {
          filters: [
            {
              name: "hcm",
              typed_config: {
                "@type":
                  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                stat_prefix: "in",
                route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["v.example"], ...host }] },
                http_filters: [
                  {
                    name: "router",
                    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                  },
                ],
              },
            },
          ],
        },
      ],
    }));
  const clusters = [{ name: "a", type: "STATIC", load_assignment: { cluster_name: "a" } }];
  const bootstrap = (host: object) => JSON.stringify({ static_resources: { listeners: listeners(host), clusters } });
  writeFileSync(join(folder, "small.json"), bootstrap({ routes: routes.slice(-3) }));
  writeFileSync(join(folder, "large.json"), bootstrap({ routes }));
  const isOne = valueIs(requestHeader("x"), { exact: "1" });
  const lists = [routes.slice(-3), routes.slice(-2)].map((routes) =>
    act("envoy.config.route.v3.RouteList", { routes }),
  );
  const nested = {
    matcher: tree(requestHeader(":method"), "exact", { GET: lists[0] as Json, "X.Y": lists[1] as Json }),
  };
  writeFileSync(
    join(folder, "tree.json"),
    bootstrap({ matcher: list([{ not_matcher: isOne }, nested], [isOne, lists[1] as Json]) }),
  );
  writeFileSync(join(folder, "bad.yaml"), "static_resources:\n  listenerz: []\n");
});

afterAll(() => rmSync(folder, { recursive: true }));

const url = "GET http://v.example/items/777/y";
const refusals: [name: string, args: string[], stderr: RegExp][] = [
  ["nothing", [], /nuncio explain -c FILE/],
  [
    "no configuration",
    [url],
    /^a configuration is wanted: -c FILE, or --admin HOST:PORT of a running proxy\nnuncio explain --help/,
  ],
  ["no request", ["-c", "small.json"], /^a request is wanted, such as/],
  ["a flag that is not there", ["-x", url], /^explain has no -x\n/],
  ["a flag without its value", [url, "-c"], /^-c lacks its value\n/],
  ["an odd number", ["-c", "small.json", "--random=1", url], /^--random 1: a number from 0 to below 1 is wanted\n/],
  ["a line that is none", ["-c", "small.json", "GET http://a b c"], /^"GET http:\/\/a b c" is no request line/],
  ["another scheme", ["-c", "small.json", "ftp://a/"], /^a URL with ftp:\/\/ is not for this proxy/],
  ["a path without a host", ["-c", "small.json", "/a"], /^"\/a" names no host/],
  ["a header that is none", ["-c", "small.json", "-H", "x", url], /^"x" is no header/],
  [
    "which listener",
    ["-c", "small.json", url],
    /^several listeners could get it: say --listener NAME or --port N; there are "in-1" \(127\.0\.0\.1:10001\), "in-2"/,
  ],
  [
    "a listener that is not there",
    ["-c", "small.json", "--listener", "in1", url],
    /^there is no listener "in1"\. Did you mean "in-1"\?/,
  ],
  ["a port that is not there", ["-c", "small.json", "--port", "9", url], /^no listener has port 9/],
  ["no file", ["-c", "none.yaml", url], /there is no file none\.yaml in /],
  [
    "faults of the config",
    ["-c", "bad.yaml", url],
    /^error initializing configuration 'bad\.yaml':\nbad\.yaml:2:3: static_resources\.listenerz: no such field/,
  ],
];

test.each(refusals)("%s is refused", (_, args, stderr) => {
  const result = run(...args);
  expect(result.stderr).toMatch(stderr);
  expect([result.status, result.stdout]).toEqual([1, ""]);
});

test("of 10,000 routes the nearest are told, and how many are not", () => {
  const { status, stdout } = run("-c", "large.json", "--listener", "in-2", "--routes", "3", url);
  expect(status).toBe(0);
  expect(stdout.slice(stdout.indexOf("routes tried"), stdout.indexOf("\n\nroute "))).toBe(
    [
      "routes tried, of 10003",
      "    9998 more fail and have less in common with the request",
      '  - routes[777] path "/items/777/x": the path is /items/777/y',
      '  - routes[7770] path "/items/7770/x": the path is /items/777/y',
      '  - routes[10000] "near" prefix "/items/77": wants header x present; it is absent',
      '  + routes[10001] "all" prefix "/items": matches',
      "    1 behind it are not tried",
      '    of those routes[10002] "late" prefix "/" would match too',
    ].join("\n"),
  );
  expect(stdout).toContain("the cluster has no endpoints: the answer is 503");
});

test("routes of a matcher are told by their place", () => {
  const nested = "matcher.matcher_list.matchers[0].on_match.matcher.matcher_tree.exact_match_map.map";
  const { status, stdout } = run("-c", "tree.json", "--listener", "in-1", url);
  expect(status).toBe(0);
  expect(stdout).toContain(
    [
      "routes tried, of 7",
      `  - ${nested}["GET"].action.typed_config.routes[0] "near" prefix "/items/77": wants header x present; it is absent`,
      `  + ${nested}["GET"].action.typed_config.routes[1] "all" prefix "/items": matches`,
      "    1 behind it are not tried",
      `    of those ${nested}["GET"].action.typed_config.routes[2] "late" prefix "/" would match too`,
      "",
      `route       "all" virtual_hosts[0].${nested}["GET"].action.typed_config.routes[1]: cluster "a"`,
    ].join("\n"),
  );
  // Each place is that of the route in the file.
  const file = JSON.parse(readFileSync(join(folder, "tree.json"), "utf8"));
  const hosts = file.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config;
  for (const [line, x, name] of [
    [url, "0", "near"],
    [url, "1", "all"],
    [url.replace("GET", "X.Y"), "2", "all"],
    [url.replace("items", "other"), "1", "late"],
  ] as const) {
    const said = JSON.parse(run("-c", "tree.json", "--listener", "in-1", "--json", "-H", `x: ${x}`, line).stdout);
    const steps = [...said.winner.path.matchAll(/\["([^"]*)"\]|\w+/g)].map(([text, key]) => key ?? text);
    const route = steps.reduce((at, step) => at[step], hosts);
    expect([route.name, said.winner.name]).toEqual([name, name]);
  }
  const lint = spawnSync(nuncio, ["routes", "lint", "-c", "tree.json"], { cwd: folder, encoding: "utf8" });
  expect(lint.stdout).toBe("nothing found\n");
});

test("where no route takes it the exit code is 2", () => {
  const { status, stdout } = run("-c", "small.json", "http://other.example:10001/");
  expect(stdout).toContain('answer      404 by the proxy (no virtual host serves "other.example:10001")');
  expect(status).toBe(2);
});

test("for programs it is JSON", () => {
  const { status, stdout } = run("-c", "small.json", "--json", "--port", "10001", "-H", "x: 1", url);
  const said = JSON.parse(stdout);
  expect(status).toBe(0);
  expect(said.winner.name).toBe("near");
  expect(said.virtual_host).toEqual({
    name: "v",
    index: 0,
    host: "v.example",
    domain: "v.example",
    rule: "exact",
    route_count: 3,
  });
  expect(said.upstream.headers).toContainEqual({ name: "x", value: "1" });
  expect(said.winner.timeouts[0]).toEqual({ name: "timeout", ms: 15000, from: "Envoy's default" });
});
