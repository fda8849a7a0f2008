import { spawn } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { ask, restCluster, until } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

// sovereign, a control plane in Python that answers REST from templates, drives Nuncio and real Envoy.

const backend = createServer((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));
let backendPort = 0;
const folder = mkdtempSync(join(tmpdir(), "nuncio-sovereign-"));

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  backendPort = (backend.address() as AddressInfo).port;
});
afterAll(() => {
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true });
});

const api = {
  api_type: "REST",
  transport_api_version: "V3",
  cluster_names: ["xds"],
  refresh_delay: "0.2s",
  request_timeout: "5s",
};
const resources = new TestResources(() => ({
  api_config_source: api,
  resource_api_version: "V3",
  initial_fetch_timeout: "0s",
}));

test.for(["nuncio", "envoy"] as const)(
  "%s: templates, and the data in them changes under load",
  {
    timeout: 180_000,
  },
  async (program, context) => {
    const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
    const sovereign = requirePeer("sovereign", context);
    const [port = 0, planePort = 0] = await freePorts(2);
    const home = mkdtempSync(join(folder, "plane-"));
    const data = (version: string) => {
      writeFileSync(join(home, "data.new"), JSON.stringify([{ version }]));
      renameSync(join(home, "data.new"), join(home, "data.yaml"));
    };
    data("1");
    writeFileSync(
      join(home, "config.yaml"),
      JSON.stringify({
        templates: {
          default: [
            template(home, "clusters", resources.clusters(["app"])),
            template(home, "endpoints", resources.endpoints(backendPort)),
            template(home, "listeners", resources.listeners([["main", port]])),
            template(home, "routes", resources.routes("{{ instances[0].version }}", "app")),
          ],
        },
        sources: [{ type: "file", config: { spec: file(join(home, "data.yaml"), "yaml") } }],
        source_config: { refresh_rate: 1 },
        matching: { enabled: false },
        logging: { access_logs: { enabled: false } },
      }),
    );
    const plane = spawn(sovereign, [], {
      stdio: "ignore",
      env: {
        ...process.env,
        SOVEREIGN_CONFIG: `file://${join(home, "config.yaml")}`,
        SOVEREIGN_HOST: "127.0.0.1",
        SOVEREIGN_PORT: String(planePort),
        SOVEREIGN_WORKERS: "1",
      },
    });
    await until(async () => (await ask(planePort, "/healthcheck")) !== "");
    const proxy = await startNuncio({
      backendPort: 0,
      args: ["--concurrency", "2"],
      ...(binary === undefined ? {} : { binary }),
      bootstrap: {
        node: { id: "nuncio", cluster: "test" },
        static_resources: { clusters: [restCluster(planePort)] },
        dynamic_resources: resources.bootstrap(0).dynamic_resources as object,
      },
    });
    expect(await ask(port)).toBe("a 1");
    const load = new Load(port, { keepAlive: 4, newConnection: 2 });
    for (const version of ["2", "3", "4"]) {
      data(version);
      await until(async () => (await ask(port)) === `a ${version}`);
    }
    await load.stop();
    expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
    // What did not change was answered by 304.
    expect(await proxy.stat("cluster_manager.cds.update_success")).toBe(1);
    expect(await proxy.stat("http.in.rds.routes.update_success")).toBe(4);
    await proxy.stop();
    const gone = new Promise((resolve) => plane.once("exit", resolve));
    plane.kill();
    await gone;
  },
);

function template(home: string, type: string, list: readonly Resource[]): object {
  const path = join(home, `${type}.j2`);
  writeFileSync(path, JSON.stringify({ resources: list }));
  return { type, spec: file(path, "jinja2") };
}

function file(path: string, serialization: string): object {
  return { protocol: "file", serialization, path };
}
