import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { RequestSink } from "../codec.ts";
import { HeaderBlock, type RequestHead, ResponseHead } from "../header-block.ts";
import { listenH2, type ServerSocket, TestShared } from "./h2-sockets.ts";
import type { Http2ServerStream } from "./server-codec.ts";
import type { Http2Options } from "./settings.ts";

/** What the server was told, one entry a request. */
interface Seen {
  head: string;
  resets: string[];
  trailers: string;
  writer: Http2ServerStream;
}

/** Answers by the path: echo with back-pressure and trailers, a sized body, nothing at all. */
function answer(seen: Seen[], writer: Http2ServerStream, connection: ServerSocket): RequestSink {
  const request: Seen = { head: "", resets: [], trailers: "", writer };
  seen.push(request);
  let path = "";
  let isPaused = false;
  const finish = (): void => {
    const trailers = new HeaderBlock();
    trailers.append("x-end", request.trailers);
    writer.writeTrailers(trailers);
  };
  return {
    onHead(head: RequestHead, endStream: boolean): void {
      path = head.path;
      request.head = `${head.method} ${head.scheme}://${head.authority}${head.path} ${lines(head)}`;
      const response = new ResponseHead();
      response.status = 200;
      response.append("x-request", String(seen.length));
      if (path === "/silent") return;
      if (path === "/hints") {
        const hints = new ResponseHead();
        hints.status = 103;
        hints.append("link", "</a>");
        writer.writeHead(hints, false);
      }
      if (path === "/goaway") connection.codec.shutdown();
      if (path.startsWith("/size/")) {
        const size = Number(path.slice(6));
        response.append("content-length", String(size));
        writer.writeHead(response, size === 0);
        if (size > 0) writer.writeData(Buffer.alloc(size, 97), true);
        return;
      }
      writer.writeHead(response, false);
      if (endStream) finish();
    },
    onData(bytes: Buffer, endStream: boolean): void {
      if (path === "/silent" || path.startsWith("/size/")) return;
      if (!writer.writeData(bytes, false) && !isPaused) {
        isPaused = true;
        writer.pauseReading();
      }
      if (endStream) finish();
    },
    onTrailers(trailers: HeaderBlock): void {
      request.trailers = lines(trailers);
      finish();
    },
    onReset: (reason, detail) => request.resets.push(`${reason} ${detail}`),
    onWritable(): void {
      if (!isPaused) return;
      isPaused = false;
      writer.resumeReading();
    },
  };
}

function lines(block: HeaderBlock): string {
  const parts: string[] = [];
  for (let i = 0; i < block.size; i++) parts.push(`${block.names[i]}=${block.values[i]}`);
  return parts.join(" | ");
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function connect(options: Partial<Http2Options> = {}, settings: http2.Settings = {}) {
  const shared = new TestShared(options);
  const seen: Seen[] = [];
  const server = await listenH2(shared, (writer, connection) => answer(seen, writer, connection));
  const client = http2.connect(`http://127.0.0.1:${server.port}`, { settings });
  client.on("error", () => {});
  closers.push(() => client.destroy(), server.close);
  return { shared, seen, server, client };
}

interface Reply {
  status: number;
  headers: http2.IncomingHttpHeaders;
  body: Buffer;
  trailers: http2.IncomingHttpHeaders;
}

async function reply(stream: http2.ClientHttp2Stream): Promise<Reply> {
  const chunks: Buffer[] = [];
  let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return { status: Number(headers[":status"]), headers, body: Buffer.concat(chunks), trailers };
}

const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

test("a GET with crumbs of a cookie, answered without a body", async () => {
  const { seen, client } = await connect();
  const answered = await reply(
    client.request({ ":path": "/size/0", ":authority": "example.test", cookie: ["a=1", "b=2"], "x-a": "é" }),
  );
  expect(answered.status).toBe(200);
  expect(answered.headers["content-length"]).toBe("0");
  expect(seen[0]?.head).toBe("GET http://example.test/size/0 cookie=a=1; b=2 | x-a=é");
});

const windows: { name: string; options: Partial<Http2Options>; settings: http2.Settings }[] = [
  { name: "default windows", options: {}, settings: {} },
  { name: "tiny windows of ours", options: { streamWindow: 1000, connectionWindow: 65535 }, settings: {} },
  { name: "tiny windows of the client's", options: {}, settings: { initialWindowSize: 100 } },
  { name: "a client without a table", options: { hpackTableSize: 100 }, settings: { headerTableSize: 0 } },
];
for (const c of windows) {
  test(`echo of bodies with trailers, many at once: ${c.name}`, async () => {
    const { client, shared, seen } = await connect(c.options, c.settings);
    const sizes = [0, 1, 999, 1000, 1001, 16384, 16385, 65535, 65536, 300_000];
    const bodies = sizes.map((size) => randomBytes(size));
    const answers = await Promise.all(
      bodies.map((body, i) => {
        const stream = client.request(
          { ":method": "POST", ":path": "/echo", "x-i": String(i) },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(body.length) }));
        stream.end(body);
        return reply(stream);
      }),
    );
    for (const [i, answered] of answers.entries()) {
      expect(hash(answered.body)).toBe(hash(bodies[i] as Buffer));
      expect(answered.trailers["x-end"]).toBe(`x-sum=${sizes[i]}`);
    }
    expect(seen.every((request) => request.resets.length === 0)).toBe(true);
    expect(shared.counters.streams_active).toBe(0);
  });
}

test("a response in one piece larger than every window arrives", async () => {
  const { client } = await connect();
  const answered = await reply(client.request({ ":path": "/size/3000000" }));
  expect(answered.body.length).toBe(3_000_000);
});

test("a client that reads nothing leaves no more than one piece and the window waiting, and can go on", async () => {
  const { client, server, seen } = await connect({}, { initialWindowSize: 1000 });
  const stream = client.request({ ":method": "POST", ":path": "/echo" });
  stream.pause();
  stream.write(Buffer.alloc(2_000_000, 1));
  await expect.poll(() => seen[0]?.writer.queuedBytes ?? 0).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen[0]?.writer.queuedBytes).toBeLessThan(70_000);
  expect(server.connections[0]?.codec.outputBytes).toBe(0);
  stream.end();
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  stream.resume();
  await once(stream, "end");
  expect(length).toBe(2_000_000);
});

test("an informational head goes in front of the final one", async () => {
  const { client } = await connect();
  const stream = client.request({ ":path": "/hints" });
  const hints = once(stream, "headers");
  expect((await reply(stream)).status).toBe(200);
  expect((await hints)[0]).toMatchObject({ ":status": 103, link: "</a>" });
});

test("a client's reset is told once and ends the stream", async () => {
  const { client, seen, shared } = await connect();
  const stream = client.request({ ":method": "POST", ":path": "/silent" });
  stream.on("error", () => {});
  await expect.poll(() => seen.length).toBe(1);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await expect.poll(() => seen[0]?.resets).toEqual(["remote_reset http2.remote_reset"]);
  expect(shared.counters.rx_reset).toBe(1);
  expect(shared.counters.streams_active).toBe(0);
});

test("a reset of ours carries its code", async () => {
  const { client, seen } = await connect();
  const stream = client.request({ ":path": "/silent" });
  const error = once(stream, "error");
  await expect.poll(() => seen.length).toBe(1);
  seen[0]?.writer.reset("local_reset");
  expect(String((await error)[0])).toContain("NGHTTP2_INTERNAL_ERROR");
  expect(seen[0]?.resets).toEqual([]);
});

test("a response that is whole before its request stops the request with NO_ERROR", async () => {
  const { client } = await connect();
  const stream = client.request({ ":method": "POST", ":path": "/size/3" });
  stream.write("part");
  expect((await reply(stream)).body.toString()).toBe("aaa");
  if (!stream.closed) await once(stream, "close");
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
});

test("GOAWAY lets open streams end and ignores later ones", async () => {
  const { client, seen } = await connect();
  const goAway = once(client, "goaway");
  const answered = await reply(client.request({ ":path": "/goaway" }));
  expect(answered.status).toBe(200);
  const [code, last] = await goAway;
  expect([code, last]).toEqual([0, 1]);
  expect(seen.length).toBe(1);
});

test("streams above the limit are refused and the others served", async () => {
  const { client, seen } = await connect({ maxConcurrentStreams: 2 });
  await once(client, "remoteSettings");
  const silent = [0, 1].map(() => client.request({ ":path": "/silent" }));
  for (const stream of silent) stream.on("error", () => {});
  await expect.poll(() => seen.length).toBe(2);
  expect(client.remoteSettings.maxConcurrentStreams).toBe(2);
  for (const stream of silent) stream.close();
  expect((await reply(client.request({ ":path": "/size/1" }))).status).toBe(200);
});

test("the connection's end resets what is open", async () => {
  const { client, seen } = await connect();
  client.request({ ":path": "/silent" }).on("error", () => {});
  await expect.poll(() => seen.length).toBe(1);
  client.destroy();
  await expect.poll(() => seen[0]?.resets).toEqual(["connection_termination downstream_remote_disconnect"]);
});

test("a PING is answered both ways", async () => {
  const { client, server } = await connect();
  await once(client, "connect");
  await new Promise((resolve) => client.ping(resolve));
  server.connections[0]?.codec.sendPing();
  await expect.poll(() => server.connections[0]?.events).toContain("ping ack");
});

test("any fields go through node:http2's HPACK to ours and back", async () => {
  const shared = new TestShared({ maxHeaders: 1000 });
  const server = await listenH2(shared, (writer) => ({
    onHead(head: RequestHead): void {
      const response = new ResponseHead();
      response.status = 200;
      for (let i = 0; i < head.size; i++) response.append(head.names[i] as string, head.values[i] as string);
      writer.writeHead(response, true);
      writer.rest();
    },
    onData(): void {},
    onTrailers(): void {},
    onReset(): void {},
    onWritable(): void {},
  }));
  const client = http2.connect(`http://127.0.0.1:${server.port}`, { settings: { headerTableSize: 1000 } });
  closers.push(() => client.destroy(), server.close);
  const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^`|~-]{1,12}$/);
  const value = fc.oneof(
    fc.constantFrom("", "gzip", "text/html; charset=utf-8", "0", "\xe9\xff"),
    fc.stringMatching(/^[!-~]([ -~]{0,80}[!-~])?$/),
    fc.stringMatching(/^[\x80-\xff]{1,40}$/),
  );
  const fields = fc.dictionary(name, value, { maxKeys: 30 });
  await fc.assert(
    fc.asyncProperty(fields, async (sent) => {
      const stream = client.request({ ":path": "/", ...sent });
      stream.resume();
      const [received] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      for (const [key, text] of Object.entries(sent)) expect(received[key]).toBe(text);
    }),
    { numRuns: 400 },
  );
});
