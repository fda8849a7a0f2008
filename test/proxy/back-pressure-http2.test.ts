import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { clientPreface } from "../../src/http/h2/frames.ts";
import { frame, get, headers, number, settings } from "../../src/http/h2/h2-recorder.ts";
import { type Nuncio, startNuncio } from "./nuncio.ts";
import { httpOptions } from "./sides.ts";

// HTTP/2 clients that open all windows and then do not read, or read one stream of two: a response of 1 GiB is not kept for them.

const upstreams = [
  { name: "HTTP/1.1", isHttp2: false },
  { name: "HTTP/2", isHttp2: true },
];

test.each(upstreams)("a connection that is not read stops the backend ($name upstream)", async ({ name, isHttp2 }) => {
  const { nuncio, produced } = await start(isHttp2);
  const before = nuncio.rssMib();
  const client = await open(nuncio, 0x7fffffff);
  client.write(headers(1, get("/big")));
  client.pause();
  await settled(produced);
  const stalled = produced();
  const grown = nuncio.rssMib() - before;
  console.log(
    `HTTP/2 client that does not read, ${name} upstream: ${mibOf(stalled)} of 1024 MiB produced, RSS +${grown.toFixed(1)} MiB`,
  );
  expect(stalled).toBeLessThan(64 * mib);
  expect(grown).toBeLessThan(32);
  let read = 0;
  client.on("data", (bytes: Buffer) => (read += bytes.length));
  client.resume();
  await expect.poll(() => read, { timeout: 60_000 }).toBeGreaterThan(stalled + 64 * mib);
  expect(nuncio.rssMib() - before).toBeLessThan(64);
  client.destroy();
});

test.each(upstreams)(
  "a stream without a window stops its request alone ($name upstream)",
  async ({ name, isHttp2 }) => {
    const { nuncio, produced } = await start(isHttp2);
    const before = nuncio.rssMib();
    const client = await open(nuncio, 0);
    let text = "";
    client.on("data", (bytes: Buffer) => (text += bytes.latin1Slice()));
    client.write(headers(1, get("/big")));
    await settled(produced);
    const grown = nuncio.rssMib() - before;
    console.log(
      `HTTP/2 stream of window 0, ${name} upstream: ${mibOf(produced())} of 1024 MiB produced, RSS +${grown.toFixed(1)} MiB`,
    );
    expect(produced()).toBeLessThan(64 * mib);
    expect(grown).toBeLessThan(32);
    client.write(Buffer.concat([headers(3, get("/small")), frame(8, 0, 3, number(1000))]));
    await expect.poll(() => text.includes("the small one"), { timeout: 30_000 }).toBe(true);
    client.destroy();
  },
);

const mib = 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, "nuncio ");
const running: Nuncio[] = [];
const servers: (Server | Http2Server)[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  }
});

interface Answer extends NodeJS.WritableStream {
  destroyed: boolean;
}

async function start(isHttp2: boolean): Promise<{ nuncio: Nuncio; produced: () => number }> {
  let produced = 0;
  const answer = async (path: string | undefined, response: Answer): Promise<void> => {
    response.on("error", () => {});
    if (path === "/small") {
      response.end("the small one");
      return;
    }
    while (produced < 1024 * mib && !response.destroyed) {
      produced += piece.length;
      if (!response.write(piece)) await once(response, "drain").catch(() => {});
    }
    response.end();
  };
  const backend = isHttp2
    ? createHttp2Server((request, response) => void answer(request.url, response.stream))
    : createServer((request, response) => void answer(request.url, response));
  servers.push(backend);
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  const { port } = backend.address() as AddressInfo;
  const http2 = { explicit_http_config: { http2_protocol_options: {} } };
  const cluster = isHttp2 ? { cluster: httpOptions(http2) as Record<string, unknown> } : {};
  const nuncio = await startNuncio({ backendPort: port, args: ["--concurrency", "1"], ...cluster });
  running.push(nuncio);
  return { nuncio, produced: () => produced };
}

/** A connection with all of its own window, and `streamWindow` for each stream. */
async function open(nuncio: Nuncio, streamWindow: number): Promise<Socket> {
  const socket = connect(nuncio.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const window = frame(8, 0, 0, number(0x7fffffff - 65_535));
  socket.write(Buffer.concat([clientPreface, settings([4, streamWindow]), window]));
  return socket;
}

/** Waits until a count has stopped growing. */
async function settled(count: () => number): Promise<void> {
  let last = -1;
  while (count() !== last || last <= 0) {
    last = count();
    await sleep(500);
  }
}

function mibOf(bytes: number): string {
  return (bytes / mib).toFixed(1);
}
