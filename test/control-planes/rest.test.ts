import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { ask, ControlPlane, restCluster, until } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// go-control-plane's REST gateway, polled by Nuncio and by real Envoy.

const backend = backendOfFile((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));

/** What each program posted first for each thing, without what is the program's own. */
const firstPosts: Record<string, Record<string, object>> = {};

describe.each(["nuncio", "envoy"] as const)("%s", (program) => {
  test("polls: many snapshots under load, one that is refused, a restart of the control plane", {
    timeout: 120_000,
  }, async (context) => {
    const planeProgram = requirePeer("go-control-plane", context);
    const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
    let plane = new ControlPlane(planeProgram, "rest");
    const planePort = await plane.port;
    const [port = 0] = await freePorts(1);
    const api = {
      api_type: "REST",
      transport_api_version: "V3",
      cluster_names: ["xds"],
      refresh_delay: "0.1s",
      request_timeout: "5s",
    };
    const resources = new TestResources(() => ({ api_config_source: api, resource_api_version: "V3" }));
    const all = (version: string, manager = {}) => [
      ...resources.clusters(["app", "app2"]),
      ...resources.endpoints(backend.port),
      ...resources.listeners([["main", port]], "rest", [], manager),
      ...resources.routes(version, "app"),
    ];
    plane.send("1", all("1"));
    const proxy = await startNuncio({
      backendPort: 0,
      args: ["--concurrency", "2", "--service-zone", "z"],
      ...(binary === undefined ? {} : { binary }),
      bootstrap: {
        node: {
          id: "nuncio",
          cluster: "test",
          metadata: { a: { b: [1, "x", null, true] } },
          locality: { region: "r" },
          client_features: ["a.b"],
        },
        static_resources: { clusters: [restCluster(planePort)] },
        dynamic_resources: resources.bootstrap(0).dynamic_resources as object,
      },
    });
    expect(await ask(port)).toBe("a 1");
    const load = new Load(port, { keepAlive: 6, newConnection: 2 });
    for (let i = 2; i <= 10; i++) {
      plane.send(String(i), all(String(i)));
      await until(async () => (await ask(port)) === `a ${i}`);
    }
    plane.send("11", all("11", { stat_prefix: "" }));
    await until(async () => (await proxy.stat("listener_manager.lds.update_rejected")) > 0);
    await until(async () => (await ask(port)) === "a 11");
    // The version of what is in force is asked with, not that of what was refused.
    await until(async () => plane.posts.filter(isListeners).at(-1)?.body.version_info !== "11");
    plane.send("12", all("12"));
    await until(async () => (await ask(port)) === "a 12");
    await until(async () => plane.posts.filter(isListeners).at(-1)?.body.version_info === "12");
    const failures = await proxy.stat("cluster_manager.cds.update_failure");
    firstPosts[program] = Object.fromEntries(
      plane.posts
        .toReversed()
        .filter(({ body }) => !("version_info" in body))
        .map((post) => {
          const { extensions: _e, user_agent_build_version: _v, ...node } = post.body.node as Record<string, unknown>;
          const { "Content-Length": _l, ...headers } = post.headers;
          return [
            `${post.posted} ${post.body.resource_names ?? ""}`,
            { ...post, headers, body: { ...post.body, node } },
          ];
        }),
    );
    await plane.stop();
    await until(async () => (await proxy.stat("cluster_manager.cds.update_failure")) > failures);
    expect(await ask(port)).toBe("a 12");
    plane = new ControlPlane(planeProgram, "rest", `127.0.0.1:${planePort}`);
    plane.send("13", all("13"));
    await until(async () => (await ask(port)) === "a 13");
    await load.stop();
    expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
    if (program === "nuncio") expect(await proxy.stat("server.worker_crashes")).toBe(0);
    await proxy.stop();
    await plane.stop();
  });
});

test("asks as Envoy asks", (context) => {
  const { nuncio, envoy } = firstPosts;
  if (envoy === undefined) context.skip("Envoy did not run");
  expect(Object.keys(envoy ?? {}).toSorted()).toEqual([
    "/v3/discovery:clusters ",
    "/v3/discovery:endpoints service",
    "/v3/discovery:listeners ",
    "/v3/discovery:routes routes",
  ]);
  expect(nuncio).toEqual(envoy);
});

function isListeners({ posted }: { posted: string }): boolean {
  return posted === "/v3/discovery:listeners";
}
