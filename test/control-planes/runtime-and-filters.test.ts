import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

// Runtime layers (RTDS) and configs of filters (ECDS) from go-control-plane, to Nuncio and to real Envoy.

const backend = backendOfFile((_request, response) => response.end("a"));

const programs = ["nuncio", "envoy"] as const;

describe.each(modes.flatMap((mode) => programs.map((program) => ({ ...mode, program }))))(
  "$program: $name",
  ({ isAds, apiType, server, program }) => {
    test("thirty snapshots under load, a filter that is refused, a restart of the control plane", {
      timeout: 120_000,
    }, async (context) => {
      const planeProgram = requirePeer("go-control-plane", context);
      const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
      const api = apiSource(apiType);
      const source = resourceSource(isAds, api);
      const resources = new TestResources(() => source);
      const [port = 0] = await freePorts(1);
      let plane = new ControlPlane(planeProgram, server);
      const planePort = await plane.port;
      const all = (i: number, filter: Resource = health(`/health-${i}`)) => [
        ...resources.clusters(["app"]),
        ...resources.endpoints(backend.port),
        ...resources.listeners([["main", port]], "main", [discovered(source)]),
        ...resources.routes("1", "app", 1, [byRuntime]),
        runtimeLayer(i),
        filter,
      ];
      plane.send("0", all(0));
      const proxy = await startNuncio({
        backendPort: 0,
        args: ["--concurrency", "2"],
        ...(binary === undefined ? {} : { binary }),
        bootstrap: {
          node: { id: "nuncio", cluster: "test" },
          layered_runtime: { layers: [{ name: "layer", rtds_layer: { name: "dyn", rtds_config: source } }] },
          static_resources: { clusters: [xdsCluster(planePort)] },
          dynamic_resources: {
            ...(resources.bootstrap(0).dynamic_resources as object),
            ...(isAds ? { ads_config: api } : {}),
          },
        },
      });
      // Both were there before the first connection was taken.
      expect([await ask(port, "/share"), await ask(port, "/health-0"), await ask(port)]).toEqual(["503", "", "a"]);

      const load = new Load(port, { keepAlive: 6, newConnection: 2 });
      const isLive = async (i: number) =>
        (await ask(port, `/health-${i}`)) === "" && (await ask(port, "/share")) === (i % 2 === 0 ? "503" : "a");
      for (let i = 1; i <= 30; i++) {
        plane.send(String(i), all(i));
        await until(() => isLive(i));
      }
      // On every worker: each new connection meets one of them.
      expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(port, "/share"))))).toEqual(
        new Set(["503"]),
      );

      plane.send("31", all(31, health(null)));
      await until(async () => plane.of("TypedExtensionConfig").some(({ error }) => error !== undefined));
      expect(plane.of("TypedExtensionConfig").find(({ error }) => error !== undefined)?.error).toMatch(
        /pass_through_mode|PassThroughMode/,
      );
      await until(async () => (await ask(port, "/share")) === "a");
      expect(await ask(port, "/health-30")).toBe("");
      await load.stop();
      expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);

      await plane.stop();
      expect(await isLive(30)).toBe(false);
      plane = new ControlPlane(planeProgram, server, `127.0.0.1:${planePort}`);
      plane.send("32", all(32));
      await until(() => isLive(32));
      expect(await proxy.stat("extension_config_discovery.http_filter.dyn.config_reload")).toBe(32);
      expect(await proxy.stat("runtime.update_success")).toBeGreaterThanOrEqual(32);
      expect(await proxy.stat("runtime.num_keys")).toBe(2);
      await proxy.stop();
      await plane.stop();
    });
  },
);

/** The filter `dyn`, whose config comes from `source`. */
function discovered(source: object): object {
  return { name: "dyn", config_discovery: { config_source: source, type_urls: [healthType] } };
}

/** Answers requests for `path`; null is a config that is refused. */
function health(path: string | null): Resource {
  const match = { headers: [{ name: ":path", string_match: { exact: path } }], pass_through_mode: false };
  return {
    "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
    name: "dyn",
    typed_config: { "@type": healthType, ...(path === null ? {} : match) },
  };
}

/** Every other one turns the route `byRuntime` off. */
function runtimeLayer(i: number): Resource {
  const layer = { share: i % 2 === 0 ? 100 : 0, deep: { number: i } };
  return { "@type": "type.googleapis.com/envoy.service.runtime.v3.Runtime", name: "dyn", layer };
}

const healthType = "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck";
const byRuntime = {
  match: { prefix: "/share", runtime_fraction: { default_value: { numerator: 0 }, runtime_key: "share" } },
  direct_response: { status: 503 },
};
