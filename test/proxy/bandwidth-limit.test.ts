import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, startNuncio } from "./nuncio.ts";

test("bodies go no faster than the limit, both ways, what waits is bounded, and all of it comes", async () => {
  let produced = 0;
  let received = 0;
  const server = createServer(async (request, response) => {
    response.on("error", () => {});
    for await (const bytes of request) received += bytes.length;
    for (; produced < 64 * mib && !response.destroyed; produced += piece.length)
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
    manager: { http_filters: [limit, router] },
  });
  running.push(nuncio);
  const before = nuncio.rssMib();
  const started = performance.now();
  const request = httpRequest({ port: nuncio.port, host: "127.0.0.1", method: "POST" });
  request.end(Buffer.alloc(3 * mib));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  // The bucket begins full, with one second's worth.
  expect(performance.now() - started).toBeGreaterThan(1500);
  expect(received).toBe(3 * mib);
  let got = 0;
  response.on("data", (bytes) => (got += bytes.length));
  response.on("error", () => {});
  const from = performance.now();
  while (got < mib) await sleep(20);
  expect((got / (performance.now() - from)) * 1000).toBeLessThan(2.5 * mib);
  expect(produced).toBeLessThan(32 * mib);
  expect(nuncio.rssMib() - before).toBeLessThan(48);
  request.on("error", () => {});
  request.destroy();
  while ((await nuncio.stat("x.http_bandwidth_limit.response_pending")) !== 0) await sleep(20);
}, 60_000);

const limit = {
  name: "b",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
    stat_prefix: "x",
    enable_mode: "REQUEST_AND_RESPONSE",
    limit_kbps: 1024,
  },
};
const router = {
  name: "r",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
};
const mib = 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, "nuncio ");
const running: Nuncio[] = [];
const cleanups: (() => void)[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const cleanup of cleanups.splice(0)) cleanup();
});
