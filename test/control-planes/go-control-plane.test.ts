import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// A control plane on go-control-plane's own cache and server drives Nuncio in each variant of the protocol.

const backend = backendOfFile((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));

describe.each(modes)("$name", ({ isAds, apiType, server }) => {
  test("many snapshots under load, one that is refused, a restart of the control plane", {
    timeout: 60_000,
  }, async (context) => {
    const program = requirePeer("go-control-plane", context);
    const api = apiSource(apiType);
    const resources = new TestResources(() => resourceSource(isAds, api));
    const [port = 0, otherPort = 0] = await freePorts(2);
    let plane = new ControlPlane(program, server);
    const planePort = await plane.port;
    const all = (version: string, clusters: string[], listeners: [string, number][], timeout = "1s") => [
      ...resources.clusters(clusters, timeout),
      ...resources.endpoints(backend.port),
      ...resources.listeners(listeners),
      ...resources.routes(version, "app"),
    ];
    plane.send("1", all("1", ["app"], [["main", port]]));
    const nuncio = await startNuncio({
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
    expect(await ask(port)).toBe("a 1");

    const load = new Load(port, { keepAlive: 6, newConnection: 2 });
    for (let i = 2; i <= 20; i++) {
      plane.send(String(i), all(String(i), i % 2 === 0 ? ["app"] : ["app", `other-${i}`], [["main", port]], `${i}s`));
      await until(async () => (await ask(port)) === `a ${i}`);
    }
    plane.send(
      "21",
      all(
        "21",
        ["app"],
        [
          ["main", port],
          ["other", otherPort],
        ],
      ),
    );
    await until(async () => (await ask(otherPort)) === "a 21");
    plane.send("22", all("22", ["app"], [["main", port]]));
    await until(async () => (await ask(otherPort)) === "");

    // A bad cluster: told in the NACK, and the rest of the snapshot goes on.
    plane.send("23", all("23", ["app"], [["main", port]], "-1s"));
    await until(async () => plane.of("Cluster").some(({ error }) => error !== undefined));
    expect(plane.of("Cluster").find(({ error }) => error !== undefined)?.error).toMatch(
      /^Error adding\/updating cluster\(s\) app: connect_timeout: /,
    );
    expect(await nuncio.stat("cluster_manager.cds.update_rejected")).toBeGreaterThan(0);
    plane.send("24", all("24", ["app"], [["main", port]]));
    await until(async () => (await ask(port)) === "a 24");
    await load.stop();
    expect(load.sum("failed")).toBe(0);
    expect(load.sum("refused")).toBe(0);

    // Acknowledged: nonce given back, no error. The node is told once a stream (the server itself fills it in for state of the world).
    expect(plane.of("Listener").filter(({ nonce, error }) => nonce && error === undefined).length).toBeGreaterThan(0);
    const withNode = plane.seen.filter(({ node }) => node !== undefined && node !== "").length;
    if (isAds && apiType === "DELTA_GRPC") expect(withNode).toBe(1);

    await plane.stop();
    expect(await ask(port)).toBe("a 24");
    plane = new ControlPlane(program, server, `127.0.0.1:${planePort}`);
    plane.send("25", all("25", ["app"], [["main", port]]));
    await until(async () => (await ask(port)) === "a 25");
    await until(async () => plane.of("Cluster").length > 0);
    if (apiType === "DELTA_GRPC") expect(plane.of("Cluster")[0]?.known).toBe(1);
    expect(await nuncio.stat(`${isAds ? "" : "cluster_manager.cds."}control_plane.connected_state`)).toBe(1);
    expect(await nuncio.stat("server.worker_crashes")).toBe(0);
    await nuncio.stop();
    await plane.stop();
  });
});
