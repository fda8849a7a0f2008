import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { apiSource, ask, ControlPlane, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// How control planes are reached: what go-control-plane sees of Nuncio's streams and of real Envoy's.

const backend = createServer((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));
let backendPort = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  backendPort = (backend.address() as AddressInfo).port;
});
afterAll(() => {
  backend.closeAllConnections();
  backend.close();
});

test.for([
  { name: "authority and metadata", grpc: { authority: "my.plane" } },
  { name: "without Envoy's own fields", grpc: { skip_envoy_headers: true } },
])("a Unix socket, initial_metadata: $name", { timeout: 60_000 }, async ({ grpc }, context) => {
  const metadata = [
    { key: "authorization", value: "Bearer secret" },
    { key: "X-Upper", value: "not %ENVIRONMENT(HOME)% formatted" },
    { key: "x-twice", value: "1" },
    { key: "x-twice", value: "2" },
    { key: "x-raw", raw_value: "QUJD" },
  ];
  const service = { envoy_grpc: { cluster_name: "xds", ...grpc }, initial_metadata: metadata };
  const seen = [];
  for (const program of ["nuncio", "envoy"] as const) seen.push(await metadataOf(program, service, context));
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[0]?.authorization).toEqual(["Bearer secret"]);
});

/** What a control plane on a Unix socket sees of the stream of a program that it drives. */
async function metadataOf(
  program: "nuncio" | "envoy",
  service: object,
  context: TestContext,
): Promise<Record<string, string[]>> {
  const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
  const folder = await mkdtemp(join(tmpdir(), "nuncio-xds-"));
  const socket = join(folder, "XDS");
  const plane = new ControlPlane(requirePeer("go-control-plane", context), "ads", socket);
  await plane.port;
  const [port = 0] = await freePorts(1);
  const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
  plane.send("1", [
    ...resources.clusters(["app"]),
    ...resources.endpoints(backendPort),
    ...resources.listeners([["main", port]]),
    ...resources.routes("1", "app"),
  ]);
  const proxy = await startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    ...(binary === undefined ? {} : { binary }),
    bootstrap: {
      node: { id: "nuncio", cluster: "test" },
      static_resources: { clusters: [xdsCluster({ pipe: { path: socket } })] },
      dynamic_resources: {
        ...(resources.bootstrap(0).dynamic_resources as object),
        ads_config: { ...apiSource("DELTA_GRPC"), grpc_services: [service] },
      },
    },
  });
  await until(async () => (await ask(port)) === "a 1");
  await proxy.stop();
  await plane.stop();
  await rm(folder, { recursive: true });
  return plane.streams[0]?.metadata ?? {};
}
