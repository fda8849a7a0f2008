import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import type net from "node:net";
import { afterEach, expect, test } from "vitest";
import type { ResponseSink } from "../codec.ts";
import { HeaderBlock, RequestHead, type ResponseHead } from "../header-block.ts";
import type { Http2ClientStream } from "./client-codec.ts";
import { ClientSocket, TestShared } from "./h2-sockets.ts";
import type { Http2Options } from "./settings.ts";

/** A sink that keeps what it is told. */
class Response implements ResponseSink {
  heads: string[] = [];
  chunks: Buffer[] = [];
  trailers = "";
  resets: string[] = [];
  writable = 0;
  isEnd = false;
  isSlow = false;
  writer: Http2ClientStream | null = null;

  onHead(head: ResponseHead, endStream: boolean): void {
    this.heads.push(`${head.status} ${lines(head)}`);
    this.isEnd = endStream;
  }
  onData(bytes: Buffer, endStream: boolean): void {
    this.chunks.push(Buffer.from(bytes));
    this.isEnd = endStream;
    if (!this.isSlow || endStream) return;
    this.writer?.pauseReading();
    setImmediate(() => this.writer?.resumeReading());
  }
  onTrailers(trailers: HeaderBlock): void {
    this.trailers = lines(trailers);
    this.isEnd = true;
  }
  onReset(reason: string, detail: string): void {
    this.resets.push(`${reason} ${detail}`);
  }
  onWritable(): void {
    this.writable++;
  }
}

function lines(block: HeaderBlock): string {
  const parts: string[] = [];
  for (let i = 0; i < block.size; i++) {
    if (block.names[i] !== "date") parts.push(`${block.names[i]}=${block.values[i]}`);
  }
  return parts.join(" | ");
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

async function connect(onStream: OnStream, options: Partial<Http2Options> = {}, settings: http2.Settings = {}) {
  const server = http2.createServer({ settings });
  const sessions: http2.ServerHttp2Session[] = [];
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    onStream(stream as http2.ServerHttp2Stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const shared = new TestShared(options);
  const client = new ClientSocket(shared, (server.address() as net.AddressInfo).port);
  closers.push(
    () => client.socket.destroy(),
    () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  );
  return { shared, client, sessions };
}

function request(client: ClientSocket, method: string, path: string, endStream: boolean): Response {
  const response = new Response();
  const writer = client.codec.newStream(response);
  response.writer = writer;
  const head = new RequestHead();
  head.method = method;
  head.path = path;
  head.authority = "example.test";
  head.append("x-a", "1");
  writer.writeHead(head, endStream);
  return response;
}

const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

const echo: OnStream = (stream) => {
  stream.respond({ ":status": 200, "x-b": "2" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "yes" }));
  stream.pipe(stream);
};

test("a GET", async () => {
  let seen: http2.IncomingHttpHeaders = {};
  const { client, shared } = await connect((stream, headers) => {
    seen = headers;
    stream.respond({ ":status": 204 }, { endStream: true });
  });
  const response = request(client, "GET", "/a?b", true);
  await expect.poll(() => response.isEnd).toBe(true);
  expect(response.heads).toEqual(["204 "]);
  expect(seen).toMatchObject({ ":method": "GET", ":path": "/a?b", ":authority": "example.test", "x-a": "1" });
  expect(client.codec.activeStreams).toBe(0);
  expect(shared.counters.streams_active).toBe(0);
});

test("a HEAD's answer keeps its content-length", async () => {
  const { client } = await connect((stream) => stream.respond({ ":status": 200, "content-length": "10" }));
  const response = request(client, "HEAD", "/", true);
  await expect.poll(() => response.isEnd).toBe(true);
  expect(response.heads).toEqual(["200 content-length=10"]);
  expect(response.resets).toEqual([]);
});

const windows: { name: string; options: Partial<Http2Options>; settings: http2.Settings; isSlow: boolean }[] = [
  { name: "default windows", options: {}, settings: {}, isSlow: false },
  { name: "tiny windows of ours", options: { streamWindow: 500 }, settings: {}, isSlow: false },
  { name: "tiny windows of the server's", options: {}, settings: { initialWindowSize: 100 }, isSlow: false },
  { name: "a sink that pauses at each piece", options: { streamWindow: 70_000 }, settings: {}, isSlow: true },
];
for (const c of windows) {
  test(`bodies of all sizes at once, with trailers: ${c.name}`, async () => {
    const { client, shared } = await connect(echo, c.options, c.settings);
    const bodies = [0, 1, 499, 500, 501, 16384, 16385, 70_000, 300_000].map((size) => randomBytes(size));
    const responses = bodies.map((body) => {
      const response = request(client, "POST", "/", false);
      response.isSlow = c.isSlow;
      response.writer?.writeData(body.subarray(0, 100), false);
      response.writer?.writeData(body.subarray(100), true);
      return response;
    });
    await expect.poll(() => responses.every((response) => response.isEnd), { timeout: 5000 }).toBe(true);
    for (const [i, response] of responses.entries()) {
      expect(response.heads).toEqual(["200 x-b=2"]);
      expect(hash(Buffer.concat(response.chunks))).toBe(hash(bodies[i] as Buffer));
      expect(response.trailers).toBe("x-end=yes");
    }
    expect(shared.counters.streams_active).toBe(0);
  });
}

test("writers are told to stop and to go on", async () => {
  const { client } = await connect(echo, {}, { initialWindowSize: 1000 });
  const response = request(client, "POST", "/", false);
  expect(response.writer?.writeData(Buffer.alloc(100_000), false)).toBe(false);
  await expect.poll(() => response.writable).toBe(1);
  expect(response.writer?.queuedBytes).toBe(0);
  expect(response.writer?.writeData(Buffer.alloc(10), true)).toBe(true);
});

test("informational heads come in front of the final one", async () => {
  const { client } = await connect((stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</a>" });
    stream.respond({ ":status": 200 });
    stream.end("x");
  });
  const response = request(client, "GET", "/", true);
  await expect.poll(() => response.isEnd).toBe(true);
  expect(response.heads).toEqual(["103 link=</a>", "200 "]);
});

test("a server's reset is told with whether it is safe to send again", async () => {
  const { client } = await connect((stream, headers) => stream.close(Number(headers[":path"]?.slice(1))));
  const refused = request(client, "GET", `/${http2.constants.NGHTTP2_REFUSED_STREAM}`, true);
  const failed = request(client, "GET", `/${http2.constants.NGHTTP2_INTERNAL_ERROR}`, true);
  await expect
    .poll(() => [refused.resets, failed.resets])
    .toEqual([["remote_refused_stream_reset http2.remote_refuse"], ["remote_reset http2.remote_reset"]]);
});

test("a reset of ours is CANCEL, and tells the sink nothing", async () => {
  let code = -1;
  const { client } = await connect((stream) => {
    stream.on("close", () => {
      code = stream.rstCode as number;
    });
  });
  const response = request(client, "POST", "/", false);
  await expect.poll(() => client.events).toContain("settings");
  response.writer?.reset("local_reset");
  await expect.poll(() => code).toBe(http2.constants.NGHTTP2_CANCEL);
  expect(response.resets).toEqual([]);
  expect(client.codec.activeStreams).toBe(0);
});

test("GOAWAY: streams that were not processed are refused, the others go on", async () => {
  const { client, sessions } = await connect((stream, headers) => {
    if (headers[":path"] === "/1") sessions[0]?.goaway(0, 1);
    setImmediate(() => {
      if (!stream.destroyed) stream.respond({ ":status": 200 }, { endStream: true });
    });
  });
  const responses = [1, 2].map((i) => request(client, "GET", `/${i}`, true));
  await expect.poll(() => responses[1]?.resets).toEqual(["remote_refused_stream_reset http2.remote_refuse"]);
  await expect.poll(() => responses[0]?.isEnd).toBe(true);
  expect(client.codec.isSpent).toBe(true);
  expect(client.events).toContain("goaway 0 1");
});

test("the server's limit of streams is kept", async () => {
  const { client } = await connect(() => {}, {}, { maxConcurrentStreams: 2 });
  await expect.poll(() => client.codec.maxStreams).toBe(2);
  expect(client.codec.canOpen).toBe(true);
  request(client, "GET", "/", true);
  const second = request(client, "GET", "/", true);
  expect(client.codec.canOpen).toBe(false);
  second.writer?.reset("local_reset");
  expect(client.codec.canOpen).toBe(true);
});

test("a WebSocket upgrade goes as an extended CONNECT and comes back as 101", async () => {
  let seen: http2.IncomingHttpHeaders = {};
  const { client } = await connect(
    (stream, headers) => {
      seen = headers;
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    },
    {},
    { enableConnectProtocol: true },
  );
  await expect.poll(() => client.codec.allowsUpgrade).toBe(true);
  const response = new Response();
  const writer = client.codec.newStream(response);
  const head = new RequestHead();
  head.method = "GET";
  head.path = "/chat";
  head.authority = "example.test";
  head.append("connection", "Upgrade");
  head.append("upgrade", "websocket");
  writer.writeHead(head, false);
  writer.writeData(Buffer.from("ping"), false);
  await expect.poll(() => Buffer.concat(response.chunks).toString()).toBe("ping");
  expect(seen).toMatchObject({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat" });
  expect(response.heads).toEqual(["101 upgrade=websocket | connection=upgrade"]);
});

test("the connection's end resets what is open", async () => {
  const { client, sessions } = await connect(() => sessions[0]?.destroy());
  const response = request(client, "GET", "/", true);
  await expect.poll(() => response.resets.length).toBe(1);
  expect(client.codec.canOpen).toBe(false);
});

test("trailers of a request", async () => {
  let trailers: http2.IncomingHttpHeaders = {};
  const { client } = await connect((stream) => {
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.resume();
    stream.on("end", () => stream.respond({ ":status": 200 }, { endStream: true }));
  });
  const response = request(client, "POST", "/", false);
  const block = new HeaderBlock();
  block.append("x-sum", "3");
  response.writer?.writeData(Buffer.from("abc"), false);
  response.writer?.writeTrailers(block);
  await expect.poll(() => response.isEnd).toBe(true);
  expect(trailers).toMatchObject({ "x-sum": "3" });
});
