import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

// Scopes (SRDS) and their routes from go-control-plane. Envoy answers some of these requests with 404, for as long as it takes anew the routes of a
// scope that changes; test/proxy/scoped-routes.test.ts has what the two have in common.

const backend = backendOfFile((request, response) => response.end(String(request.headers["x-routes"] ?? "-")));

describe.each(modes)("$name", ({ isAds, apiType, server }) => {
  test("thirty snapshots of scopes under load, and a restart of the control plane", {
    timeout: 120_000,
  }, async (context) => {
    const planeProgram = requirePeer("go-control-plane", context);
    const api = apiSource(apiType);
    const source = resourceSource(isAds, api);
    const resources = new TestResources(() => source);
    const [port = 0] = await freePorts(1);
    let plane = new ControlPlane(planeProgram, server);
    const planePort = await plane.port;
    const scoped = {
      rds: undefined,
      scoped_routes: {
        name: "scopes",
        scope_key_builder: { fragments: [{ header_value_extractor: { name: ":authority", index: 0 } }] },
        rds_config_source: source,
        scoped_rds: { scoped_rds_config_source: source },
      },
    };
    // The load's host "a" changes its routes with each snapshot; a scope comes and goes, and so do routes.
    const all = (i: number) => [
      ...resources.clusters(["app"]),
      ...resources.endpoints(backend.port),
      ...resources.listeners([["main", port]], "main", [], scoped),
      scope("steady", "a", `routes-${i % 4}`),
      scope("moving", `host-${i}`, `routes-${(i + 1) % 4}`),
      ...[i % 4, (i + 1) % 4].map((name) => routes(`routes-${name}`)),
    ];
    plane.send("0", all(0));
    const proxy = await startNuncio({
      backendPort: 0,
      args: ["--concurrency", "2"],
      bootstrap: {
        node: { id: "nuncio", cluster: "test" },
        static_resources: { clusters: [xdsCluster(planePort)] },
        dynamic_resources: {
          ...(resources.bootstrap(0).dynamic_resources as object),
          ...(isAds ? { ads_config: api } : {}),
        },
      },
    });
    const answers = (i: number) =>
      Promise.all(["a", `host-${i}`, `host-${i - 1}`].map((host) => ask(port, "/", { host })));
    const expected = (i: number) => [`routes-${i % 4}`, `routes-${(i + 1) % 4}`, "404"].join();
    // All was there before the first connection was taken.
    expect((await answers(0)).join()).toBe(expected(0));

    const load = new Load(port, { keepAlive: 6, newConnection: 2 });
    for (let i = 1; i <= 30; i++) {
      plane.send(String(i), all(i));
      await until(async () => (await answers(i)).join() === expected(i));
    }
    await load.stop();
    expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);

    await plane.stop();
    expect((await answers(30)).join()).toBe(expected(30));
    plane = new ControlPlane(planeProgram, server, `127.0.0.1:${planePort}`);
    plane.send("31", all(31));
    await until(async () => (await answers(31)).join() === expected(31));
    expect(await proxy.stat("http.in.scoped_rds.scopes.all_scopes")).toBe(2);
    expect(await proxy.stat("http.in.scoped_rds.scopes.update_rejected")).toBe(0);
    expect(await proxy.stat("http.in.scoped_rds.scopes.config_reload")).toBe(32);
    expect(await proxy.stat("server.worker_crashes")).toBe(0);
    await proxy.stop();
    await plane.stop();
  });
});

function scope(name: string, host: string, routeConfig: string): Resource {
  return {
    "@type": "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
    name,
    route_configuration_name: routeConfig,
    key: { fragments: [{ string_key: host }] },
  };
}

/** Requests get the name in x-routes. */
function routes(name: string): Resource {
  return {
    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    name,
    request_headers_to_add: [{ header: { key: "x-routes", value: name } }],
    virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "app" } }] }],
  };
}
