import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// What streams say of the node, and what becomes of them when go-control-plane lets no connection grow old, with Nuncio and real Envoy.

const backend = backendOfFile((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));

const programs = ["nuncio", "envoy"] as const;

describe.each(modes.flatMap((mode) => programs.map((program) => ({ ...mode, program }))))(
  "$program: $name",
  ({ isAds, apiType, server, program }) => {
    test("connections that end at an age of 200 ms lose no update", { timeout: 120_000 }, async (context) => {
      const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
      const plane = new ControlPlane(requirePeer("go-control-plane", context), server, undefined, "0s", [
        "",
        "",
        "500ms",
      ]);
      const api = { ...apiSource(apiType), set_node_on_first_message_only: false };
      const resources = new TestResources(() => resourceSource(isAds, api));
      const [port = 0] = await freePorts(1);
      const all = (version: string) => [
        ...resources.clusters(["app"], `${version}s`),
        ...resources.endpoints(backend.port),
        ...resources.listeners([["main", port]]),
        ...resources.routes(version, "app"),
      ];
      plane.send("1", all("1"));
      const proxy = await startNuncio({
        backendPort: 0,
        args: ["--concurrency", "2"],
        ...(binary === undefined ? {} : { binary }),
        bootstrap: {
          node: { id: "nuncio", cluster: "test" },
          static_resources: { clusters: [xdsCluster(await plane.port)] },
          dynamic_resources: {
            ...(resources.bootstrap(0).dynamic_resources as object),
            ...(isAds ? { ads_config: api } : {}),
          },
        },
      });
      expect(await ask(port)).toBe("a 1");
      const load = new Load(port, { keepAlive: 4, newConnection: 2 });
      const streams = plane.streams.length;
      for (let i = 2; plane.streams.length < 3 * streams; i++) {
        plane.send(String(i), all(String(i)));
        await until(async () => (await ask(port)) === `a ${i}`);
      }
      await load.stop();
      expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
      expect(plane.seen.filter(({ error }) => error !== undefined)).toEqual([]);
      // set_node_on_first_message_only: false
      expect(plane.seen.filter(({ node }) => node !== "nuncio")).toEqual([]);
      if (program === "nuncio") expect(await proxy.stat("server.worker_crashes")).toBe(0);
      await proxy.stop();
      await plane.stop();
    });
  },
);
