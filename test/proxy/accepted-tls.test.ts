import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import { afterAll, afterEach, expect, test } from "vitest";
import { listen } from "../../src/net/listen.ts";
import type { SocketHandle } from "../../src/net/native-streams.ts";
import { acceptTls, beginHandshake } from "../../src/net/tls/accepted-tls.ts";
import { socketOf, Transport, type TransportSink } from "../../src/net/transport.ts";
import { Authority, type CertificateFiles } from "./certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "nuncio-accepted-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const files: CertificateFiles = new Authority(folder).issue("server", "DNS:localhost");
const secureContext = createSecureContext({ cert: readFileSync(files.cert), key: readFileSync(files.key) });
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A connection of Node's client to an accepted socket under TLS, and what came of the handshake. */
async function connectPair(sink: TransportSink): Promise<{ client: TLSSocket; server: Transport }> {
  const secured = new Promise<Transport>((resolve) => {
    const accept = (handle: SocketHandle): void => {
      const socket = socketOf(handle);
      acceptTls(socket, {
        context: secureContext,
        alpn: null,
        requestsCertificate: false,
        ocspResponse: null,
        logsKeys: false,
      });
      socket.once("secure", () => resolve(new Transport(socket, sink, 256 * 1024)));
      beginHandshake(socket, Buffer.alloc(0));
    };
    void listen(
      { host: "127.0.0.1", port: 0, path: null },
      { backlog: 16, reusePort: false, ipv6Only: false, keepalive: () => null, mode: 0 },
      accept,
    ).then((server) => {
      servers.push(server);
      onPort((server.address() as AddressInfo).port);
    });
  });
  let onPort: (port: number) => void = () => {};
  const port = await new Promise<number>((resolve) => (onPort = resolve));
  const client = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, servername: "localhost" });
  return { client, server: await secured };
}

/** A sink that gives what it reads to a function, and ends with the connection. */
function sinkOf(onText: (text: string) => void, onEnd: () => void): TransportSink {
  return {
    onConnect() {},
    onBytes: (bytes, length) => onText(bytes.latin1Slice(0, length)),
    onEnd,
    onClose() {},
    onDrain() {},
  };
}

test("what TLS had decrypted when it was paused comes after resume, in order and before the end", async () => {
  const records = Array.from({ length: 50 }, (_, i) => `record ${i};`);
  const events: string[] = [];
  let server: Transport | null = null;
  let isPaused = false;
  const ended = new Promise<void>((resolve) => {
    const onText = (text: string): void => {
      events.push(isPaused ? "while paused" : text);
      // Paused within the read of the first record: the others came with it.
      isPaused = true;
      server?.pause();
      setImmediate(() =>
        setImmediate(() => {
          isPaused = false;
          server?.resume();
        }),
      );
    };
    const onEnd = (): void => {
      events.push("end");
      resolve();
    };
    void connectPair(sinkOf(onText, onEnd)).then((pair) => {
      server = pair.server;
      // One system call, many records.
      pair.client.cork();
      for (const record of records) pair.client.write(record);
      pair.client.uncork();
      for (const record of records) pair.client.write(record);
      pair.client.end();
    });
  });
  await ended;
  expect(events.at(-1)).toBe("end");
  expect(events.slice(0, -1).join("")).toBe([...records, ...records].join(""));
  (server as Transport | null)?.destroy();
});

test("small and large writes arrive whole and in order, and the end behind them", async () => {
  const { client, server } = await connectPair(
    sinkOf(
      () => {},
      () => {},
    ),
  );
  const sent = createHash("sha256");
  const received = createHash("sha256");
  let size = 0;
  client.on("data", (bytes: Buffer) => {
    size += bytes.length;
    received.update(bytes);
  });
  const closed = new Promise((resolve) => client.on("end", resolve));
  let expected = 0;
  for (let i = 0; i < 40; i++) {
    const body = Buffer.alloc(i % 3 === 0 ? 200_000 : 100, i);
    const head = `head ${i}`;
    server.writeText(head);
    server.writeBytes(body);
    sent.update(head).update(body);
    expected += head.length + body.length;
  }
  server.end();
  await closed;
  expect(size).toBe(expected);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
  client.destroy();
  server.destroy();
});
