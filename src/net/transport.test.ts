import { createHash } from "node:crypto";
import type { AddressInfo, Server } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Transport, TransportSink } from "./transport.ts";

/** What a transport said, and everything it read. */
class Recorder implements TransportSink {
  readonly reads: string[] = [];
  bytes = 0;
  drains = 0;
  readonly hash = createHash("sha256");
  readonly connected: Promise<void>;
  readonly ended: Promise<void>;
  readonly closed: Promise<string>;
  onConnect!: () => void;
  onEnd!: () => void;
  onClose!: (error: string) => void;

  constructor() {
    this.connected = new Promise((resolve) => (this.onConnect = resolve));
    this.ended = new Promise((resolve) => (this.onEnd = resolve));
    this.closed = new Promise((resolve) => (this.onClose = resolve));
  }

  onBytes(bytes: Buffer, length: number): void {
    this.bytes += length;
    this.hash.update(bytes.subarray(0, length));
    if (this.reads.length < 100) this.reads.push(bytes.latin1Slice(0, length));
  }

  onDrain(): void {
    this.drains++;
  }
}

interface Pair {
  client: Transport;
  clientSink: Recorder;
  server: Transport;
  serverSink: Recorder;
}

const open: { servers: Server[]; transports: Transport[] } = { servers: [], transports: [] };

async function connectPair(): Promise<Pair> {
  const { listen } = await import("./listen.ts");
  const { connectTransport } = await import("./connect-transport.ts");
  const { acceptTransport } = await import("./transport.ts");
  const serverSink = new Recorder();
  let onAccept: (transport: Transport) => void = () => {};
  const accepted = new Promise<Transport>((resolve) => (onAccept = resolve));
  const listening = await listen(
    { host: "127.0.0.1", port: 0, path: null },
    { backlog: 16, reusePort: false, ipv6Only: false, keepalive: () => null, mode: 0 },
    (handle) => onAccept(acceptTransport(handle, serverSink, watermark)),
  );
  open.servers.push(listening);
  const clientSink = new Recorder();
  const { port } = listening.address() as AddressInfo;
  const client = connectTransport(
    { host: "127.0.0.1", port, path: null },
    {
      watermark,
      keepalive: null,
      localAddress: "",
      tls: null,
      tlsTarget: { alpn: [], hostname: "", serverName: "", san: "" },
      proxyHeader: null,
    },
    clientSink,
  );
  await clientSink.connected;
  const server = await accepted;
  open.transports.push(client, server);
  return { client, clientSink, server, serverSink };
}

const watermark = 256 * 1024;

afterEach(() => {
  for (const transport of open.transports.splice(0)) transport.destroy();
  for (const server of open.servers.splice(0)) server.close();
  vi.restoreAllMocks();
  vi.resetModules();
});

describe.each(["the handle", "the public stream"])("a transport that writes to %s", (way) => {
  async function pair(): Promise<Pair> {
    vi.resetModules();
    if (way === "the public stream") {
      vi.spyOn(process as unknown as { binding(): unknown }, "binding").mockImplementation(() => {
        throw new Error("no such binding");
      });
    }
    return connectPair();
  }

  it("joins what one turn writes", async () => {
    const { client, server, serverSink } = await pair();
    client.writeText("GET / HTTP/1.1\r\n");
    client.writeText("host: a\r\n\r\n");
    client.writeBytes(Buffer.from("b\xffdy", "latin1"));
    client.end();
    await serverSink.ended;
    expect(serverSink.reads).toEqual(["GET / HTTP/1.1\r\nhost: a\r\n\r\nb\xffdy"]);
    expect(client.bytesWritten).toBe(31);
    expect(server.bytesRead).toBe(31);
  });

  it("says when a reader is too slow and when it has caught up, and loses nothing", async () => {
    const { client, clientSink, server, serverSink } = await pair();
    server.pause();
    const expected = createHash("sha256");
    const piece = Buffer.alloc(100_000);
    let sent = 0;
    let isWritable = true;
    while (isWritable && sent < 64 * 1024 * 1024) {
      for (let i = 0; i < piece.length; i += 4) piece.writeUInt32LE(sent + i, i);
      client.writeText("x");
      expected.update("x");
      isWritable = client.writeBytes(piece);
      expected.update(piece);
      sent += piece.length + 1;
    }
    expect(isWritable).toBe(false);
    // The kernel's buffers, and no more of ours than the watermark and a piece.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(clientSink.drains).toBe(0);
    server.resume();
    await expect.poll(() => clientSink.drains, { timeout: 5000 }).toBe(1);
    expect(client.writeBytes(piece)).toBe(true);
    expected.update(piece);
    client.end();
    await serverSink.ended;
    expect(serverSink.bytes).toBe(sent + piece.length);
    expect(serverSink.hash.digest("hex")).toBe(expected.digest("hex"));
  });

  it("sends text that does not fit the kernel's buffers", async () => {
    const { client, clientSink, server, serverSink } = await pair();
    server.pause();
    const text = "t".repeat(8 * 1024 * 1024);
    client.writeText(text);
    client.flush();
    expect(client.writeBytes(Buffer.from("."))).toBe(false);
    server.resume();
    await expect.poll(() => serverSink.bytes, { timeout: 5000 }).toBe(text.length + 1);
    expect(clientSink.drains).toBe(1);
  });

  it("keeps the other way open behind a FIN", async () => {
    const { client, clientSink, server, serverSink } = await pair();
    client.end();
    await serverSink.ended;
    server.writeText("late");
    server.end();
    await clientSink.ended;
    expect(clientSink.reads).toEqual(["late"]);
    expect(await clientSink.closed).toBe("");
  });

  it("sends what was written before it is destroyed", async () => {
    const { client, serverSink } = await pair();
    client.writeText("last words");
    client.destroy();
    await serverSink.ended;
    expect(serverSink.reads).toEqual(["last words"]);
  });

  it("reports a peer's reset, and a write behind it is harmless", async () => {
    const { client, server, serverSink } = await pair();
    client.reset();
    expect(await serverSink.closed).toBe("ECONNRESET");
    expect(server.isClosed).toBe(true);
    server.writeText("nobody hears it");
    expect(server.writeBytes(Buffer.alloc(100_000))).toBe(true);
    server.flush();
  });

  it("closes when the peer no longer takes what is written", async () => {
    const { client, clientSink, server } = await pair();
    server.pause();
    client.writeBytes(Buffer.alloc(8 * 1024 * 1024));
    server.reset();
    expect(await clientSink.closed).toMatch(/^(ECONNRESET|EPIPE)$/);
  });
});

it("names a refused connection", async () => {
  const { connectTransport } = await import("./connect-transport.ts");
  const { listen } = await import("./listen.ts");
  const unused = await listen(
    { host: "127.0.0.1", port: 0, path: null },
    { backlog: 1, reusePort: false, ipv6Only: false, keepalive: () => null, mode: 0 },
    () => {},
  );
  const { port } = unused.address() as AddressInfo;
  await new Promise((resolve) => unused.close(resolve));
  const sink = new Recorder();
  connectTransport(
    { host: "127.0.0.1", port, path: null },
    {
      watermark,
      keepalive: null,
      localAddress: "",
      tls: null,
      tlsTarget: { alpn: [], hostname: "", serverName: "", san: "" },
      proxyHeader: null,
    },
    sink,
  );
  expect(await sink.closed).toBe("ECONNREFUSED");
});
