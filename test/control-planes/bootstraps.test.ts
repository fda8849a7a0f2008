import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../bench/certificate.ts";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { type BootstrapPlaces, contourBootstrap, istioBootstrap, kumaBootstrap } from "./bootstraps.ts";
import { ask, ControlPlane, until } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

// The bootstraps that Contour, Kuma and Istio write, with go-control-plane in their places, to Nuncio and to real Envoy.

const backend = createServer((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));
let backendPort = 0;
const folder = mkdtempSync(join(tmpdir(), "nuncio-planes-"));
const tls = makeCertificate(folder);

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  backendPort = (backend.address() as AddressInfo).port;
});
afterAll(() => {
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true });
});

const ads = { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" };
const contourSource = {
  api_config_source: {
    api_type: "GRPC",
    transport_api_version: "V3",
    grpc_services: [{ envoy_grpc: { cluster_name: "contour", authority: "contour" } }],
  },
  resource_api_version: "V3",
};
const planes = [
  {
    name: "Contour",
    bootstrap: contourBootstrap,
    server: "per-type",
    source: contourSource,
    tls: [],
    hasSocket: false,
    metadata: { ":authority": ["contour"] },
  },
  {
    name: "Kuma",
    bootstrap: kumaBootstrap,
    server: "ads",
    source: ads,
    tls: [tls.chain, tls.key],
    hasSocket: false,
    metadata: { authorization: ["a.dataplane.token"] },
  },
  {
    name: "Istio",
    bootstrap: istioBootstrap,
    server: "ads",
    source: ads,
    tls: [],
    hasSocket: true,
    metadata: { ":authority": ["xds-grpc"] },
  },
] as const;

describe.each(planes.flatMap((plane) => (["nuncio", "envoy"] as const).map((program) => ({ ...plane, program }))))(
  "$name: $program",
  (plane) => {
    test("comes up, takes config and changes of it", { timeout: 120_000 }, async (context) => {
      const binary =
        plane.program === "envoy" ? requirePeer("envoy", context) : join(import.meta.dirname, "../../bin/nuncio");
      const home = mkdtempSync(join(folder, "plane-"));
      const socket = join(home, "XDS");
      const server = new ControlPlane(
        requirePeer("go-control-plane", context),
        plane.server,
        plane.hasSocket ? socket : "127.0.0.1:0",
        "0s",
        plane.tls,
      );
      const [port = 0, adminPort = 0] = await freePorts(2);
      const places: BootstrapPlaces = {
        adminPort,
        planePort: await server.port,
        socket,
        folder: home,
        ca: readFileSync(tls.chain, "utf8"),
      };
      const resources = new TestResources(() => plane.source);
      const all = (version: string): Resource[] => [
        ...resources.clusters(["app"]),
        ...resources.endpoints(backendPort),
        ...resources.listeners([["main", port]]),
        ...resources.routes(version, "app"),
        {
          "@type": "type.googleapis.com/envoy.service.runtime.v3.Runtime",
          name: "dynamic",
          layer: { "a.key": version },
        },
      ];
      server.send("1", all("1"));
      const file = join(home, "bootstrap.json");
      writeFileSync(file, JSON.stringify(plane.bootstrap(places)));
      const child = spawn(binary, ["-c", file, "--disable-hot-restart", "--concurrency", "1"], { stdio: "ignore" });
      await until(async () => (await ask(port)) === "a 1");
      server.send("2", all("2"));
      await until(async () => (await ask(port)) === "a 2");
      expect(server.streams[0]?.metadata).toMatchObject(plane.metadata);
      expect(server.seen.every(({ error }) => error === undefined)).toBe(true);
      // Contour's admin interface is a Unix socket; its runtime comes by RTDS, below what operators set.
      if (plane.name === "Contour")
        await until(async () =>
          (await overSocket(join(home, "admin.sock"), "/runtime")).includes('"final_value": "2"'),
        );
      if (plane.name === "Istio") {
        const metrics = await (
          await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus?filter=cluster.xds-grpc`)
        ).text();
        expect(metrics).toContain('envoy_cluster_upstream_cx_total{cluster_name="xds-grpc"} 1\n');
      }
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      await server.stop();
    });
  },
);

function overSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(body));
    }).on("error", reject);
  });
}
