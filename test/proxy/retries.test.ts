import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { constants, createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { chain, cluster, httpOptions, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// What of retries needs many requests, several hosts or an HTTP/2 upstream: in Nuncio and in real Envoy alike.

const folder = mkdtempSync(join(tmpdir(), "nuncio-retries-"));
const servers: (Server | Http2Server)[] = [];
const sockets: Socket[] = [];
let sides: Side[] = [];
/** How often each id was asked for, and at which addresses. */
const asked = new Map<string, string[]>();
const refused = new Map<string, number>();

beforeAll(async () => {
  const backend = await listen(createServer(answer), "0.0.0.0");
  const refusing = await listen(createHttp2Server().on("stream", answerHttp2), "127.0.0.1");
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [listener("in", port, [chain(manager(routes), null)])],
      clusters: [
        hosts("three", backend, [{}, {}, {}]),
        hosts("canary", backend, [{}, { canary: true }, { canary: true }]),
        hosts("staged", backend, [{ stage: "new" }, { stage: "old" }, { stage: "old", more: 1 }]),
        cluster("many", backend, breakers({ max_retries: 1000 })),
        cluster("single", backend, breakers({ max_retries: 1 })),
        cluster("slow", backend),
        cluster("refusing", refusing, {
          ...httpOptions({ explicit_http_config: { http2_protocol_options: {} } }),
          ...breakers({ max_retries: 1000 }),
        }),
      ],
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map((side) => side.process.stop()));
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("previous_hosts: each try goes to another host", async () => {
  const sizes = await onSides(sides, async (side) => {
    const ids = Array.from({ length: 60 }, (_, i) => `previous-${side.name}-${i}`);
    for (const id of ids) expect((await fetch(url(side, `/three/${id}?fail=9`))).status).toBe(503);
    return ids.map((id) => new Set(asked.get(id)).size);
  });
  for (const side of sizes) expect(side).toEqual(side.map(() => 3));
}, 60_000);

test("omit_canary_hosts and omit_host_metadata: a retry goes elsewhere", async () => {
  for (const path of ["canary", "staged"]) {
    const seconds = await onSides(sides, async (side) => {
      const ids = Array.from({ length: 40 }, (_, i) => `${path}-${side.name}-${i}`);
      for (const id of ids) expect((await fetch(url(side, `/${path}/${id}?fail=1`))).status).toBe(200);
      return ids.map((id) => asked.get(id)?.[1]);
    });
    for (const side of seconds) expect(new Set(side)).toEqual(new Set(["127.0.0.1"]));
  }
}, 60_000);

test("a stream that the upstream refused is retried, where refused-stream is asked for", async () => {
  const answers = await onSides(sides, async (side) => [
    (await fetch(url(side, `/refusing/a-${side.name}`))).status,
    (await fetch(url(side, `/refused-not/b-${side.name}`))).status,
  ]);
  for (const statuses of answers) expect(statuses).toEqual([200, 503]);
}, 60_000);

test("responses of an HTTP/2 upstream are retried, whatever body they have", async () => {
  const answers = await onSides(sides, async (side) => {
    const requests = Array.from({ length: 60 }, async (_, i) => {
      const body = `${i}`.repeat(500);
      const answer = await fetch(url(side, `/h2/${side.name}-${i}`), { method: "POST", body });
      return answer.status === 200 && (await answer.text()) === body;
    });
    return Promise.all(requests);
  });
  for (const side of answers) expect(side).toEqual(side.map(() => true));
}, 60_000);

test("many requests at once: each body comes back, and every retry is counted and over", async () => {
  const found = await onSides(sides, async (side) => {
    const requests = Array.from({ length: 300 }, async (_, i) => {
      const body = `${i}-`.repeat(1 + (i % 200));
      const answer = await fetch(url(side, `/many/${side.name}-${i}?fail=${i % 3}`), { method: "POST", body });
      return answer.status === 200 && (await answer.text()) === body;
    });
    expect(await Promise.all(requests)).toEqual(requests.map(() => true));
    return vi.waitFor(async () => {
      const stats = await statsOf(side, "^cluster\\.many\\.(upstream_rq_(retry|total|200|active)|retry\\.)");
      expect(stats.get("cluster.many.upstream_rq_retry")).toBe(300);
      expect(stats.has("cluster.many.upstream_rq_active")).toBe(false);
      return [...stats].sort();
    }, waiting);
  });
  for (const stats of found) expect(stats).toEqual(found[0]);
}, 120_000);

test("a client that leaves while its retry is waited for gives its place back", async () => {
  await onSides(sides, async (side) => {
    const socket = open(side);
    socket.write(`GET /late/${side.name}?fail=1 HTTP/1.1\r\nhost: a\r\n\r\n`);
    await vi.waitFor(() => expect(asked.get(side.name)).toHaveLength(1), waiting);
    await vi.waitFor(async () => {
      const stats = await statsOf(side, "^cluster\\.single\\.retry");
      expect(stats.get("cluster.single.retry.upstream_rq_503")).toBe(1);
    }, waiting);
    expect((await fetch(url(side, `/single/busy-${side.name}?fail=1`))).status).toBe(503);
    socket.destroy();
    await vi.waitFor(async () => {
      const again = `again-${side.name}-${asked.size}`;
      expect((await fetch(url(side, `/single/${again}?fail=1`))).status).toBe(200);
    }, waiting);
  });
}, 60_000);

test("a body that becomes too long while a retry is waited for is answered with 507", async () => {
  const answers = await onSides(sides, async (side) => {
    const socket = open(side);
    const id = `long-${side.name}`;
    let text = "";
    socket.setEncoding("latin1").on("data", (data: string) => (text += data));
    socket.write(`POST /slow/${id}?fail=1&early HTTP/1.1\r\nhost: a\r\ncontent-length: 60\r\n\r\nhello`);
    await vi.waitFor(async () => {
      const stats = await statsOf(side, "^cluster\\.slow\\.retry");
      expect(stats.get("cluster.slow.retry.upstream_rq_503")).toBe(1);
    }, waiting);
    socket.write("x".repeat(30));
    await vi.waitFor(() => expect(text).toMatch(/upstream$/), waiting);
    const stats = await statsOf(side, "abandoned");
    return [text.split("\r\n")[0], text.split("\r\n\r\n")[1], stats.get("cluster.slow.retry_or_shadow_abandoned")];
  });
  for (const answer of answers)
    expect(answer).toEqual([
      "HTTP/1.1 507 Insufficient Storage",
      "exceeded request buffer limit while retrying upstream",
      1,
    ]);
}, 60_000);

/** The first `fail` times that an id is asked for get 503; then its body comes back. `early`: before the request is whole. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://a");
  const id = pathname.split("/")[2] ?? "";
  const before = asked.get(id) ?? [];
  asked.set(id, [...before, request.socket.localAddress ?? ""]);
  const isFailed = before.length < Number(searchParams.get("fail") ?? 0);
  if (isFailed && searchParams.has("early")) response.writeHead(503, { "content-length": 0 }).end();
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (!response.headersSent) response.writeHead(isFailed ? 503 : 200).end(Buffer.concat(chunks));
  });
}

function answerHttp2(stream: ServerHttp2Stream, fields: Record<string, unknown>): void {
  stream.on("error", () => {});
  const path = String(fields[":path"]);
  const times = refused.get(path) ?? 0;
  refused.set(path, times + 1);
  if (path.startsWith("/h2/")) {
    stream.respond({ ":status": times === 0 ? 503 : 200 });
    if (times === 0) stream.end(Buffer.alloc(100_000));
    else stream.pipe(stream);
  } else if (times === 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
  else {
    stream.respond({ ":status": 200 });
    stream.end("ok");
  }
}

function url(side: Side, path: string): string {
  return `http://127.0.0.1:${side.ports[0]}${path}`;
}

function open(side: Side): Socket {
  const socket = connect(side.ports[0] ?? 0, "127.0.0.1").on("error", () => socket.destroy());
  sockets.push(socket);
  return socket;
}

async function listen(server: Server | Http2Server, host: string): Promise<number> {
  servers.push(server);
  server.on("connection", (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

/** 127.0.0.1, .2 and so on, chosen at random; `metadata` is the envoy.lb of each. */
function hosts(name: string, port: number, metadata: readonly object[]): object {
  const endpoints = metadata.map((labels, i) => ({
    endpoint: { address: { socket_address: { address: `127.0.0.${i + 1}`, port_value: port } } },
    metadata: { filter_metadata: { "envoy.lb": labels } },
  }));
  return cluster(name, port, {
    lb_policy: "RANDOM",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
  });
}

function breakers(limits: object): object {
  return { circuit_breakers: { thresholds: [{ max_connections: 10_000, max_requests: 10_000, ...limits }] } };
}

function route(prefix: string, name: string, policy: object, more: object = {}): object {
  const retry_back_off = { base_interval: "0.001s", max_interval: "0.002s" };
  return {
    match: { prefix: `/${prefix}/` },
    route: { cluster: name, retry_policy: { retry_back_off, ...policy } },
    ...more,
  };
}

function predicate(type: string, config: object = {}): object {
  const retry_host_predicate = [
    { name: type, typed_config: { "@type": `type.googleapis.com/envoy.extensions.retry.host.${type}`, ...config } },
  ];
  return { retry_on: "5xx", num_retries: 2, retry_host_predicate, host_selection_retry_max_attempts: 40 };
}

const late = { base_interval: "1000s", max_interval: "1000s" };
const routes = [
  route("three", "three", predicate("previous_hosts.v3.PreviousHostsPredicate")),
  route("canary", "canary", predicate("omit_canary_hosts.v3.OmitCanaryHostsPredicate")),
  route(
    "staged",
    "staged",
    predicate("omit_host_metadata.v3.OmitHostMetadataConfig", {
      metadata_match: { filter_metadata: { "envoy.lb": { stage: "old" } } },
    }),
  ),
  route("refusing", "refusing", { retry_on: "refused-stream" }),
  route("h2", "refusing", { retry_on: "5xx" }),
  route("refused-not", "refusing", { retry_on: "connect-failure,retriable-4xx" }),
  route("many", "many", { retry_on: "5xx", num_retries: 3 }),
  route("late", "single", { retry_on: "5xx", retry_back_off: late }),
  route("single", "single", { retry_on: "5xx" }),
  route("slow", "slow", { retry_on: "5xx", retry_back_off: late }, { request_body_buffer_limit: 20 }),
];
const waiting = { timeout: 20_000, interval: 50 };
