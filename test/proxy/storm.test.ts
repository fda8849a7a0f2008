import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startNuncio } from "./nuncio.ts";

// Clients that break off, reset, stall and talk nonsense, upstreams that do the same, and among them some that behave: each of those
// must get its own answers, whole, and nothing may be left when all have gone.

test("a storm of bad clients and a bad upstream costs the good ones nothing, and leaves nothing", {
  timeout: 60_000,
}, async () => {
  const backend = createServer(handle).listen(0, "127.0.0.1");
  backend.on("clientError", (_error, socket) => socket.destroy());
  await once(backend, "listening");
  const nuncio = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "2"],
    cluster: {
      circuit_breakers: { thresholds: [{ max_connections: 5000, max_pending_requests: 5000, max_requests: 5000 }] },
    },
  });
  const end = Date.now() + 6000;
  const repeat = async (what: (port: number) => Promise<void>) => {
    while (Date.now() < end) await what(nuncio.port);
  };
  const wrong: string[] = [];
  let right = 0;
  const judge = (sent: string, got: string) => {
    if (got === sent) right++;
    else wrong.push(`sent ${sent.slice(0, 40)} (${sent.length}), got ${got.slice(0, 200)} (${got.length})`);
  };
  const good = [
    ...Array.from({ length: 4 }, (_, index) => repeat((port) => goodHttp1(port, index, judge))),
    ...Array.from({ length: 4 }, (_, index) => goodHttp2(nuncio.port, index, end, judge)),
  ];
  const bad = [brokenHttp1, brokenHttp2, nonsense].flatMap((what) => Array.from({ length: 6 }, () => repeat(what)));
  await Promise.all([...good, ...bad]);
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThanOrEqual(8);
  await expect.poll(() => nuncio.stat("http.in.downstream_rq_active"), { timeout: 5000 }).toBe(0);
  await expect.poll(() => nuncio.stat("http.in.downstream_cx_active"), { timeout: 5000 }).toBe(0);
  expect(await nuncio.stat("cluster.backend.upstream_rq_active")).toBe(0);
  expect(await nuncio.stat("http2.streams_active")).toBe(0);
  expect(await nuncio.stat("server.worker_crashes")).toBe(0);
  await nuncio.stop();
  backend.closeAllConnections();
  backend.close();
});

/** Echoes on /good; anywhere else it is as bad as the clients. */
function handle(request: IncomingMessage, response: ServerResponse): void {
  request.on("error", () => {});
  response.on("error", () => {});
  if (request.url === "/good") {
    request.pipe(response);
    return;
  }
  const mood = chance(4);
  if (mood === 0) request.socket.destroy();
  else if (mood === 1) {
    response.write("x".repeat(100_000));
    setTimeout(() => request.socket.destroy(), 5);
  } else if (mood === 2) request.pipe(response);
  else {
    request.resume();
    setTimeout(() => response.end("y".repeat(chance(300_000))), chance(10));
  }
}

type Judge = (sent: string, got: string) => void;

async function goodHttp1(port: number, index: number, judge: Judge): Promise<void> {
  const body = `${index} ${Math.random()} `.repeat(1 + chance(4000));
  const answer = await fetch(`http://127.0.0.1:${port}/good`, { method: "POST", body }).catch(
    (error: unknown) => error,
  );
  judge(body, answer instanceof Response ? await answer.text() : String(answer));
}

async function goodHttp2(port: number, index: number, end: number, judge: Judge): Promise<void> {
  const client: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${port}`);
  client.on("error", (error) => judge("a session that lasts", String(error)));
  while (Date.now() < end) {
    const body = `${index} ${Math.random()} `.repeat(1 + chance(4000));
    const stream = client.request({ ":method": "POST", ":path": "/good", ":authority": "a" });
    stream.on("error", (error) => judge(body, String(error)));
    stream.end(body);
    judge(body, Buffer.concat(await stream.toArray().catch(() => [])).toString());
  }
  client.destroy();
}

async function brokenHttp1(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  if (chance(2) === 0) socket.resume();
  const body = "x".repeat(chance(300_000));
  const text = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}GET / HTTP/1.1\r\nHost: a\r\n\r\n`;
  const cut = chance(text.length);
  socket.write(text.slice(0, cut));
  await sleep(chance(15));
  socket.write(text.slice(cut));
  await sleep(chance(25));
  if (chance(2) === 0) socket.destroy();
  else socket.resetAndDestroy();
}

async function brokenHttp2(port: number): Promise<void> {
  const client = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 + chance(70_000) } });
  client.on("error", () => {});
  for (let i = chance(20); i > 0; i--) {
    const stream = client.request({ ":method": "POST", ":path": "/" });
    stream.on("error", () => {});
    if (chance(3) > 0) stream.resume();
    stream.write(Buffer.alloc(chance(200_000)));
    if (chance(2) === 0) stream.end();
    if (chance(3) === 0) setTimeout(() => stream.close(chance(14)), chance(20));
  }
  await sleep(chance(40));
  client.destroy();
}

async function nonsense(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  if (chance(2) === 0) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.from(Array.from({ length: chance(3000) }, () => chance(256))));
  await sleep(chance(15));
  socket.destroy();
}

function chance(below: number): number {
  return Math.floor(Math.random() * below);
}
