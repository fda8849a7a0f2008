import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp1 } from "node:http";
import {
  type ClientHttp2Stream,
  connect,
  constants,
  createServer as createHttp2,
  type Http2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { chain, cluster, httpOptions, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// WebSocket over HTTP/2 (RFC 8441) by node:http2, with the frames of the `ws` package at both ends, on Nuncio and real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-websocket-"));
const http1 = createHttp1();
const http2 = createHttp2({ settings: { enableConnectProtocol: true } });
const seen: Record<string, unknown>[] = [];
let sides: Side[] = [];

beforeAll(async () => {
  const echo = (socket: WebSocket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => {
      if (String(data) === "close") socket.close(4001, "enough");
      else socket.send(data, { binary: isBinary });
    });
  };
  new WebSocketServer({ server: http1 }).on("connection", (socket, request) => {
    seen.push({ ...request.headers, method: request.method });
    echo(socket);
  });
  http2.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    seen.push({ ...headers });
    if (headers[":path"] === "/refused") {
      stream.respond({ ":status": 403 });
      stream.end("no");
      return;
    }
    // The `ws` package asks for it when its handshake was HTTP/1.1's.
    const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}${guid}`).digest("base64");
    stream.respond({ ":status": 200, "sec-websocket-accept": accept });
    echo(over(stream, true));
  });
  const ports: number[] = [];
  for (const server of [http1, http2] as Server[]) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    ports.push((server.address() as AddressInfo).port);
  }
  const [first = 0, second = 0] = ports;
  const main = manager(
    [
      { match: { path: "/one" }, route: { cluster: "one" } },
      { match: { prefix: "/" }, route: { cluster: "two" } },
    ],
    {
      codec_type: "AUTO",
      upgrade_configs: [{ upgrade_type: "websocket" }],
      http2_protocol_options: { allow_connect: true },
    },
  );
  const h2 = httpOptions({ explicit_http_config: { http2_protocol_options: { allow_connect: true } } });
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [listener("main", port, [chain(main, null)])],
      clusters: [cluster("one", first), cluster("two", second, h2)],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  http1.closeAllConnections();
  http1.close();
  http2.close();
  rmSync(folder, { recursive: true });
});

const ways = [
  { name: "HTTP/2 to HTTP/1.1", isOver2: true, path: "/one" },
  { name: "HTTP/2 to HTTP/2", isOver2: true, path: "/two" },
  { name: "HTTP/1.1 to HTTP/2", isOver2: false, path: "/two" },
];

describe.each(ways)("$name", ({ isOver2, path }) => {
  const open = (port: number) => (isOver2 ? openOver2(port, path) : openOver1(port, path));

  test("messages of any size come back, in order", async () => {
    const messages = ["hello", "ünï", "x".repeat(125), "x".repeat(65_536), "y".repeat(1024 * 1024)];
    const results = await onSides(sides, async ({ ports }) => {
      const { socket, close } = await open(ports[0] as number);
      const received: string[] = [];
      const all = new Promise<void>((resolve) => {
        socket.on("message", (data) => {
          if (received.push(String(data)) === messages.length) resolve();
        });
      });
      for (const message of messages) socket.send(message);
      await all;
      close();
      return received;
    });
    for (const received of results) expect(received).toEqual(messages);
  });

  test("the server's close has its code and reason here", async () => {
    const results = await onSides(sides, async ({ ports }) => {
      const { socket, close } = await open(ports[0] as number);
      const closed = once(socket, "close");
      socket.send("close");
      const [code, reason] = (await closed) as [number, Buffer];
      close();
      return [code, String(reason)];
    });
    for (const result of results) expect(result).toEqual([4001, "enough"]);
  });

  test("the backend sees the same of both", async () => {
    const results = await onSides(sides, async ({ ports }) => {
      const { close } = await open(ports[0] as number);
      close();
      const own = new Set(["x-request-id", "sec-websocket-key", ":authority", "host"]);
      return Object.fromEntries(Object.entries(seen.at(-1) ?? {}).filter(([name]) => !own.has(name)));
    });
    expect(results[0]).toMatchObject({ "x-mine": "1" });
    expect(results.at(-1)).toEqual(results[0]);
  });
});

test("a backend that refuses is heard", async () => {
  const statuses = await onSides(sides, async ({ ports }) => {
    const session = connect(`http://127.0.0.1:${ports[0]}`);
    const stream = session.request(extended("/refused"));
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    stream.on("error", () => {});
    session.destroy();
    return headers[":status"];
  });
  for (const status of statuses) expect(status).toBe(403);
});

test("the proxy offers extended CONNECT in its SETTINGS", async () => {
  const offers = await onSides(sides, async ({ ports }) => {
    const session = connect(`http://127.0.0.1:${ports[0]}`);
    const [settings] = (await once(session, "remoteSettings")) as [{ enableConnectProtocol?: boolean }];
    session.destroy();
    return settings.enableConnectProtocol;
  });
  for (const offer of offers) expect(offer).toBe(true);
});

test("what the client drops ends at the backend", async () => {
  for (const { ports } of sides) {
    const { stream, session } = await streamTo(ports[0] as number, "/one");
    const open = await connectionsOf(http1);
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => connectionsOf(http1)).toBeLessThan(open);
    session.destroy();
  }
});

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

interface Opened {
  socket: WebSocket;
  close(): void;
}

async function openOver1(port: number, path: string): Promise<Opened> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
    headers: { "x-mine": "1" },
    perMessageDeflate: false,
  });
  socket.on("error", () => {});
  await once(socket, "open");
  return { socket, close: () => socket.terminate() };
}

async function openOver2(port: number, path: string): Promise<Opened> {
  const { stream, session } = await streamTo(port, path);
  const socket = over(stream, false);
  socket.on("error", () => {});
  return { socket, close: () => session.destroy() };
}

async function streamTo(port: number, path: string) {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  await once(session, "remoteSettings");
  const stream: ClientHttp2Stream = session.request(extended(path), { endStream: false });
  stream.on("error", () => {});
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers[":status"]).toBe(200);
  return { session, stream };
}

function extended(path: string): Record<string, string> {
  return {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":path": path,
    ":authority": "a.example",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "x-mine": "1",
  };
}

/** The `ws` package on a stream that was opened by other means. */
function over(stream: Http2Stream & Duplex, isServer: boolean): WebSocket {
  const socket = new WebSocket(null as never, undefined, {}) as WebSocket & {
    _isServer: boolean;
    setSocket(stream: Duplex, head: Buffer, options: object): void;
  };
  socket._isServer = isServer;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true });
  return socket;
}

// RFC 6455 section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
