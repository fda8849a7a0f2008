import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { requirePeer } from "../peers.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { until } from "../until.ts";
import { apiSource, ask, ControlPlane, xdsCluster } from "./control-plane.ts";
import { FileSide } from "./file-side.ts";
import { fileText, type Resource, TestResources } from "./test-resources.ts";

// nuncio.isolate_bad_routes: a virtual host or route with a fault is refused alone.

const root = mkdtempSync(join(tmpdir(), "nuncio-isolated-"));
const nuncio = new FileSide("nuncio", candidateCommand, root);
const log = join(root, "access.log");
const backend = createServer((request, response) => response.end(`app ${request.url}`));
let backendPort = 0;
const runtime = {
  layered_runtime: {
    layers: [
      { name: "base", static_layer: { "nuncio.isolate_bad_routes": true } },
      { name: "admin", admin_layer: {} },
    ],
  },
};

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  backendPort = (backend.address() as AddressInfo).port;
  await nuncio.start(backendPort, runtime);
  const type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
  const line = "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %REQ(:AUTHORITY)% %REQ(:PATH)%\n";
  const accessLog = {
    name: "log",
    typed_config: { "@type": type, path: log, log_format: { text_format_source: { inline_string: line } } },
  };
  nuncio.put("lds", nuncio.files.listeners([["main", nuncio.port]], "files", [], { access_log: [accessLog] }));
  await until(async () => (await nuncio.stat("listener_manager.lds.update_success")) === 2);
}, 60_000);
afterAll(async () => {
  await nuncio.stop();
  backend.closeAllConnections();
  backend.close();
  rmSync(root, { recursive: true });
});

const cases = [
  { name: "what stands before a bad route goes on", host: "one", path: "/good", answer: "app /good" },
  { name: "a bad route answers 500", host: "one", path: "/rewritten", answer: "500", details: "refused_route" },
  {
    name: "a route with a bad condition answers 500",
    host: "one",
    path: "/header",
    answer: "500",
    details: "refused_route",
  },
  {
    name: "what comes to a route with a bad path gets 500",
    host: "two",
    path: "/any",
    answer: "500",
    details: "refused_route",
  },
  { name: "but not what stands before it", host: "two", path: "/first", answer: "app /first" },
  { name: "what stands behind a bad route goes on", host: "one", path: "/rest", answer: "app /rest" },
  { name: "a bad virtual host answers 500", host: "three", path: "/", answer: "500", details: "refused_virtual_host" },
  { name: "a good virtual host goes on", host: "four", path: "/", answer: "app /" },
];

test("the good part of an update goes live, the bad one is told", async () => {
  nuncio.put("rds", fileText([routes()]));
  await until(async () => (await nuncio.stat("http.in.rds.routes.update_rejected")) === 1);
  await until(async () => (await ask(nuncio.port, "/good", { host: "one" })) === "app /good");
  const status = await nuncio.admin("/config_status?type=rds");
  expect(status).toMatch(/REFUSED routes at \S+Z; the rest of it serves\n/);
  expect(status.match(/^ {4}(?!Envoy:)\S.*$/gm)?.map((line) => line.trim().split(": ")[0])).toEqual([
    "virtual_hosts[0].routes[1].route.regex_rewrite.pattern.regex",
    "virtual_hosts[0].routes[2].match.headers[0].string_match.safe_regex.regex",
    "virtual_hosts[1].routes[1].match.safe_regex.regex",
    "virtual_hosts[2].require_tls",
  ]);
});

for (const { name, host, path, answer, details } of cases) {
  test(name, async () => {
    expect(await ask(nuncio.port, path, { host })).toBe(answer);
    if (details === undefined) return;
    await until(async () => readFileSync(log, "utf8").includes(`500 ${details} ${host} ${path}\n`));
  });
}

test("the dump shows what is in force and what came", async () => {
  const dump = await nuncio.admin("/config_dump?resource=dynamic_route_configs");
  const { configs } = JSON.parse(dump) as { configs: { route_config: object; error_state: object }[] };
  expect(configs[0]).toMatchObject({
    route_config: { virtual_hosts: [{}, {}, { routes: [{ direct_response: { status: 500 } }, {}] }, {}] },
    error_state: { failed_configuration: { virtual_hosts: [{}, {}, { routes: [{ route: { cluster: "app" } }] }, {}] } },
  });
});

test("a good one ends it; without the key the whole update is refused", async () => {
  nuncio.put("rds", nuncio.files.routes("2", "app"));
  await until(async () => !(await nuncio.admin("/config_status")).includes("REFUSED"));
  await fetch(`http://127.0.0.1:${nuncio.adminPort}/runtime_modify?nuncio.isolate_bad_routes=false`, {
    method: "POST",
  });
  nuncio.put("rds", fileText([routes()]));
  await until(async () => (await nuncio.admin("/config_status")).includes("REFUSED"));
  expect(await ask(nuncio.port, "/rewritten", { host: "one" })).toBe("app /rewritten");
});

test("the NACK names it, each time it is sent", { timeout: 60_000 }, async (context) => {
  const plane = new ControlPlane(requirePeer("go-control-plane", context), "ads");
  const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
  const [port = 0] = await freePorts(1);
  const snapshot = (version: string) =>
    plane.send(version, [
      ...resources.clusters(["app"]),
      ...resources.endpoints(backendPort),
      ...resources.listeners([["main", port]]),
      routes(),
    ]);
  snapshot("1");
  const proxy = await startNuncio({
    backendPort: 0,
    bootstrap: {
      ...runtime,
      node: { id: "nuncio", cluster: "test" },
      static_resources: { clusters: [xdsCluster(await plane.port)] },
      dynamic_resources: {
        ...(resources.bootstrap(0).dynamic_resources as object),
        ads_config: apiSource("GRPC"),
      },
    },
  });
  const nacks = () => plane.of("RouteConfiguration").flatMap(({ error }) => error ?? []);
  await until(async () => nacks().length > 0);
  expect(nacks()[0]).toMatch(
    /^routes: virtual_hosts\[0\]\.routes\[1\]\.route\.regex_rewrite.*\n[\s\S]*\nvirtual_hosts\[2\]\.require_tls: /,
  );
  expect(await ask(port, "/good", { host: "one" })).toBe("app /good");
  const before = nacks().length;
  snapshot("2");
  await until(async () => nacks().length > before);
  expect(await ask(port, "/rest", { host: "one" })).toBe("app /rest");
  await proxy.stop();
  await plane.stop();
});

function routes(): Resource {
  const route = { cluster: "app" };
  const bad = { regex: "(" };
  const rewrite = { pattern: bad, substitution: "" };
  const header = { name: "x", string_match: { safe_regex: bad } };
  const first = { match: { prefix: "/first" }, route };
  return {
    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    name: "routes",
    virtual_hosts: [
      {
        name: "one",
        domains: ["one"],
        routes: [
          { match: { prefix: "/good" }, route },
          { match: { prefix: "/rewritten" }, route: { ...route, regex_rewrite: rewrite } },
          { match: { prefix: "/header", headers: [header] }, route },
          { match: { prefix: "/" }, route },
        ],
      },
      {
        name: "two",
        domains: ["two"],
        routes: [first, { match: { safe_regex: bad }, route }, { match: { prefix: "/" }, route }],
      },
      { name: "three", domains: ["three"], require_tls: 9, routes: [{ match: { prefix: "/" }, route }] },
      { name: "four", domains: ["four"], routes: [{ match: { prefix: "/" }, route }] },
    ],
  };
}
