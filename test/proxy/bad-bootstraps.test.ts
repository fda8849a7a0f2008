import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";

/** The mistakes people make, each one change to a good bootstrap: what Nuncio says, and that real Envoy refuses it too. */
interface Mistake {
  name: string;
  /** `from` stands once in the good text. */
  edit: { from: string; to: string };
  /** On stderr, in this order. */
  says: string[];
  /** Why Envoy takes it. */
  envoyTakesIt?: string;
}

const good = `static_resources:
  listeners:
    - name: http
      address:
        socket_address: { address: 127.0.0.1, port_value: 10000 }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { safe_regex: { regex: "/a.*" } }
                          route: { cluster: app }
                        - match: { prefix: / }
                          route: { cluster: app, timeout: 5s }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: app
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: app
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8080 } } }
`;

const hcm = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const mistakes: Mistake[] = [
  {
    name: "a field misspelt",
    edit: { from: "  listeners:", to: "  listenerz:" },
    says: ["bad.yaml:2:3: static_resources.listenerz: no such field", 'Did you mean "listeners"?'],
  },
  {
    name: "a value of the wrong type",
    edit: { from: "port_value: 10000", to: "port_value: http" },
    says: ["bad.yaml:5:", "static_resources.listeners[0].address.socket_address.port_value"],
  },
  {
    name: "a cluster that is not there",
    edit: { from: "route: { cluster: app, timeout: 5s }", to: "route: { cluster: apps, timeout: 5s }" },
    says: ["bad.yaml:20:", 'there is no cluster "apps". Did you mean "app"?', "unknown cluster 'apps'"],
  },
  {
    name: "a duration without a unit",
    edit: { from: "timeout: 5s", to: "timeout: 5" },
    says: ["bad.yaml:20:", `${hcm}.route_config.virtual_hosts[0].routes[1].route.timeout`, "5s"],
  },
  {
    name: "two virtual hosts for everything",
    edit: {
      from: "                http_filters:",
      to: '                    - { name: again, domains: ["*"] }\n                http_filters:',
    },
    says: ["bad.yaml:21:", "Only a single wildcard domain is permitted"],
  },
  {
    name: "no router filter at the end",
    edit: {
      from: '"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n',
      to: '"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n                      max_request_bytes: 10\n',
    },
    says: ["bad.yaml:22:", `${hcm}.http_filters`, "router"],
  },
  {
    name: "a tab in the indentation",
    edit: { from: "    - name: app\n", to: "\t- name: app\n" },
    says: ["bad.yaml:26:1", "Tabs are not allowed"],
  },
  {
    name: "a regular expression that is none",
    edit: { from: 'regex: "/a.*"', to: 'regex: "/(a.*"' },
    says: ["bad.yaml:17:", `${hcm}.route_config.virtual_hosts[0].routes[0].match.safe_regex`, "missing )"],
  },
  {
    name: "a value out of range",
    edit: { from: "port_value: 8080", to: "port_value: 80800" },
    says: ["bad.yaml:33:", "clusters[0].load_assignment.endpoints[0].lb_endpoints[0]", "65535"],
  },
  {
    name: "an extension of no known type",
    edit: {
      from: "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
      to: "type.googleapis.com/envoy.extensions.filters.http.rooter.v3.Router",
    },
    says: ["bad.yaml:24:", "envoy.extensions.filters.http.rooter.v3.Router"],
  },
  {
    name: "a required field left out",
    edit: { from: "                stat_prefix: http\n", to: "" },
    says: [`${hcm}.stat_prefix`, "length must be at least 1"],
  },
  {
    name: "three mistakes at once",
    edit: {
      from: "      type: STATIC\n      connect_timeout: 1s\n",
      to: "      typ: STATIC\n      connect_timeout: soon\n      lb_policy: ROUND\n",
    },
    says: ["clusters[0].typ:", "clusters[0].connect_timeout:", "clusters[0].lb_policy:"],
  },
];

const folder = mkdtempSync(join(tmpdir(), "nuncio-bad-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the text without a mistake is good", () => {
  writeFileSync(join(folder, "good.yaml"), good);
  const run = nuncio("good.yaml", ["--mode", "validate"]);
  expect([run.status, run.stdout, run.stderr]).toEqual([0, "configuration 'good.yaml' OK\n", ""]);
});

describe.each(mistakes)("$name", ({ edit, says, envoyTakesIt }) => {
  const parts = good.split(edit.from);
  const text = parts.join(edit.to);

  test("is refused with its place and reason", () => {
    expect(parts).toHaveLength(2);
    writeFileSync(join(folder, "bad.yaml"), text);
    const run = nuncio("bad.yaml", ["--mode", "validate"]);
    expect([run.status, run.stdout]).toEqual([1, ""]);
    expect(run.stderr).toContain("error initializing configuration 'bad.yaml':\n");
    let at = 0;
    for (const words of says) {
      expect(run.stderr.slice(at)).toContain(words);
      at = run.stderr.indexOf(words, at);
    }
    if (process.env.SHOW_BAD_BOOTSTRAPS) console.log(run.stderr);
  });

  test("is refused by Envoy", (context) => {
    const envoy = requirePeer("envoy", context);
    writeFileSync(join(folder, "envoy.yaml"), text);
    const run = spawnSync(envoy, ["-c", "envoy.yaml", "--mode", "validate", "-l", "error"], { cwd: folder });
    expect(run.status === 0).toBe(envoyTakesIt !== undefined);
  });
});

test("a start with a bad bootstrap ends with the same words and exit code 1", () => {
  writeFileSync(join(folder, "bad.yaml"), good.replace("listeners:", "listenerz:"));
  const run = nuncio("bad.yaml", []);
  expect(run.status).toBe(1);
  expect(run.stderr).toContain("bad.yaml:2:3: static_resources.listenerz: no such field");
});

function nuncio(file: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
  const binary = fileURLToPath(new URL("../../bin/nuncio", import.meta.url));
  return spawnSync(binary, ["-c", file, ...args], { cwd: folder, encoding: "utf8", timeout: 20_000 });
}
