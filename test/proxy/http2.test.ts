import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { type Nuncio, type NuncioOptions, startNuncio } from "./nuncio.ts";

// The client is node:http2's.

test("a request and its answer cross to HTTP/1.1 and back", async () => {
  const { client } = await start((request, response) => {
    response.setHeader("x-answer", "1");
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
  });
  const { headers, body } = await ask(client, {
    ":path": "/a?b=c",
    "x-mine": "1",
    cookie: ["a=1", "b=2"],
    te: "trailers",
  });
  expect(headers).toMatchObject({ ":status": 200, "x-answer": "1", server: "envoy" });
  expect(headers.connection).toBe(undefined);
  const seen = JSON.parse(body.toString());
  expect(seen).toMatchObject({ method: "GET", url: "/a?b=c" });
  expect(seen.headers).toMatchObject({
    "x-mine": "1",
    cookie: "a=1; b=2",
    "x-forwarded-proto": "http",
    host: "a.example",
  });
  expect(seen.headers.connection ?? "keep-alive").toBe("keep-alive");
});

test("16 MiB go both ways as they were, on several streams at once", async () => {
  const { client } = await start((request, response) => request.pipe(response));
  const payload = Buffer.alloc(16 * mib);
  for (let i = 0; i < payload.length; i += 4096) payload.writeUInt32LE(i, i);
  const wanted = createHash("sha256").update(payload).digest("hex");
  const answers = [1, 2, 3].map(() => ask(client, { ":method": "POST" }, payload));
  for (const { body } of await Promise.all(answers)) {
    expect(createHash("sha256").update(body).digest("hex")).toBe(wanted);
  }
});

test("two hundred streams on one connection, answered in any order", async () => {
  const { client, nuncio } = await start((request, response) => {
    const index = Number(request.url?.slice(1));
    setTimeout(() => response.end(String(index)), (index * 37) % 50);
  });
  const answers = Array.from({ length: 200 }, (_, index) => ask(client, { ":path": `/${index}` }));
  const bodies = (await Promise.all(answers)).map(({ body }) => body.toString());
  expect(bodies).toEqual(bodies.map((_, index) => String(index)));
  expect(await nuncio.stat("http.in.downstream_cx_http2_total")).toBe(1);
  expect(await nuncio.stat("http.in.downstream_rq_http2_total")).toBe(200);
});

test("a stream that the client resets ends its upstream request and no other", async () => {
  let closed = 0;
  const { client } = await start((request, response) => {
    request.socket.once("close", () => closed++);
    if (request.url !== "/hang") response.end("ok");
  });
  const hanging = client.request({ ":path": "/hang", ":authority": "a.example" });
  await sleep(200);
  hanging.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(() => expect(closed).toBe(1));
  expect((await ask(client, {})).body.toString()).toBe("ok");
});

test("a client that stops reading one stream stops its backend, and the other streams go on", async () => {
  let produced = 0;
  const { client, nuncio } = await start(async (request, response) => {
    if (request.url !== "/endless") {
      response.end("ok");
      return;
    }
    while (produced < 512 * mib) {
      produced += piece.length;
      if (!response.write(piece)) await once(response, "drain").catch(() => {});
    }
  });
  const before = nuncio.rssMib();
  const stalled = client.request({ ":path": "/endless", ":authority": "a.example" });
  stalled.on("error", () => {});
  await once(stalled, "response");
  await sleep(1000);
  const settled = produced;
  await sleep(300);
  expect(produced).toBe(settled);
  expect(produced).toBeLessThan(64 * mib);
  expect(nuncio.rssMib() - before).toBeLessThan(64);
  expect((await ask(client, {})).body.toString()).toBe("ok");
  stalled.close(constants.NGHTTP2_CANCEL);
});

test("an answer of the proxy itself, and one to a gRPC request", async () => {
  const { client } = await start((_request, response) => response.end(), {
    cluster: { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } },
  });
  const plain = await ask(client, {});
  expect(plain.headers).toMatchObject({ ":status": 503, "x-envoy-overloaded": "true" });
  expect(plain.body.toString()).toContain("reset reason: overflow");
  const grpc = await ask(client, { ":method": "POST", "content-type": "application/grpc", te: "trailers" });
  expect(grpc.headers).toMatchObject({ ":status": 200, "content-type": "application/grpc", "grpc-status": "14" });
});

test("SIGTERM says GOAWAY, serves what is under way and ends", async () => {
  const { client, nuncio } = await start((_request, response) => void setTimeout(() => response.end("late"), 1500));
  const goAways: number[] = [];
  client.on("goaway", (code) => goAways.push(code));
  const late = ask(client, {});
  await vi.waitFor(async () => expect(await nuncio.stat("http.in.downstream_rq_active")).toBe(1));
  nuncio.child.kill("SIGTERM");
  expect((await late).body.toString()).toBe("late");
  expect(await nuncio.exited).toBe(0);
  expect(goAways[0]).toBe(0);
});

test("a broken frame ends the connection with GOAWAY, after the streams before it were answered", async () => {
  const { nuncio, client } = await start((_request, response) => response.end("ok"));
  expect((await ask(client, {})).body.toString()).toBe("ok");
  const broken = connect(`http://127.0.0.1:${nuncio.port}`);
  broken.on("error", () => {});
  const goAway = once(broken, "goaway");
  expect((await ask(broken, {})).body.toString()).toBe("ok");
  // A WINDOW_UPDATE of nothing on the connection (RFC 9113 section 6.9).
  const socket = (broken as unknown as { [key: symbol]: { write(bytes: Buffer): void } })[socketSymbol(broken)];
  socket?.write(Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  const [code, lastId] = (await goAway) as [number, number];
  expect([code, lastId]).toEqual([constants.NGHTTP2_PROTOCOL_ERROR, 1]);
  expect((await ask(client, {})).body.toString()).toBe("ok");
  expect(await nuncio.stat("http.in.downstream_cx_protocol_error")).toBe(1);
});

const mib = 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, "nuncio ");
const running: Nuncio[] = [];
const servers: Server[] = [];
const clients: ClientHttp2Session[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function start(
  handler: Handler,
  options: Partial<NuncioOptions> = {},
): Promise<{ nuncio: Nuncio; client: ClientHttp2Session }> {
  const backend = createServer(handler).listen(0, "127.0.0.1");
  servers.push(backend);
  await once(backend, "listening");
  const { port } = backend.address() as AddressInfo;
  const nuncio = await startNuncio({ backendPort: port, args: ["--concurrency", "1"], ...options });
  running.push(nuncio);
  const client = connect(`http://127.0.0.1:${nuncio.port}`, { maxSessionMemory: 256 });
  client.on("error", () => {});
  clients.push(client);
  return { nuncio, client };
}

interface Answer {
  headers: IncomingHttpHeaders;
  body: Buffer;
  trailers: IncomingHttpHeaders;
}

async function ask(
  client: ClientHttp2Session,
  headers: Record<string, string | string[]>,
  body?: Buffer,
): Promise<Answer> {
  const stream: ClientHttp2Stream = client.request({ ":authority": "a.example", ...headers });
  let trailers: IncomingHttpHeaders = {};
  stream.on("trailers", (fields) => (trailers = fields));
  stream.end(body);
  const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders];
  return { headers: answer, body: Buffer.concat(await stream.toArray()), trailers };
}

/** Where node:http2 keeps the raw socket of a session. */
function socketSymbol(session: ClientHttp2Session): symbol {
  const found = Object.getOwnPropertySymbols(session).find((symbol) => symbol.description === "socket");
  if (found === undefined) throw new Error("no raw socket in an Http2Session");
  return found;
}

test("HTTP/1 and HTTP/2 are told apart however the first bytes are cut", async () => {
  const { nuncio } = await start((_request, response) => response.end("ok"));
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  for (let cut = 1; cut < 24; cut++) {
    expect(await firstAnswer(nuncio.port, preface, cut)).toMatch(/^\0\0/);
    expect(await firstAnswer(nuncio.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", cut)).toMatch(
      /^HTTP\/1\.1 200/,
    );
  }
});

test("a stream whose answer is whole, but not let out yet, touches no other request when it is reset", async () => {
  const { nuncio } = await start((request, response) => {
    if (request.url === "/slow") setTimeout(() => response.end("slow"), 400);
    else response.end("x".repeat(4000));
  });
  const narrow = connect(`http://127.0.0.1:${nuncio.port}`, { settings: { initialWindowSize: 100 } });
  clients.push(narrow);
  narrow.on("error", () => {});
  const stuck = narrow.request({ ":path": "/", ":authority": "a" });
  stuck.on("error", () => {});
  await once(stuck, "response");
  await sleep(100);
  // The proxy's part of it is over: what it used serves this request now.
  const slow = fetch(`http://127.0.0.1:${nuncio.port}/slow`).then((answer) => answer.text());
  await sleep(100);
  stuck.close(constants.NGHTTP2_CANCEL);
  expect(await slow).toBe("slow");
});

/** What the proxy says to bytes that come in two parts. */
async function firstAnswer(port: number, text: string, cut: number): Promise<string> {
  const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.write(text.slice(0, cut), "latin1");
  await sleep(3);
  socket.write(text.slice(cut), "latin1");
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString("latin1");
}
