import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { type Mistake, sourceMistakes } from "./source-mistakes.ts";

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
node: { id: here, cluster: test }
`;

const routeLines = `                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { safe_regex: { regex: "/a.*" } }
                          route: { cluster: app }
                        - match: { prefix: / }
                          route: { cluster: app, timeout: 5s }
`;

/** scoped_routes in place of the routes. */
function scopedRoutes(extractor: string, scope: string): { from: string; to: string } {
  const list = `scoped_route_configurations_list: { scoped_route_configurations: [{ name: a, key: { fragments: [{ string_key: a }] }, ${scope} }] }`;
  const builder = `scope_key_builder: { fragments: [{ header_value_extractor: { name: x, ${extractor} } }] }`;
  return { from: routeLines, to: `                scoped_routes: { name: s, ${builder}, ${list} }\n` };
}

/** A cluster's transport socket with this in its common_tls_context. */
function upstreamTls(common: string): string {
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  return `transport_socket: { name: tls, typed_config: { "@type": ${type}, common_tls_context: { ${common} } } }`;
}

const hcm = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const mistakes: Mistake[] = [
  {
    name: "a secret that is not in the bootstrap",
    edit: {
      from: "connect_timeout: 1s",
      to: `connect_timeout: 1s\n      ${upstreamTls("validation_context_sds_secret_config: { name: ca }")}`,
    },
    says: [
      'common_tls_context.validation_context_sds_secret_config.name: there is no secret "ca" in static_resources.secrets, and no sds_config to get it from',
    ],
    envoySays: "Unknown static certificate validation context: ca",
  },
  {
    name: "a file of secrets that is not there",
    edit: {
      from: "connect_timeout: 1s",
      to: `connect_timeout: 1s\n      ${upstreamTls("tls_certificate_sds_secret_configs: [{ name: a, sds_config: { path_config_source: { path: /no/such.yaml } } }]")}`,
    },
    says: ['sds_config.path_config_source.path: there is no file "/no/such.yaml"'],
    envoySays: "paths must refer to an existing path in the system: '/no/such.yaml' does not exist",
  },
  {
    name: "two admin layers of the runtime",
    edit: {
      from: "static_resources:",
      to: "layered_runtime: { layers: [{ name: a, admin_layer: {} }, { name: b, admin_layer: {} }] }\nstatic_resources:",
    },
    says: ["layered_runtime.layers[1].admin_layer: a second admin layer"],
    envoySays: "Too many admin layers specified in LayeredRuntime, at most one may be specified",
  },
  {
    name: "two runtime layers of one name",
    edit: {
      from: "static_resources:",
      to: "layered_runtime: { layers: [{ name: a, admin_layer: {} }, { name: a, static_layer: {} }] }\nstatic_resources:",
    },
    says: ['layered_runtime.layers[1].name: a second layer is called "a"'],
    envoySays: "Duplicate layer name: a",
  },
  {
    name: "a list as a runtime value",
    edit: {
      from: "static_resources:",
      to: "layered_runtime: { layers: [{ name: a, static_layer: { b: { c: [1] } } }] }\nstatic_resources:",
    },
    says: ["layered_runtime.layers[0].static_layer.b.c: a runtime value is a number"],
    envoySays: "Invalid runtime entry value for b.c",
  },
  {
    name: "a runtime folder that cannot be watched",
    edit: {
      from: "static_resources:",
      to: "layered_runtime: { layers: [{ name: a, disk_layer: { symlink_root: /no/such/link } }] }\nstatic_resources:",
    },
    says: ["layered_runtime.layers[0].disk_layer.symlink_root: there is no folder /no/such"],
    envoySays: "unable to add filesystem watch for file /no/such/link: No such file or directory",
  },
  {
    name: "a filter by ECDS of a type that is not there",
    edit: {
      from: 'typed_config:\n                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n',
      to: "config_discovery: { config_source: { path_config_source: { path: /dev/null } }, type_urls: [type.googleapis.com/envoy.extensions.filters.http.x.v3.Y] }\n",
    },
    says: ["config_discovery.type_urls[0]: the filter envoy.extensions.filters.http.x.v3.Y is not implemented"],
    envoySays: "Error: no factory found for a required type URL envoy.extensions.filters.http.x.v3.Y.",
  },
  {
    name: "a default of a filter that is to apply at once and is not there",
    edit: {
      from: 'typed_config:\n                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n',
      to: "config_discovery: { config_source: { path_config_source: { path: /dev/null } }, apply_default_config_without_warming: true, type_urls: [type.googleapis.com/envoy.extensions.filters.http.router.v3.Router] }\n",
    },
    says: ["config_discovery.apply_default_config_without_warming: there is no default_config to apply"],
    envoySays: "Error: filter config envoy.filters.http.router applied without warming but has no default config.",
  },
  {
    name: "a default of a filter of a type that may not come",
    edit: {
      from: 'typed_config:\n                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n',
      to: 'config_discovery: { config_source: { path_config_source: { path: /dev/null } }, default_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors }, type_urls: [type.googleapis.com/envoy.extensions.filters.http.router.v3.Router] }\n',
    },
    says: [
      "is a envoy.extensions.filters.http.cors.v3.Cors; type_urls allow envoy.extensions.filters.http.router.v3.Router",
    ],
    envoySays:
      "Error: filter config has type URL envoy.extensions.filters.http.cors.v3.Cors but expect envoy.extensions.filters.http.router.v3.Router.",
  },
  {
    name: "an element of a value that is not split",
    edit: scopedRoutes("index: 1", "route_configuration: { name: a }"),
    says: ["bad.yaml:12:", "scoped_routes.scope_key_builder.fragments[0].header_value_extractor.index"],
    envoySays: "Index > 0 for empty string element separator.",
  },
  {
    name: "a part of a scope's key that is not said",
    edit: scopedRoutes('element_separator: ","', "route_configuration: { name: a }"),
    says: [
      "scoped_routes.scope_key_builder.fragments[0].header_value_extractor: says not which part of the value counts",
    ],
    envoySays: "HeaderValueExtractor extract_type not set.",
  },
  {
    name: "a scope of a list with routes by RDS",
    edit: scopedRoutes("index: 0", "route_configuration_name: a"),
    says: ["scoped_routes.scoped_route_configurations_list.scoped_route_configurations[0].route_configuration_name"],
    envoySays: "Fetching routes via RDS (route_configuration_name) is not supported with inline scoped routes.",
  },
  ...sourceMistakes,
  {
    name: "a field misspelt",
    edit: { from: "  listeners:", to: "  listenerz:" },
    says: ["bad.yaml:2:3: static_resources.listenerz: no such field", 'Did you mean "listeners"?'],
    envoySays: "no such field: 'listenerz') has unknown fields",
  },
  {
    name: "a value of the wrong type",
    edit: { from: "port_value: 10000", to: "port_value: http" },
    says: ["bad.yaml:5:", "static_resources.listeners[0].address.socket_address.port_value"],
    envoySays: "static_resources.listeners[0].address.socket_address.port_value",
  },
  {
    name: "a cluster that is not there",
    edit: { from: "route: { cluster: app, timeout: 5s }", to: "route: { cluster: apps, timeout: 5s }" },
    says: ["bad.yaml:20:", 'there is no cluster "apps". Did you mean "app"?', "unknown cluster 'apps'"],
    envoySays: "route: unknown cluster 'apps'",
  },
  {
    name: "a duration without a unit",
    edit: { from: "timeout: 5s", to: "timeout: 5" },
    says: ["bad.yaml:20:", `${hcm}.route_config.virtual_hosts[0].routes[1].route.timeout`, "5s"],
    envoySays: "message google.protobuf.Duration",
  },
  {
    name: "two virtual hosts for everything",
    edit: {
      from: "                http_filters:",
      to: '                    - { name: again, domains: ["*"] }\n                http_filters:',
    },
    says: ["bad.yaml:21:48:", 'a virtual host before has the domain "*" already'],
    envoySays: "Only a single wildcard domain is permitted in route",
  },
  {
    name: "no router filter at the end",
    edit: {
      from: '"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n',
      to: '"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n                      max_request_bytes: 10\n',
    },
    says: ["bad.yaml:22:", `${hcm}.http_filters`, "router"],
    envoySays: "Error: non-terminal filter named envoy.filters.http.router of type envoy.",
  },
  {
    name: "a tab in the indentation",
    edit: { from: "    - name: app\n", to: "\t- name: app\n" },
    says: ["bad.yaml:26:1: YAML: a tab in the indentation; it takes blanks only"],
    envoySays: null,
  },
  {
    name: "a regular expression that is none",
    edit: { from: 'regex: "/a.*"', to: 'regex: "/(a.*"' },
    says: ["bad.yaml:17:", `${hcm}.route_config.virtual_hosts[0].routes[0].match.safe_regex`, "missing )"],
    envoySays: "missing ): /(a.*",
  },
  {
    name: "a value out of range",
    edit: { from: "port_value: 8080", to: "port_value: 80800" },
    says: ["bad.yaml:33:", "clusters[0].load_assignment.endpoints[0].lb_endpoints[0]", "65535, found 80800"],
    envoySays: "caused by SocketAddressValidationError.PortValue: value must be less than or equal to 65535",
  },
  {
    name: "an extension of no known type",
    edit: {
      from: "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
      to: "type.googleapis.com/envoy.extensions.filters.http.rooter.v3.Router",
    },
    says: ["bad.yaml:24:", "envoy.extensions.filters.http.rooter.v3.Router"],
    envoySays: "could not find @type 'type.googleapis.com/envoy.extensions.filters.http.rooter.v3.Router'",
  },
  {
    name: "a required field left out",
    edit: { from: "                stat_prefix: http\n", to: "" },
    says: [`${hcm}.stat_prefix`, "length must be at least 1"],
    envoySays: "HttpConnectionManagerValidationError.StatPrefix: value length must be at least 1 characters",
  },
  {
    name: "three mistakes at once",
    edit: {
      from: "      type: STATIC\n      connect_timeout: 1s\n",
      to: "      typ: STATIC\n      connect_timeout: soon\n      lb_policy: ROUND\n",
    },
    says: ["clusters[0].typ:", "clusters[0].connect_timeout:", "clusters[0].lb_policy:"],
    envoySays: "static_resources.clusters[0].connect_timeout: message google.protobuf.Duration",
  },
  {
    name: "one address twice",
    edit: {
      from: "  clusters:\n",
      to: `    - name: again
      address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: again
                route_config: {}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
`,
    },
    says: ["bad.yaml:26:7: static_resources.listeners[1].address", '127.0.0.1:10000 is an address of listener "http"'],
    envoySays: "error adding listener: 'again' has duplicate address '127.0.0.1:10000' as existing listener",
  },
  {
    name: "one cluster name twice",
    edit: { from: "  clusters:\n", to: "  clusters:\n    - { name: app, type: STATIC, connect_timeout: 1s }\n" },
    says: ["bad.yaml:27:7: static_resources.clusters[1].name", 'a second cluster is called "app"'],
    envoySays: "cluster manager: duplicate cluster 'app'",
  },
  {
    name: "a filter behind the router",
    edit: {
      from: "                http_filters:\n",
      to: `                http_filters:
                  - name: first
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`,
    },
    says: ["bad.yaml:22:21:", `${hcm}.http_filters[0]: the router filter must be the last of the chain`],
    envoySays:
      "terminal filter named first of type envoy.filters.http.router must be the last filter in a http filter chain",
  },
  {
    name: "a line indented too little",
    edit: { from: "      type: STATIC\n", to: "     type: STATIC\n" },
    says: ["bad.yaml:27:6: YAML: this line is indented less than", 'in "type: STATIC"'],
    envoySays: null,
  },
  {
    name: "a line indented too far",
    edit: { from: "      connect_timeout: 1s\n", to: "        connect_timeout: 1s\n" },
    says: ["bad.yaml:27:13: YAML: the value here goes on in the line below", 'in "type: STATIC"'],
    envoySays: null,
  },
  {
    name: "a colon left out",
    edit: { from: "stat_prefix: http", to: "stat_prefix http" },
    says: ["bad.yaml:11:17: YAML:", 'is the ":" missing', 'in "stat_prefix http"'],
    envoySays: null,
  },
  {
    name: "a wildcard without quotes",
    edit: { from: 'domains: ["*"]', to: "domains: [*]" },
    says: ["bad.yaml:15:33: YAML:", 'a value that begins with "*" needs quotes'],
    envoySays: null,
  },
  {
    name: "half a field's name",
    edit: { from: "port_value: 8080", to: "port: 8080" },
    says: ["bad.yaml:33:78:", "socket_address.port: no such field", 'Did you mean "port_value"?'],
    envoySays: "no such field: 'port') has unknown fields",
  },
  {
    name: "a type of Envoy's API before v3",
    edit: {
      from: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      to: "envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager",
    },
    says: ["bad.yaml:10:17:", "there is no message type", "http_connection_manager.v3.HttpConnectionManager"],
    envoySays: "could not find @type",
  },
];

const folder = realpathSync(mkdtempSync(join(tmpdir(), "nuncio-bad-")));
afterAll(() => rmSync(folder, { recursive: true }));

test("the text without a mistake is good", async () => {
  writeFileSync(join(folder, "good.yaml"), good);
  const run = await nuncio("good.yaml", ["--mode", "validate"]);
  expect([run.status, run.stdout, run.stderr]).toEqual([0, "configuration 'good.yaml' OK\n", ""]);
});

describe.each(mistakes)("$name", ({ edit, says, envoySays }) => {
  const parts = good.split(edit.from);
  const text = parts.join(edit.to);

  test("is refused with its place and reason, validated or started", async () => {
    expect(parts).toHaveLength(2);
    writeFileSync(join(folder, "bad.yaml"), text);
    const [validated, started] = await Promise.all([
      nuncio("bad.yaml", ["--mode", "validate"]),
      nuncio("bad.yaml", []),
    ]);
    if (process.env.SHOW_BAD_BOOTSTRAPS) console.log(validated.stderr);
    expect([validated.status, validated.stdout]).toEqual([1, ""]);
    expect(started).toEqual(validated);
    expect(validated.stderr).toContain("error initializing configuration 'bad.yaml':\n");
    let at = 0;
    for (const words of says) {
      expect(validated.stderr.slice(at)).toContain(words);
      at = validated.stderr.indexOf(words, at);
    }
    if (envoySays !== null) expect(validated.stderr).toContain(envoySays);
  });

  test("is refused by Envoy, in the words that Nuncio has too", (context) => {
    const envoy = requirePeer("envoy", context);
    writeFileSync(join(folder, "envoy.yaml"), text);
    const args = ["-c", "envoy.yaml", "--mode", "validate", "-l", "critical"];
    const run = spawnSync(envoy, args, { cwd: folder, encoding: "utf8" });
    expect(run.status).toBe(1);
    // Some of its sentences hold blanks by chance, so that nobody counts on them.
    expect(run.stderr.replace(/\s+/g, " ")).toContain(envoySays ?? "yaml-cpp: error at line");
  });
});

test("no filter at all is taken, as Envoy takes it, but said", async () => {
  const router = good.slice(good.indexOf("                http_filters:"), good.indexOf("  clusters:"));
  writeFileSync(join(folder, "bad.yaml"), good.replace(router, ""));
  const run = await nuncio("bad.yaml", ["--mode", "validate"]);
  expect([run.status, run.stdout]).toEqual([0, "configuration 'bad.yaml' OK\n"]);
  expect(run.stderr).toContain("bad.yaml:9:15: warning: ");
  expect(run.stderr).toContain("http_filters: is empty");
});

test("a file that is not there is told with the folder that was looked in", async () => {
  const run = await nuncio("nothing.yaml", []);
  expect(run.status).toBe(1);
  expect(run.stderr).toContain(`there is no file nothing.yaml in ${folder}`);
  expect(run.stderr).toContain("Invalid path: nothing.yaml");
});

async function nuncio(
  file: string,
  args: string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(binary, ["-c", file, ...args], { cwd: folder, timeout: 20_000 });
  const status = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  return { status: await status, stdout, stderr };
}

const binary = fileURLToPath(new URL("../../bin/nuncio", import.meta.url));
