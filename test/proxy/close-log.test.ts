import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessLog, chain, cluster, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// Who closed a connection and why: the same ends to Nuncio and to real Envoy, the same line of the listener and lines of its streams.

const folder = mkdtempSync(join(tmpdir(), "nuncio-close-log-"));
const network = "type.googleapis.com/envoy.extensions.filters.network";
const filter = (name: string, type: string, config: object) => ({
  name,
  typed_config: { "@type": `${network}.${name}.v3.${type}`, stat_prefix: name, ...config },
});
const anybody = { permissions: [{ any: true }], principals: [{ any: true }] };
const deny = { rules: { action: "DENY", policies: { "a policy": anybody } } };
const limit = (more: object) => filter("connection_limit", "ConnectionLimit", { max_connections: 1, ...more });
const options = (common: object) => ({ common_http_protocol_options: common, drain_timeout: "0.1s" });

/** Of each listener: what its connection manager has besides, and what stands in front of it. */
const setups: Record<string, { manager?: object; filters?: object[] }> = {
  plain: {},
  "no delay": { manager: { delayed_close_timeout: "0s" } },
  "short delay": { manager: { delayed_close_timeout: "0.1s" } },
  idle: { manager: options({ idle_timeout: "0.2s" }) },
  old: { manager: options({ max_connection_duration: "0.2s" }) },
  "few requests": { manager: options({ max_requests_per_connection: 2 }) },
  "late head": { manager: { request_headers_timeout: "0.1s" } },
  "late request": { manager: { request_timeout: "0.1s" } },
  "idle stream": { manager: { stream_idle_timeout: "0.1s" } },
  "long stream": { manager: options({ max_stream_duration: "0.1s" }) },
  "HTTP/1.0": { manager: { http_protocol_options: { accept_http_10: true } } },
  ping: { manager: { http2_protocol_options: { connection_keepalive: { interval: "0.1s", timeout: "0.1s" } } } },
  rbac: { filters: [filter("rbac", "RBAC", deny)] },
  "rbac, held": { filters: [filter("rbac", "RBAC", { ...deny, delay_deny: "0.2s" })] },
  "rbac, none": { filters: [filter("rbac", "RBAC", { rules: { action: "ALLOW", policies: {} } })] },
  limit: { filters: [limit({})] },
  "limit, held": { filters: [limit({ delay: "0.1s" })] },
  rate: {
    filters: [filter("local_ratelimit", "LocalRateLimit", { token_bucket: { max_tokens: 1, fill_interval: "1000s" } })],
  },
};
const setupNames = Object.keys(setups);
const fields = [
  "ACCESS_LOG_TYPE",
  "DOWNSTREAM_LOCAL_CLOSE_REASON",
  "DOWNSTREAM_DETECTED_CLOSE_TYPE",
  "CONNECTION_TERMINATION_DETAILS",
  "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
  "DOWNSTREAM_HANDSHAKE_DURATION",
  "RESPONSE_FLAGS",
  "RESPONSE_CODE",
  "RESPONSE_CODE_DETAILS",
];
const get = (path = "/", ...more: string[]) => `GET ${path} HTTP/1.1\r\n${["host: a", ...more].join("\r\n")}\r\n\r\n`;
const post = (path: string) => `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc`;
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
let sides: Side[] = [];
const backend = createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (data: Buffer) => {
    const path = data.latin1Slice().split(" ")[1];
    if (path === "/silent") return;
    socket.write(
      path === "/upgrade"
        ? "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        : `HTTP/1.1 200 OK\r\ncontent-length: ${path === "/early" ? 2 : 9}\r\n\r\nok`,
    );
    if (path === "/cut") setTimeout(() => socket.destroy(), 30);
  });
});

beforeAll(async () => {
  await once(backend.listen(0, "127.0.0.1"), "listening");
  const routes = [
    { match: { path: "/" }, direct_response: { status: 200 } },
    { match: { prefix: "/" }, route: { cluster: "up", timeout: "0s" } },
  ];
  sides = await startSides(folder, setupNames.length, (ports, side) => ({
    static_resources: {
      clusters: [cluster("up", (backend.address() as AddressInfo).port)],
      listeners: ports.map((port, i) => {
        const name = setupNames[i] as string;
        const setup = setups[name];
        // One file for both, so that what a stream says stands in front of its connection.
        const format = fields.map((field) => `${field}=%${field}%`).join(" ");
        const access_log = [accessLog(logOf(side, name), format)];
        const main = { upgrade_configs: [{ upgrade_type: "websocket" }], access_log, ...setup?.manager };
        const { filters, ...rest } = chain(manager(routes, main), null) as { filters: object[] };
        return {
          ...listener(name, port, [{ ...rest, filters: [...(setup?.filters ?? []), ...filters] }]),
          access_log,
        };
      }),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  backend.close();
  rmSync(folder, { recursive: true });
});

const upgrade = get("/upgrade", "upgrade: websocket", "connection: upgrade");
// Envoy sends no FIN before delayed_close_timeout: those that wait for one see it later, and its reason is that time.
const cases: { name: string; at: string; lines?: number; run: (port: number) => Promise<void> }[] = [
  { name: "the client's FIN", at: "plain", run: talk([get()]) },
  { name: "the client's reset", at: "plain", run: talk([get()], "reset") },
  { name: "no byte, FIN", at: "plain", run: talk([]) },
  { name: "no byte, reset", at: "plain", run: talk([], "reset") },
  { name: "half a head, FIN", at: "plain", run: talk(["GET /"]) },
  { name: "half a head, reset", at: "plain", run: talk(["GET /"], "reset") },
  { name: "in a request, FIN", at: "plain", run: talk([get("/silent")]) },
  { name: "in a request, reset", at: "plain", run: talk([get("/silent")], "reset") },
  { name: "in a request's body, reset", at: "plain", run: talk([post("/silent")], "reset") },
  { name: "in a response, FIN", at: "plain", run: talk([get("/half")]) },
  { name: "in a response, reset", at: "plain", run: talk([get("/half")], "reset") },
  { name: "a tunnel, FIN", at: "plain", run: talk([upgrade]) },
  { name: "a tunnel, reset", at: "plain", run: talk([upgrade], "reset") },
  { name: "connection: close", at: "plain", run: talk([get("/", "connection: close")]) },
  { name: "connection: close, without delay", at: "no delay", run: talk([get("/", "connection: close")], "wait") },
  { name: "no HTTP", at: "plain", run: talk(["nothing like it\r\n\r\n"]) },
  { name: "no HTTP, without delay", at: "no delay", run: talk(["nothing like it\r\n\r\n"], "wait") },
  { name: "no HTTP, and the client stays", at: "short delay", run: talk(["nothing like it\r\n\r\n"], "stay") },
  { name: "connection: close, and it stays", at: "short delay", run: talk([get("/", "connection: close")], "stay") },
  { name: "a bad target", at: "plain", run: talk(["GET /\x80 HTTP/1.1\r\nhost: a\r\n\r\n"]) },
  { name: "a bad field name", at: "plain", run: talk([get("/", "b ad: x")]) },
  { name: "a bad field value", at: "plain", run: talk([get("/", "bad: x\x01")]) },
  { name: "no colon", at: "plain", run: talk([get("/", "nocolon")]) },
  { name: "a bad length", at: "plain", run: talk([get("/", "content-length: x")]) },
  { name: "two lengths", at: "plain", run: talk([get("/", "content-length: 1", "content-length: 2")]) },
  { name: "length and coding", at: "plain", run: talk([get("/", "content-length: 1", "transfer-encoding: chunked")]) },
  { name: "a coding of nobody", at: "plain", run: talk([get("/", "transfer-encoding: gzip")]) },
  { name: "a bad chunk", at: "plain", run: talk([`${get("/silent", "transfer-encoding: chunked")}zz\r\n`]) },
  { name: "a bad host", at: "plain", run: talk(["GET / HTTP/1.1\r\nhost: a b\r\n\r\n"]) },
  { name: "no host", at: "plain", run: talk(["GET / HTTP/1.1\r\n\r\n"]) },
  { name: "an old version", at: "plain", run: talk(["GET / HTTP/1.0\r\nhost: a\r\n\r\n"]) },
  { name: "too large a head", at: "plain", run: talk([get("/", `x: ${"a".repeat(70_000)}`)]) },
  { name: "too many fields", at: "plain", run: talk([get("/", ...new Array(200).fill("x: a"))]) },
  { name: "HTTP/1.0", at: "HTTP/1.0", run: talk(["GET / HTTP/1.0\r\nhost: a\r\n\r\n"]) },
  { name: "an idle connection", at: "idle", run: talk([], "wait") },
  { name: "an idle connection that was used", at: "idle", run: talk([get()], "wait, then FIN") },
  { name: "an old connection", at: "old", run: talk([], "wait") },
  { name: "an old connection that was used", at: "old", run: talk([get()], "wait, then FIN") },
  { name: "the last request of a connection", at: "few requests", run: talk([get(), get()]) },
  { name: "a late head", at: "late head", run: talk(["GET /"], "answer") },
  { name: "a late request", at: "late request", run: talk([post("/silent")], "answer") },
  { name: "an idle stream", at: "idle stream", run: talk([post("/silent")], "answer") },
  { name: "an idle response", at: "idle stream", run: talk([get("/half")], "wait, then FIN") },
  { name: "a long stream", at: "long stream", run: talk([get("/half")], "wait, then FIN") },
  { name: "a response that the upstream cut", at: "plain", run: talk([get("/cut")], "wait, then FIN") },
  { name: "an answer before the request is whole", at: "plain", run: talk([post("/early")]) },
  { name: "a network filter, rbac", at: "rbac", run: talk([get()], "wait") },
  { name: "a network filter, rbac that holds", at: "rbac, held", run: talk([get()], "wait") },
  { name: "a network filter, rbac that holds too long", at: "rbac, held", run: talk([get()]) },
  { name: "a network filter, rbac without a policy", at: "rbac, none", run: talk([get()], "wait") },
  { name: "a network filter, rbac of no byte", at: "rbac", run: talk([]) },
  { name: "a network filter, connection_limit", at: "limit", lines: 2, run: beside(talk([], "wait")) },
  { name: "a network filter, connection_limit that holds", at: "limit, held", lines: 2, run: beside(talk([], "wait")) },
  {
    name: "a network filter, connection_limit that holds too long",
    at: "limit, held",
    lines: 2,
    run: beside(talk([])),
  },
  { name: "a network filter, local_ratelimit", at: "rate", lines: 2, run: beside(talk([], "wait")) },
  { name: "HTTP/2, the client goes", at: "plain", run: talkHttp2("/") },
  { name: "HTTP/2, the client goes in a request", at: "plain", run: talkHttp2("/silent") },
  { name: "HTTP/2, no ping", at: "ping", run: talk([preface], "wait") },
  { name: "HTTP/2, a reset", at: "plain", run: talk([preface], "reset") },
  { name: "HTTP/2, idle", at: "idle", run: talk([preface], "wait, then FIN") },
  { name: "HTTP/2, old", at: "old", run: talk([preface], "wait, then FIN") },
];

for (const { name, at, lines: expected = 1, run } of cases) {
  test(name, async () => {
    const written = await onSides(sides, async (side) => {
      const read = () => readFileSync(logOf(side.name, at), "utf8").split("\n").slice(0, -1);
      const before = read().length;
      const added = () => read().slice(before);
      await run(side.ports[setupNames.indexOf(at)] as number);
      const connections = () => added().filter((line) => line.startsWith("ACCESS_LOG_TYPE=NotSet")).length;
      await expect.poll(connections, { timeout: 10_000 }).toBe(expected);
      return added();
    });
    for (const each of written) expect(each).toEqual(written.at(-1));
  });
}

/** What a client does when it has written: goes (at once, or with a reset), waits for the proxy, or does neither. */
type Leave = "FIN" | "reset" | "wait" | "wait, then FIN" | "answer" | "stay";

/** Writes each when something came for the one before, for a moment. */
function talk(texts: readonly string[], leave: Leave = "FIN"): (port: number) => Promise<void> {
  return async (port) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "connect");
    const closed = once(socket, "close");
    const ended = once(socket, "end").catch(() => {});
    for (const text of texts) {
      socket.write(text, "latin1");
      await Promise.race([once(socket, "data"), closed, sleep(60)]);
    }
    if (leave === "reset") socket.resetAndDestroy();
    else if (leave === "wait") await Promise.race([ended, closed]);
    else if (leave === "answer") await Promise.race([once(socket, "data"), closed]);
    // Behind all timeouts, within the delay of a close.
    else if (leave === "wait, then FIN") await sleep(600);
    else if (leave === "stay") await Promise.race([closed, sleep(400)]);
    socket.destroy();
    await closed;
  };
}

/** While another one is open. */
function beside(run: (port: number) => Promise<void>): (port: number) => Promise<void> {
  return async (port) => {
    const first = connect(port, "127.0.0.1");
    await once(first, "connect");
    await sleep(30);
    await run(port);
    await sleep(150);
    first.destroy();
  };
}

function talkHttp2(path: string): (port: number) => Promise<void> {
  return async (port) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request({ ":path": path }).resume();
    stream.on("error", () => {});
    await Promise.race([once(stream, "close"), sleep(100)]);
    session.destroy();
  };
}

function logOf(side: string, name: string): string {
  return join(folder, `${side}-${name.replaceAll(/\W/g, "-")}.log`);
}
