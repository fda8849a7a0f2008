import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { freePorts, type ProxyProcess, startProxy } from "./differential/process.ts";
import { requirePeer } from "./peers.ts";
import { act, requestHeader, tree } from "./xds-matchers.ts";

// `nuncio route-check`: the tests of examples/route-check, which real Envoy's routes obey, and the words of Envoy's router check tool.

const repository = join(import.meta.dirname, "..");
const routesFile = join(repository, "examples/route-check/routes.yaml");
const testsFile = join(repository, "examples/route-check/tests.yaml");
const folder = mkdtempSync(join(tmpdir(), "nuncio-route-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Assert {
  cluster_name?: string;
  path_rewrite?: string;
  host_rewrite?: string;
  path_redirect?: string;
  code_redirect?: number;
  virtual_cluster_name?: string;
}
interface Item {
  test_name: string;
  input: { authority: string; path: string; method: string; ssl?: boolean; runtime?: string; random_value?: number };
  validate: Assert;
}
const { tests } = parse(readFileSync(testsFile, "utf8")) as { tests: Item[] };

test("the example: all pass, all fields are covered", () => {
  const run = check("-c", routesFile, "-t", testsFile, "-d", "--covall", "-f", "100");
  expect(run).toEqual({
    status: 0,
    stdout: [...tests.map((item) => item.test_name), "Current route coverage: 100%", ""].join("\n"),
    stderr: "",
  });
});

describe("what the example says is what real Envoy does", () => {
  let backend: Server;
  let envoy: ProxyProcess | null = null;
  let port = 0;

  beforeAll(async () => {
    backend = createServer((message, response) => {
      response.end(JSON.stringify({ path: message.url, headers: message.headers }));
    });
    backend.listen(0, "127.0.0.1");
    await once(backend, "listening");
  });
  afterAll(async () => {
    await envoy?.stop();
    backend.close();
  });

  // What a draw decides is left out.
  const certain = tests.filter(({ input }) => input.random_value === undefined && input.runtime === undefined);
  test.for(certain)("$test_name", async ({ input, validate }, context) => {
    if (envoy === null) {
      const [own = 0, adminPort = 0] = await freePorts(2);
      const command = requirePeer("envoy", context);
      envoy = await startProxy(command, bootstrap(own, adminPort, backend), adminPort, folder, "envoy");
      port = own;
    }
    const scheme = input.ssl === true ? "https" : "http";
    const headers = { host: input.authority, "x-forwarded-proto": scheme };
    const sent = request({ host: "127.0.0.1", port, path: input.path, method: input.method, headers, agent: false });
    const [response] = (await once(sent.end(), "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of response.setEncoding("utf8")) body += chunk;
    if (validate.path_rewrite === undefined) {
      expect(response.statusCode).toBe(validate.code_redirect);
      if (response.statusCode !== 200) expect(response.headers.location).toBe(validate.path_redirect);
      return;
    }
    const seen = JSON.parse(body) as { path: string; headers: Record<string, string> };
    expect([seen.path, seen.headers.host]).toEqual([validate.path_rewrite, validate.host_rewrite]);
    expect(response.headers["x-cluster"]).toBe(validate.cluster_name);
  });
});

const words: Record<string, { validate: string; says: string[] }> = {
  names: {
    validate: "{ cluster_name: web, virtual_host_name: other, path_rewrite: /a, host_rewrite: h }",
    says: [
      "expected: [web], actual: [cart], test type: cluster_name",
      "expected: [other], actual: [shop], test type: virtual_host_name",
      "expected: [/a], actual: [/v2/cart], test type: path_rewrite",
      "expected: [h], actual: [cart.internal], test type: host_rewrite",
    ],
  },
  redirect: {
    validate: "{ path_redirect: /x, code_redirect: 301, timeout: 5s }",
    says: [
      "expected: [/x], actual: [], test type: path_redirect",
      "expected: [301], actual: [0], test type: code_redirect",
      "expected: [5s], actual: [3s], test type: timeout",
    ],
  },
  "header matchers": {
    validate: `
        request_header_matches:
          - { name: x-envoy-original-path, string_match: { exact: /cart }, invert_match: true }
          - { name: x-none, string_match: { prefix: a } }
          - { name: x-none, present_match: true }
          - { name: ":path", range_match: { start: "1", end: "2" } }
        response_header_matches: [{ name: x-gone, present_match: true }]
        response_header_fields: [{ key: x, value: z }]`,
    says: [
      "expected: [x-envoy-original-path: /cart], actual: NOT [x-envoy-original-path: /cart], test type: request_header_matches.string_match.exact",
      "actual: [x-none: NULL], test type: request_header_matches.string_match.prefix",
      "expected: [has(x-none):true], actual: [has(x-none):false], test type: request_header_matches.present_match",
      "actual: [:path: /v2/cart], test type: request_header_matches.range_match",
      "expected: [has(x-gone):true], actual: [has(x-gone):false], test type: response_header_matches.present_match",
      "expected: [z], actual: [], test type: response_header_fields",
    ],
  },
};

test.each(Object.entries(words))("failures in the words of Envoy's tool: %s", (name, { validate, says }) => {
  const input = "{ authority: shop.example, path: /cart, method: GET }";
  const passing = `{ test_name: fine, input: ${input}, validate: { cluster_name: cart } }`;
  const text = `tests:\n  - ${passing}\n  - test_name: ${name}\n    input: ${input}\n    validate: ${validate}\n`;
  const file = write(`${name}.yaml`, text);
  const stderr = `${[name, ...says].join("\n")}\n`;
  expect(check("-c", routesFile, "-t", file, "--only-show-failures")).toEqual({ status: 1, stdout: "", stderr });
  expect(check("-c", routesFile, "-t", file, "--details")).toEqual({ status: 1, stdout: "fine\n", stderr });
  expect(check("-c", routesFile, "-t", file)).toEqual({ status: 1, stdout: "", stderr: "" });
});

test("coverage: the share of routes, of their fields, what is missing, a threshold", () => {
  const file = write(
    "few.pb_text",
    `tests { test_name: "a" input { authority: "shop.example" path: "/cart" method: "GET" } validate { cluster_name { value: "cart" } path_rewrite { value: "/v2/cart" } } }`,
  );
  expect(check("-c", routesFile, "-t", file, "--detailed-coverage", "--fail-under", "15")).toEqual({
    status: 1,
    stdout: [
      ...["-1", "-2", "-3", "-4"].map((name) => `Missing test for host: shop, route name: ${name}`),
      "Missing test for host: rest, route name: everything-5",
      "Current route coverage: 14.2857%",
      "",
    ].join("\n"),
    stderr: "Failed to meet coverage requirement: 15%\n",
  });
  const all = check("-c", routesFile, "-t", file, "--covall");
  expect(all.stdout).toContain('Missing test for host: rest, route: prefix: "/"\n');
  expect(all.stdout).toContain("Current route coverage: 5.71429%\n");
});

test("the routes of a matcher are counted and named", () => {
  const to = (prefix: string, cluster: string) => ({ match: { prefix }, route: { cluster } });
  const host = (name: string, more: object) => ({ name, domains: [`${name}.example`], ...more });
  const routes = write(
    "matcher.json",
    JSON.stringify({
      virtual_hosts: [
        host("tree", {
          matcher: {
            ...tree(requestHeader("x-a"), "prefix", {
              "a.b": act("envoy.config.route.v3.Route", to("/a", "a")),
              c: act("envoy.config.route.v3.RouteList", { routes: [to("/c", "c"), to("/d", "d")] }),
            }),
            on_no_match: act("envoy.config.route.v3.Route", to("/e", "e")),
          },
        }),
        host("plain", { routes: [to("/p", "p"), to("/", "q")] }),
      ],
    }),
  );
  const input = (host: string, path: string) => ({
    authority: `${host}.example`,
    path,
    method: "GET",
    additional_request_headers: [{ key: "x-a", value: "c" }],
  });
  const tests = write(
    "matcher-tests.json",
    JSON.stringify({
      tests: [
        { test_name: "of the list", input: input("tree", "/d"), validate: { cluster_name: "d" } },
        { test_name: "plain", input: input("plain", "/x"), validate: { cluster_name: "q" } },
      ],
    }),
  );
  const names = ["a", "c", "e"].map((path) => `Missing test for host: tree, route: prefix: "/${path}"`);
  expect(check("-c", routes, "-t", tests, "--covall").stdout).toBe(
    // One of five fields of two of six routes.
    [...names, 'Missing test for host: plain, route: prefix: "/p"', "Current route coverage: 6.66667%", ""].join("\n"),
  );
  expect(check("-c", routes, "-t", tests).stdout).toBe("Current route coverage: 33.3333%\n");
});

test("dynamic metadata, response fields and a host that is not there", () => {
  const routes = write(
    "metadata.yaml",
    `virtual_hosts:
  - name: v
    domains: [v.example]
    routes:
      - match: { prefix: /, dynamic_metadata: [{ filter: f, path: [{ key: k }], value: { string_match: { exact: x } } }] }
        route: { cluster: found }
      - match: { prefix: / }
        response_headers_to_remove: [x-b]
        route: { cluster: lost }
`,
  );
  const tests = write(
    "metadata-tests.json",
    JSON.stringify({
      tests: [
        {
          test_name: "metadata",
          input: {
            authority: "v.example",
            path: "/",
            method: "GET",
            dynamic_metadata: [
              { metadata_namespace: "f", value: { k: "old" } },
              { metadata_namespace: "f", value: { k: "x" }, allow_overwrite: true },
              { metadata_namespace: "f", value: { k: "y" } },
            ],
          },
          validate: { cluster_name: "found" },
        },
        {
          testName: "response",
          input: {
            authority: "v.example",
            path: "/",
            method: "GET",
            additional_request_headers: [{ key: "X-A", value: "1" }],
            additional_response_headers: [
              { key: "x-b", value: "1" },
              { key: "x-c", value: "2" },
            ],
          },
          validate: {
            clusterName: "lost",
            request_header_matches: [{ name: "x-a", exact_match: "1" }],
            response_header_matches: [
              { name: "x-b", present_match: true, invert_match: true },
              { name: "x-c", string_match: { exact: "2" } },
            ],
          },
        },
        {
          test_name: "none",
          input: { authority: "w.example", path: "/", method: "GET" },
          validate: { cluster_name: "", virtual_host_name: "", path_redirect: "", path_rewrite: "", code_redirect: 0 },
        },
      ],
    }),
  );
  const run = check("-c", routes, "-t", tests, "--disable-deprecation-check", "-d");
  expect(run).toEqual({ status: 0, stdout: "metadata\nresponse\nnone\nCurrent route coverage: 100%\n", stderr: "" });
});

test("faults of files and flags", () => {
  const badTests = write(
    "bad.yaml",
    "tests:\n  - test_name: a\n    input: { authority: a, path: / }\n    validate: { cluster: a }\n",
  );
  expect(check("-c", routesFile, "-t", badTests).stderr).toMatch(
    /^the tests of .*bad\.yaml:\nbad\.yaml:3:\d+: tests\[0\]\.input\.method: .*\n(.*\n)*bad\.yaml:4:\d+: tests\[0\]\.validate\.cluster: no such field\. Did you mean "cluster_name"\?/,
  );
  expect(check("-c", testsFile, "-t", testsFile)).toMatchObject({ status: 1, stdout: "" });
  expect(check("-c", testsFile, "-t", testsFile).stderr).toContain("tests.yaml:1:1: tests: no such field");
  expect(check("-c", routesFile)).toEqual({
    status: 1,
    stdout: "",
    stderr: "error: Both --config-path/c and --test-path/t are mandatory\n",
  });
  expect(check("--nonsense").stderr).toBe("error: route-check has no --nonsense\n");
  expect(check("-f", "many").stderr).toContain("takes a number of percent");
  expect(check("-o", "x").stderr).toContain("is not implemented in Nuncio");
});

function check(...args: string[]) {
  const options = { cwd: folder, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(join(repository, "bin/nuncio"), ["route-check", ...args], options);
  return { status, stdout, stderr };
}

function write(name: string, text: string): string {
  const file = join(folder, name.replaceAll(" ", "-"));
  writeFileSync(file, text);
  return file;
}

/** The example's routes in front of one backend that is all of their clusters. */
function bootstrap(port: number, adminPort: number, backend: Server): object {
  const address = (port_value: number) => ({ socket_address: { address: "127.0.0.1", port_value } });
  const routes = parse(readFileSync(routesFile, "utf8")) as object;
  const type = "type.googleapis.com/envoy.extensions.filters";
  const { port: backendPort } = backend.address() as AddressInfo;
  const names = ["cart", "orders-trial", "orders-blue", "orders-green", "web"];
  return {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        {
          address: address(port),
          filter_chains: [
            {
              filters: [
                {
                  name: "hcm",
                  typed_config: {
                    "@type": `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
                    stat_prefix: "in",
                    route_config: {
                      ...routes,
                      response_headers_to_add: [{ header: { key: "x-cluster", value: "%UPSTREAM_CLUSTER%" } }],
                    },
                    http_filters: [{ name: "router", typed_config: { "@type": `${type}.http.router.v3.Router` } }],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: names.map((name) => ({
        name,
        type: "STATIC",
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backendPort) } }] }],
        },
      })),
    },
  };
}
