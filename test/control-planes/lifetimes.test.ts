import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// Times to live, heartbeats and the rate of requests, with go-control-plane, to Nuncio and to real Envoy.

const backend = backendOfFile((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));

const source = (api: object) => () => ({
  api_config_source: api,
  resource_api_version: "V3",
  initial_fetch_timeout: "0s",
});

function start(binary: string | undefined, planePort: number, resources: TestResources, more = {}): Promise<Nuncio> {
  return startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    ...(binary === undefined ? {} : { binary }),
    bootstrap: {
      node: { id: "nuncio", cluster: "test" },
      static_resources: { clusters: [xdsCluster(planePort)] },
      dynamic_resources: { ...(resources.bootstrap(0).dynamic_resources as object), ...more },
    },
  });
}

describe.each(["nuncio", "envoy"] as const)("%s", (program) => {
  test("what is not renewed in time goes, where Envoy lets it go", { timeout: 120_000 }, async (context) => {
    const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
    const plane = new ControlPlane(requirePeer("go-control-plane", context), "per-type");
    const [port = 0, otherPort = 0] = await freePorts(2);
    const resources = new TestResources(source(apiSource("GRPC")));
    const all = (version: string) => [
      ...resources.clusters(["app", "brief"]),
      ...resources.endpoints(backend.port),
      ...resources.listeners([
        ["main", port],
        ["other", otherPort],
      ]),
      ...resources.routes(version, "app"),
    ];
    plane.send("1", all("1"), { brief: "1s", other: "1s", routes: "1s", service: "1s" });
    const proxy = await start(binary, await plane.port, resources);
    await until(async () => (await ask(port)) === "a 1");
    await until(async () => (await proxy.stat("cluster_manager.cluster_removed")) === 1);
    await until(async () => (await ask(otherPort)) === "");
    await until(async () => (await proxy.stat("cluster.app.update_empty")) === 1);
    // Routes and endpoints stay.
    expect(await ask(port)).toBe("a 1");
    // A later version brings them back, now for ever.
    plane.send("2", all("2"));
    await until(async () => (await ask(otherPort)) === "a 2");
    await proxy.stop();
    await plane.stop();
  });

  test("rate_limit_settings: requests wait, and none is lost", { timeout: 120_000 }, async (context) => {
    const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
    const plane = new ControlPlane(requirePeer("go-control-plane", context), "ads");
    const [port = 0] = await freePorts(1);
    const ads = { ...apiSource("DELTA_GRPC"), rate_limit_settings: { max_tokens: 2, fill_rate: 20 } };
    const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
    const all = (version: string, timeout = "1s") => [
      ...resources.clusters(["app"], timeout),
      ...resources.endpoints(backend.port),
      ...resources.listeners([["main", port]]),
      ...resources.routes(version, "app"),
    ];
    plane.send("1", all("1"));
    const proxy = await start(binary, await plane.port, resources, { ads_config: ads });
    for (let i = 2; i <= 12; i++) {
      plane.send(String(i), all(String(i), `${i}s`));
      await until(async () => (await ask(port)) === `a ${i}`);
    }
    if (program === "nuncio") {
      plane.send("13", all("13", "-1s"));
      await until(async () => plane.of("Cluster").some(({ error }) => error !== undefined));
    }
    plane.send("14", all("14", "1s"));
    await until(async () => (await ask(port)) === "a 14");
    // Envoy's gauge stays at what it was when a request last waited.
    if (program === "nuncio") await until(async () => (await proxy.stat("control_plane.pending_requests")) === 0);
    expect(await proxy.stat("control_plane.rate_limit_enforced")).toBeGreaterThan(0);
    await proxy.stop();
    await plane.stop();
  });
});

// Envoy takes a heartbeat of clusters or listeners for all that there is, and removes the rest with each.
test("heartbeats keep what has a time to live, and take nothing away", { timeout: 120_000 }, async (context) => {
  const plane = new ControlPlane(requirePeer("go-control-plane", context), "per-type", "127.0.0.1:0", "0.2s");
  const [port = 0, otherPort = 0] = await freePorts(2);
  const resources = new TestResources(source(apiSource("GRPC")));
  plane.send(
    "1",
    [
      ...resources.clusters(["app", "brief"]),
      ...resources.endpoints(backend.port),
      ...resources.listeners([
        ["main", port],
        ["other", otherPort],
      ]),
      ...resources.routes("1", "app"),
    ],
    { brief: "20s", other: "20s" },
  );
  const proxy = await start(undefined, await plane.port, resources);
  const requests = () => plane.of("Cluster").length;
  const before = requests();
  // Each heartbeat is acknowledged.
  await until(async () => requests() > before + 10);
  expect([await ask(port), await ask(otherPort)]).toEqual(["a 1", "a 1"]);
  expect(await proxy.stat("cluster_manager.cluster_removed")).toBe(0);
  await proxy.stop();
  await plane.stop();
});
