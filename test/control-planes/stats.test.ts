import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// The stats of subscriptions after the same snapshots from go-control-plane, Nuncio's and real Envoy's.

const backend = backendOfFile((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));

const prefixes = ["cluster_manager.cds", "listener_manager.lds", "http.in.rds.routes", "cluster.app", "runtime"];
// Not update_rejected: go-control-plane sends what was refused again and again by state of the world.
const names = ["version", "version_text", "update_success", "init_fetch_timeout"];

describe.each(modes)("$name", ({ isAds, apiType, server }) => {
  test("counts and versions as Envoy has them", { timeout: 120_000 }, async (context) => {
    const seen: Record<string, string>[] = [];
    for (const binary of [undefined, requirePeer("envoy", context)]) {
      const plane = new ControlPlane(requirePeer("go-control-plane", context), server);
      const api = apiSource(apiType);
      const source = resourceSource(isAds, api);
      const resources = new TestResources(() => source);
      const [port = 0] = await freePorts(1);
      const all = (version: string, manager = {}) => [
        ...resources.clusters(["app"]),
        ...resources.endpoints(backend.port),
        ...resources.listeners([["main", port]], "stats", [], manager),
        ...resources.routes(version, "app"),
        { "@type": "type.googleapis.com/envoy.service.runtime.v3.Runtime", name: "dyn", layer: { "a.key": version } },
      ];
      // 32 bytes and more are hashed otherwise than less.
      const long = "the first version, which has a long name ä";
      plane.send(long, all("1"));
      const proxy = await startNuncio({
        backendPort: 0,
        args: ["--concurrency", "1"],
        ...(binary === undefined ? {} : { binary }),
        bootstrap: {
          node: { id: "nuncio", cluster: "test" },
          layered_runtime: { layers: [{ name: "layer", rtds_layer: { name: "dyn", rtds_config: source } }] },
          static_resources: { clusters: [xdsCluster(await plane.port)] },
          dynamic_resources: {
            ...(resources.bootstrap(0).dynamic_resources as object),
            ...(isAds ? { ads_config: api } : {}),
          },
        },
      });
      expect(await ask(port)).toBe("a 1");
      plane.send("2", all("2"));
      await until(async () => (await ask(port)) === "a 2");
      plane.send("3", all("3", { stat_prefix: "" }));
      await until(async () => (await proxy.stat("listener_manager.lds.update_rejected")) > 0);
      await until(async () => (await ask(port)) === "a 3");
      await until(async () => plane.of("Listener").some(({ error }) => error !== undefined));
      await until(async () => (await proxy.stat("runtime.update_success")) === 3);
      seen.push(await statsOf(proxy));
      await plane.stop();
      for (const prefix of prefixes) await until(async () => (await proxy.stat(`${prefix}.update_failure`)) > 0);
      await proxy.stop();
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(Object.keys(seen[0] ?? {})).toHaveLength(prefixes.length * names.length);
  });
});

async function statsOf(proxy: Nuncio): Promise<Record<string, string>> {
  const { body } = await proxy.admin(`/stats?filter=^(${prefixes.join("|")})\\.(${names.join("|")})$`);
  return Object.fromEntries(
    body
      .trim()
      .split("\n")
      .map((line) => line.split(": ") as [string, string]),
  );
}
