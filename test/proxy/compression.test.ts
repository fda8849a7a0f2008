import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, startNuncio } from "./nuncio.ts";

test("a compressed response that is not read stops the backend, memory stays bounded, and it is whole in the end", async () => {
  let produced = 0;
  const total = 256 * mib;
  const server = createServer(async (_request, response) => {
    response.on("error", () => {});
    response.setHeader("content-type", "text/plain");
    for (; produced < total; produced += piece.length)
      if (!response.write(piece)) await once(response, "drain").catch(() => {});
    response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanups.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const nuncio = await startNuncio({
    backendPort: (server.address() as AddressInfo).port,
    args: ["--concurrency", "1"],
    manager: {
      http_filters: [compressor, router],
      route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
    },
  });
  running.push(nuncio);
  const before = nuncio.rssMib();
  const request = httpRequest({ port: nuncio.port, host: "127.0.0.1", headers: { "accept-encoding": "gzip" } });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.headers["content-encoding"]).toBe("gzip");
  response.pause();
  for (let last = -1; last !== produced; await sleep(500)) last = produced;
  expect(produced).toBeLessThan(64 * mib);
  expect(nuncio.rssMib() - before).toBeLessThan(48);
  let received = 0;
  // What ends early fails the test at once.
  const gunzip = createGunzip();
  response.on("error", (error) => gunzip.destroy(error));
  for await (const bytes of response.pipe(gunzip)) received += bytes.length;
  expect(received).toBe(total);
}, 60_000);

const compressor = {
  name: "c",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
    compressor_library: {
      name: "g",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip",
        compression_level: "BEST_SPEED",
      },
    },
  },
};
const router = {
  name: "r",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
};
// A slow machine takes longer than the 15 s that a route gives by itself.
const routes = [{ match: { prefix: "/" }, route: { cluster: "backend", timeout: "0s" } }];
const mib = 1024 * 1024;
const piece = randomBytes(256 * 1024);
const running: Nuncio[] = [];
const cleanups: (() => void)[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const cleanup of cleanups.splice(0)) cleanup();
});
