import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect, type TestContext, test } from "vitest";
import { Authority } from "../proxy/certificates.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { tlsSocket } from "../proxy/sides.ts";

// What one worker without TLS cannot show of filters in front of the connection manager.

const network = "type.googleapis.com/envoy.extensions.filters.network.";
const limit = (max_connections: number) => ({
  name: "limit",
  typed_config: { "@type": `${network}connection_limit.v3.ConnectionLimit`, stat_prefix: "most", max_connections },
});
const rate = (max_tokens: number) => ({
  name: "rate",
  typed_config: {
    "@type": `${network}local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: "rate",
    token_bucket: { max_tokens, fill_interval: "1000s" },
  },
});

test("three workers let as many connections in as the limit says, and others once those have gone", async (context) => {
  const proxy = await start(context, { networkFilters: [limit(7)], args: ["--concurrency", "3"] });
  const first = await openMany(proxy, 40);
  expect(first.filter((socket) => !socket.closed)).toHaveLength(7);
  await expect.poll(() => proxy.stat("connection_limit.most.active_connections")).toBe(7);
  await expect.poll(() => proxy.stat("connection_limit.most.limited_connections")).toBe(33);
  for (const socket of first) socket.destroy();
  await expect.poll(() => proxy.stat("connection_limit.most.active_connections")).toBe(0);
  expect((await openMany(proxy, 5)).filter((socket) => !socket.closed)).toHaveLength(5);
});

test("what a worker had that died may be had again, and no more", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-network-"));
  context.onTestFinished(() => rmSync(folder, { recursive: true }));
  const faultFile = join(folder, "fault");
  const env = {
    NODE_OPTIONS: `--import=${new URL("../proxy/fault.mjs", import.meta.url).href}`,
    FAULT_FILE: faultFile,
  };
  const proxy = await start(context, { networkFilters: [limit(16)], args: ["--concurrency", "2"], env });
  const first = await openMany(proxy, 50);
  expect(first.filter((socket) => !socket.closed)).toHaveLength(16);
  writeFileSync(`${faultFile}.done`, "");
  writeFileSync(faultFile, "");
  await expect.poll(() => proxy.stat("server.worker_crashes"), { timeout: 10_000 }).toBe(1);
  await expect.poll(() => proxy.stat("server.concurrency")).toBe(2);
  // The worker in its place may come a little later.
  const then: Socket[] = [];
  const there = () => [...first, ...then].filter((socket) => !socket.closed).length;
  await expect
    .poll(
      async () => {
        then.push(...(await openMany(proxy, 10)));
        return there();
      },
      { timeout: 10_000 },
    )
    .toBe(16);
  then.push(...(await openMany(proxy, 30)));
  expect(there()).toBe(16);
  expect(first.filter((socket) => !socket.closed).length).toBeLessThan(16);
  await expect.poll(() => proxy.stat("connection_limit.most.active_connections")).toBe(16);
  for (const socket of [...first, ...then]) socket.destroy();
});

test("three workers share one bucket for connections", async (context) => {
  const proxy = await start(context, { networkFilters: [rate(9)], args: ["--concurrency", "3"] });
  expect((await openMany(proxy, 40)).filter((socket) => !socket.closed)).toHaveLength(9);
  await expect.poll(() => proxy.stat("local_rate_limit.rate.rate_limited")).toBe(31);
});

test("a TLS connection is counted until it ends, and one too many never gets a handshake", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-network-"));
  context.onTestFinished(() => rmSync(folder, { recursive: true }));
  const { cert, key } = new Authority(folder).issue("server", "DNS:server.example");
  const transportSocket = tlsSocket("Downstream", {
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
    },
  });
  const proxy = await start(context, { networkFilters: [limit(1)], transportSocket, args: ["--concurrency", "1"] });
  for (let round = 0; round < 3; round++) {
    const first = connectTls({ port: proxy.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(first, "secureConnect");
    const second = connectTls({ port: proxy.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(second, "error");
    first.destroy();
    await expect.poll(() => proxy.stat("connection_limit.most.active_connections")).toBe(0);
  }
  await expect.poll(() => proxy.stat("connection_limit.most.limited_connections")).toBe(3);
  await expect.poll(() => proxy.stat("http.in.downstream_cx_ssl_active")).toBe(0);
});

async function start(context: TestContext, options: Partial<Parameters<typeof startNuncio>[0]>): Promise<Nuncio> {
  const proxy = await startNuncio({ backendPort: 1, ...options });
  context.onTestFinished(() => proxy.stop());
  return proxy;
}

/** Connections that have been let in or closed: those that stay are asked for an answer. */
async function openMany(proxy: Nuncio, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(proxy.port, "127.0.0.1").on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      await new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
      return socket;
    }),
  );
}
