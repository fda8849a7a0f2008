import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, type NuncioOptions, startNuncio } from "./nuncio.ts";

// Backends are node:http2's; clients speak HTTP/1.1 or HTTP/2.

test("HTTP/1.1 to HTTP/2: request, body, answer and trailers", async () => {
  const { nuncio, seen } = await start(async (stream, headers) => {
    const body = Buffer.concat(await stream.toArray());
    stream.respond({ ":status": 201, "x-answer": "1" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "t" }));
    stream.end(`${headers[":method"]} ${headers[":path"]} ${body}`);
  });
  const { response, body } = await http1(nuncio.port, "POST", "/a?b", "hello");
  expect([response.statusCode, response.headers["x-answer"], body]).toEqual([201, "1", "POST /a?b hello"]);
  expect(seen[0]).toMatchObject({
    ":scheme": "http",
    ":authority": `127.0.0.1:${nuncio.port}`,
    "x-forwarded-proto": "http",
  });
  expect(seen[0]?.connection).toBe(undefined);
  expect(await nuncio.stat("cluster.backend.upstream_cx_http2_total")).toBe(1);
});

test("HTTP/2 to HTTP/2: trailers both ways, as gRPC needs them", async () => {
  const { client } = await start((stream) => {
    let trailers: IncomingHttpHeaders = {};
    stream.on("trailers", (fields) => (trailers = fields));
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": "0", "x-seen": String(trailers["x-sent"]) }),
      );
      stream.end("answer");
    });
  });
  const stream = client.request({ ":method": "POST", ":authority": "a", te: "trailers" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sent": "yes" }));
  stream.end("question");
  const trailers = once(stream, "trailers");
  expect(Buffer.concat(await stream.toArray()).toString()).toBe("answer");
  expect((await trailers)[0]).toMatchObject({ "grpc-status": "0", "x-seen": "yes" });
});

test("three hundred requests at once share one upstream connection", async () => {
  const { client, nuncio, sessions } = await start((stream, headers) => {
    const index = Number(String(headers[":path"]).slice(1));
    setTimeout(
      () => {
        stream.respond({ ":status": 200 });
        stream.end(String(index));
      },
      (index * 31) % 40,
    );
  });
  const answers = Array.from({ length: 300 }, (_, index) => http2(client, `/${index}`));
  expect(await Promise.all(answers)).toEqual(answers.map((_, index) => String(index)));
  expect(sessions).toHaveLength(1);
  expect(await nuncio.stat("cluster.backend.upstream_rq_total")).toBe(300);
  expect(await nuncio.stat("cluster.backend.upstream_rq_active")).toBe(0);
});

test("more connections are made where the peer takes few streams", async () => {
  const { client, sessions } = await start(
    (stream) => {
      setTimeout(() => {
        stream.respond({ ":status": 200 });
        stream.end("ok");
      }, 100);
    },
    { server: { maxConcurrentStreams: 4 }, cluster: h2Cluster({ max_concurrent_streams: 4 }) },
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => http2(client, "/")));
  expect(answers).toEqual(answers.map(() => "ok"));
  expect(sessions.length).toBeGreaterThanOrEqual(5);
});

test("GOAWAY of the upstream: what it took is answered, what comes later goes to a new connection", async () => {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const { client, nuncio, sessions } = await start(async (stream, headers) => {
    if (headers[":path"] === "/last") {
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
      await released;
    }
    stream.respond({ ":status": 200 });
    stream.end(String(headers[":path"]));
  });
  const last = http2(client, "/last");
  await expect.poll(() => nuncio.stat("cluster.backend.upstream_cx_close_notify"), { timeout: 10_000 }).toBe(1);
  expect(await http2(client, "/next")).toBe("/next");
  release();
  expect(await last).toBe("/last");
  expect(sessions).toHaveLength(2);
});

test("a stream that the upstream resets is 503 for its client, and no one else's", async () => {
  const { client } = await start((stream, headers) => {
    if (headers[":path"] === "/reset") stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    }
  });
  const [reset, fine] = await Promise.all([whole(client, "/reset"), whole(client, "/fine")]);
  expect(reset.status).toBe(503);
  expect(reset.body).toContain("reset reason: remote reset");
  expect(fine).toEqual({ status: 200, body: "ok" });
});

test("a client that goes away resets its upstream stream alone", async () => {
  let code = -1;
  const { client, seen, sessions } = await start((stream, headers) => {
    stream.on("close", () => {
      if (headers[":path"] === "/hang") code = stream.rstCode;
    });
    if (headers[":path"] === "/hang") return;
    stream.respond({ ":status": 200 });
    stream.end("ok");
  });
  const hanging = client.request({ ":path": "/hang", ":authority": "a" });
  hanging.on("error", () => {});
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
  hanging.close(constants.NGHTTP2_CANCEL);
  await expect.poll(() => code, { timeout: 10_000 }).toBe(constants.NGHTTP2_CANCEL);
  expect(await http2(client, "/")).toBe("ok");
  expect(sessions).toHaveLength(1);
});

test("32 MiB go up and down as they were", async () => {
  const { client } = await start((stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const payload = Buffer.alloc(32 * 1024 * 1024);
  for (let i = 0; i < payload.length; i += 4096) payload.writeUInt32LE(i, i);
  const stream = client.request({ ":method": "POST", ":authority": "a" });
  stream.end(payload);
  const hash = createHash("sha256");
  for await (const bytes of stream) hash.update(bytes);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(payload).digest("hex"));
});

const running: Nuncio[] = [];
const servers: Http2Server[] = [];
const sessionsOf = new Map<Http2Server, ServerHttp2Session[]>();
const clients: ClientHttp2Session[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    for (const session of sessionsOf.get(server) ?? []) session.destroy();
    server.close();
  }
});

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface Started {
  nuncio: Nuncio;
  client: ClientHttp2Session;
  seen: IncomingHttpHeaders[];
  sessions: ServerHttp2Session[];
}

async function start(
  handler: Handler,
  options: Partial<NuncioOptions> & { server?: { maxConcurrentStreams: number } } = {},
): Promise<Started> {
  const { server: settings, ...rest } = options;
  const server = createServer({ ...(settings === undefined ? {} : { settings }), maxSessionMemory: 256 });
  servers.push(server);
  const seen: IncomingHttpHeaders[] = [];
  const sessions: ServerHttp2Session[] = [];
  sessionsOf.set(server, sessions);
  server.on("session", (session) => {
    session.on("error", () => {});
    sessions.push(session);
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    seen.push(headers);
    handler(stream as ServerHttp2Stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const nuncio = await startNuncio({
    backendPort: port,
    args: ["--concurrency", "1"],
    cluster: h2Cluster({}),
    ...rest,
  });
  running.push(nuncio);
  const client = connect(`http://127.0.0.1:${nuncio.port}`, { maxSessionMemory: 256 });
  client.on("error", () => {});
  clients.push(client);
  return { nuncio, client, seen, sessions };
}

function h2Cluster(options: object): Record<string, unknown> {
  return {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: options },
      },
    },
  };
}

async function http1(
  port: number,
  method: string,
  path: string,
  body: string,
): Promise<{ response: IncomingMessage; body: string }> {
  const request = httpRequest({ host: "127.0.0.1", port, method, path });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { response, body: Buffer.concat(await response.toArray()).toString() };
}

async function http2(client: ClientHttp2Session, path: string): Promise<string> {
  return (await whole(client, path)).body;
}

async function whole(client: ClientHttp2Session, path: string): Promise<{ status: number; body: string }> {
  const stream = client.request({ ":path": path, ":authority": "a" });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  return { status: Number(headers[":status"]), body: Buffer.concat(await stream.toArray()).toString() };
}
