import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, startNuncio } from "./nuncio.ts";

// Streams are used again for other clients: what comes late for the one that was must not reach the one that is.

test("a tunnel's client that ends late touches no other request", async () => {
  const backend = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (bytes: Buffer) => parts.push(bytes));
    request.on("end", () => response.end(`got ${Buffer.concat(parts)}`));
  });
  backend.on("upgrade", (_request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nbye");
  });
  const nuncio = await start(backend);
  const tunnel = connect({ port: nuncio.port, host: "127.0.0.1", allowHalfOpen: true });
  tunnel.on("error", () => {});
  tunnel.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  tunnel.resume();
  await once(tunnel, "end");
  // The tunnel's stream is over, its connection waits for the client; the stream serves this request now.
  const other = connect(nuncio.port, "127.0.0.1");
  other.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await sleep(100);
  tunnel.end("late");
  await sleep(100);
  other.write("67890");
  const [answer] = (await once(other, "data")) as [Buffer];
  expect(answer.toString()).toContain("got 1234567890");
  other.destroy();
  tunnel.destroy();
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

async function start(backend: Server): Promise<Nuncio> {
  servers.push(backend);
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  const nuncio = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "1"],
    manager: { upgrade_configs: [{ upgrade_type: "websocket" }] },
  });
  running.push(nuncio);
  return nuncio;
}
