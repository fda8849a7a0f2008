import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type Nuncio, startNuncio } from "./nuncio.ts";

// Client and server are the `ws` package's: both ends check every frame.

test("text and binary messages of any size pass both ways, in order", async () => {
  const { open } = await start((socket) =>
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  const client = await open();
  const received: Buffer[] = [];
  client.on("message", (data: Buffer) => received.push(data));
  const messages = ["hello", "ünï", "x".repeat(125), "x".repeat(126), "x".repeat(65_535), "x".repeat(1024 * 1024)];
  for (const message of messages) client.send(message);
  const binary = Buffer.alloc(3 * 1024 * 1024, "nuncio");
  client.send(binary);
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(messages.length + 1);
  expect(received.slice(0, -1).map((data) => data.toString())).toEqual(messages);
  expect(received.at(-1)?.equals(binary)).toBe(true);
});

test("ping and pong pass, and so does what the server says first", async () => {
  const { open, sockets } = await start((socket) => socket.send("welcome"));
  const client = await open({ waitForMessage: true });
  client.ping("are you there");
  const [payload] = (await once(client, "pong")) as [Buffer];
  expect(payload.toString()).toBe("are you there");
  sockets[0]?.ping("and you");
  await once(sockets[0] as WebSocket, "pong");
});

test("subprotocol, extension and fields of the handshake pass", async () => {
  const { open, requests } = await start(() => {}, { handleProtocols: () => "v2", perMessageDeflate: true });
  const client = await open({ protocols: ["v1", "v2"], headers: { "x-mine": "1" } });
  expect(client.protocol).toBe("v2");
  expect(client.extensions).toContain("permessage-deflate");
  expect(requests[0]?.headers).toMatchObject({ "x-mine": "1", "sec-websocket-version": "13" });
  client.send("compressed ".repeat(1000));
});

test.each(["client", "server"])("a close by the %s has its code and reason at the other end", async (side) => {
  const { open, sockets } = await start(() => {});
  const client = await open();
  const [closing, other] = side === "client" ? [client, sockets[0] as WebSocket] : [sockets[0] as WebSocket, client];
  const closed = once(other, "close");
  closing.close(4001, "enough");
  const [code, reason] = (await closed) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([4001, "enough"]);
});

test.each(["client", "server"])("when the %s drops its connection, the other's ends", async (side) => {
  const { open, sockets } = await start(() => {});
  const client = await open();
  const [dropping, other] = side === "client" ? [client, sockets[0] as WebSocket] : [sockets[0] as WebSocket, client];
  const closed = once(other, "close");
  dropping.terminate();
  const [code] = (await closed) as [number];
  expect(code).toBe(1006);
});

test("a client that does not read stops the server, and memory stays bounded", async () => {
  const { open, nuncio, sockets } = await start(() => {});
  const client = await open();
  client.pause();
  const before = nuncio.rssMib();
  const server = sockets[0] as WebSocket;
  const piece = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 200; i++) server.send(piece);
  await sleep(1500);
  // What is not in the kernel's buffers still waits at the server.
  expect(server.bufferedAmount).toBeGreaterThan(150 * piece.length);
  expect(nuncio.rssMib() - before).toBeLessThan(24);
  let received = 0;
  const done = new Promise<void>((resolve) => {
    client.on("message", () => {
      if (++received === 200) resolve();
    });
  });
  client.resume();
  await done;
});

test("two hundred at once, all answered, all counted", async () => {
  const { open, nuncio } = await start((socket) => socket.on("message", (data) => socket.send(data)));
  const clients = await Promise.all(Array.from({ length: 200 }, () => open()));
  expect(await nuncio.stat("http.in.downstream_cx_upgrades_active")).toBe(200);
  const answers = clients.map(async (client, index) => {
    client.send(String(index));
    const [data] = (await once(client, "message")) as [Buffer];
    return data.toString();
  });
  expect(await Promise.all(answers)).toEqual(clients.map((_, index) => String(index)));
  const closed = clients.map((client) => once(client, "close"));
  for (const client of clients) client.close();
  await Promise.all(closed);
  await expect.poll(() => nuncio.stat("http.in.downstream_cx_upgrades_active")).toBe(0);
  expect(await nuncio.stat("cluster.backend.upstream_rq_active")).toBe(0);
});

test("a server that refuses the handshake is heard", async () => {
  const { open } = await start(() => {}, { verifyClient: (_info, answer) => answer(false, 401, "no") });
  await expect(open()).rejects.toThrow("Unexpected server response: 401");
});

const running: Nuncio[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface OpenOptions {
  protocols?: string[];
  headers?: Record<string, string>;
  waitForMessage?: boolean;
}

interface Started {
  nuncio: Nuncio;
  /** The server's ends. */
  sockets: WebSocket[];
  requests: { headers: NodeJS.Dict<string | string[]> }[];
  open: (options?: OpenOptions) => Promise<WebSocket>;
}

async function start(
  onSocket: (socket: WebSocket) => void,
  options: ConstructorParameters<typeof WebSocketServer>[0] = {},
): Promise<Started> {
  const backend = createServer().listen(0, "127.0.0.1");
  servers.push(backend);
  await once(backend, "listening");
  const sockets: WebSocket[] = [];
  const requests: Started["requests"] = [];
  new WebSocketServer({ ...options, server: backend }).on("connection", (socket, request) => {
    sockets.push(socket);
    requests.push(request);
    socket.on("error", () => {});
    onSocket(socket);
  });
  const nuncio = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "1"],
    manager: { upgrade_configs: [{ upgrade_type: "websocket" }] },
  });
  running.push(nuncio);
  return {
    nuncio,
    sockets,
    requests,
    async open({ protocols = [], headers = {}, waitForMessage = false } = {}) {
      const client = new WebSocket(`ws://127.0.0.1:${nuncio.port}/`, protocols, { headers });
      client.on("error", () => {});
      const message = waitForMessage ? once(client, "message") : null;
      await once(client, "open");
      await message;
      return client;
    },
  };
}
