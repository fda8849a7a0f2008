import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { type Nuncio, startNuncio, withoutBindings } from "./nuncio.ts";

describe.each([
  { streams: "Node's inner", nodeFlags: [] },
  { streams: "Node's public", nodeFlags: withoutBindings },
])("by $streams streams", ({ nodeFlags }) => {
  const start = (handler: Handler) => startBetween(handler, nodeFlags);

  test("a client that stops reading stops the backend, and memory stays bounded", async () => {
    let produced = 0;
    const nuncio = await start(async (_request, response) => {
      response.on("error", () => {});
      while (produced < 1024 * mib && !response.destroyed) {
        produced += piece.length;
        if (!response.write(piece)) await once(response, "drain").catch(() => {});
      }
      response.end();
    });
    const before = nuncio.rssMib();
    const request = httpRequest({ port: nuncio.port, host: "127.0.0.1" });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.pause();
    await settled(() => produced);
    // Both sockets' kernel buffers, and the watermark in between.
    expect(produced).toBeLessThan(64 * mib);
    expect(nuncio.rssMib() - before).toBeLessThan(24);
    expect(await nuncio.stat("cluster.backend.upstream_flow_control_paused_reading_total")).toBeGreaterThan(0);
    const stalled = produced;
    response.resume();
    while (produced < stalled + 64 * mib) await sleep(10);
    expect(nuncio.rssMib() - before).toBeLessThan(48);
    request.on("error", () => {});
    request.destroy();
  });

  test("a backend that stops reading stops the client, and memory stays bounded", async () => {
    let release: () => void = () => {};
    const nuncio = await start(async (request, response) => {
      await new Promise<void>((resolve) => (release = resolve));
      let received = 0;
      for await (const bytes of request) received += (bytes as Buffer).length;
      response.end(String(received));
    });
    const before = nuncio.rssMib();
    const request = httpRequest({ port: nuncio.port, host: "127.0.0.1", method: "POST" });
    const total = 512 * mib;
    let sent = 0;
    const upload = (async () => {
      for (; sent < total; sent += piece.length) if (!request.write(piece)) await once(request, "drain");
      request.end();
    })();
    await settled(() => sent);
    expect(sent).toBeLessThan(64 * mib);
    expect(nuncio.rssMib() - before).toBeLessThan(24);
    release();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await upload;
    expect(Buffer.concat(await response.toArray()).toString()).toBe(String(total));
    expect(nuncio.rssMib() - before).toBeLessThan(48);
  });

  test.each(["content-length", "chunked"])("64 MiB go through both ways as they were (%s)", async (framing) => {
    const nuncio = await start((request, response) => {
      const length = request.headers["content-length"];
      if (length !== undefined) response.setHeader("content-length", length);
      request.pipe(response);
    });
    const total = 64 * mib;
    const request = httpRequest({ port: nuncio.port, host: "127.0.0.1", method: "POST" });
    if (framing === "content-length") request.setHeader("content-length", total);
    const sentHash = createHash("sha256");
    const upload = (async () => {
      for (let sent = 0; sent < total; sent += piece.length) {
        const bytes = Buffer.from(piece);
        bytes.writeUInt32LE(sent, 0);
        sentHash.update(bytes);
        if (!request.write(bytes)) await once(request, "drain");
      }
      request.end();
    })();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const received = createHash("sha256");
    let length = 0;
    for await (const bytes of response) {
      received.update(bytes);
      length += bytes.length;
    }
    await upload;
    expect(length).toBe(total);
    expect(received.digest("hex")).toBe(sentHash.digest("hex"));
  });
});

const mib = 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, "nuncio ");
const running: Nuncio[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function startBetween(handler: Handler, nodeFlags: readonly string[]): Promise<Nuncio> {
  const backend = createServer(handler).listen(0, "127.0.0.1");
  servers.push(backend);
  await once(backend, "listening");
  const { port } = backend.address() as AddressInfo;
  const nuncio = await startNuncio({ backendPort: port, args: ["--concurrency", "1"], nodeFlags });
  running.push(nuncio);
  return nuncio;
}

/** Waits until a count has stopped growing. */
async function settled(count: () => number): Promise<void> {
  let last = -1;
  while (count() !== last || last <= 0) {
    last = count();
    await sleep(500);
  }
}
