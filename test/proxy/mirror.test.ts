import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { peer } from "../peers.ts";
import { type Nuncio, startNuncio } from "./nuncio.ts";

// request_mirror_policies: what the mirrors get is what real Envoy sends them, and no mirror is felt by the client.

interface Copy {
  mirror: string;
  line: string;
  fields: Record<string, unknown>;
  body: string;
}

const copies: Copy[] = [];
const sockets: Socket[] = [];
const servers: (Server | Http2Server)[] = [];
const proxies: Nuncio[] = [];
const envoy = peer("envoy");

beforeAll(async () => {
  if (process.env.CI === "true") expect(envoy).not.toBe(null);
  const backend = await listen(
    createServer((request, response) => request.resume().on("end", () => response.end("ok"))),
  );
  const first = await listen(mirror("first"));
  const second = await listen(
    createHttp2Server().on("stream", (stream: ServerHttp2Stream, fields) => {
      const line = `${fields[":method"]} ${fields[":path"]} ${fields[":authority"]}`;
      keep("second", line, fields, stream);
      stream.respond({ ":status": 404 });
      stream.end();
    }),
  );
  // Takes the connection and is silent; nobody listens on the last one.
  const silent = await listen(createServer(() => {}));
  const options = {
    backendPort: backend,
    args: ["--concurrency", "1"],
    manager: { use_remote_address: true, route_config: routes },
  };
  for (const binary of envoy === null ? [null] : [null, envoy]) {
    const clusters = [
      cluster("backend", backend),
      cluster("first", first),
      cluster("second", second, { http2_protocol_options: {} }),
      cluster("silent", silent),
      cluster("closed", 1),
    ];
    proxies.push(await startNuncio({ ...options, ...(binary === null ? {} : { binary }), clusters }));
  }
});

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

const get = (path: string, host = "a.example", fields = "") =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`;
const post = (path: string, framing: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a.example\r\n${framing}\r\nConnection: close\r\n\r\n${body}`;
const big = "x".repeat(40_000);
const cases: [string, string, number][] = [
  ["a request without a body", get("/one?q"), 1],
  ["a host with a port", get("/one", "a.example:80"), 1],
  ["an IPv6 host", get("/one", "[::1]"), 1],
  ["an IPv6 host with a port", get("/one", "[::1]:99"), 1],
  ["x-forwarded-for of the client", get("/one", "a.example", "X-Forwarded-For: 198.51.100.1\r\n"), 1],
  ["a body with a length", post("/one", "Content-Length: 4", "body"), 1],
  ["a chunked body", post("/one", "Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"), 1],
  ["a large body", post("/one", `Content-Length: ${big.length}`, big), 1],
  ["no suffix", get("/same"), 1],
  ["another host", get("/literal"), 1],
  ["two mirrors, one of HTTP/2", post("/two", "Content-Length: 4", "body"), 2],
  ["the cluster by a field", get("/field", "a.example", "X-Mirror: first\r\n"), 1],
  ["a field that names no cluster", get("/field", "a.example", "X-Mirror: none\r\n"), 0],
  ["no field", get("/field"), 0],
  ["a fraction of none", get("/never"), 0],
  ["a fraction of all", get("/always"), 1],
  ["of the virtual host", get("/plain"), 1],
  ["a rewritten path and an added field", get("/rewritten/a?b"), 1],
  ["a mirror that nobody listens on", get("/closed"), 0],
  ["a mirror that never answers", get("/silent"), 0],
  ["an upgrade", get("/one", "a.example", "Upgrade: websocket\r\n").replace("close", "upgrade"), 0],
];

describe.each(cases)("%s", (_name, request, count) => {
  test("the copies", async () => {
    const seen: Copy[][] = [];
    for (const proxy of proxies) {
      copies.length = 0;
      const status = await ask(proxy.port, request);
      expect(status).toBe(request.includes("Upgrade") ? 403 : 200);
      await expect.poll(() => copies.length, { timeout: 5000 }).toBe(count);
      seen.push(copies.slice().sort((a, b) => (a.mirror < b.mirror ? -1 : 1)));
    }
    for (const other of seen.slice(1)) expect(seen[0]).toEqual(other);
  });
});

test("the stats of the mirrors' clusters", async () => {
  const names = ["first", "second", "closed"].flatMap((name) =>
    ["upstream_rq_total", "upstream_rq_200", "upstream_rq_404", "upstream_cx_connect_fail"].map(
      (stat) => `cluster.${name}.${stat}`,
    ),
  );
  await vi.waitFor(async () => {
    const [first, ...others] = await Promise.all(
      proxies.map((proxy) => Promise.all(names.map(async (name) => (await proxy.stat(name)) || 0))),
    );
    expect(first?.[0]).toBeGreaterThan(10);
    for (const other of others) expect(other).toEqual(first);
  }, 5000);
});

function mirror(name: string): Server {
  return createServer((request: IncomingMessage, response) => {
    keep(name, `${request.method} ${request.url} ${request.headers.host}`, request.headers, request);
    response.end("nobody reads this");
  });
}

function keep(name: string, line: string, all: object, body: NodeJS.ReadableStream): void {
  const fields = Object.fromEntries(Object.entries(all).filter(([key]) => !ignored.has(key)));
  let text = "";
  body.on("data", (data) => (text += data));
  body.on("end", () => copies.push({ mirror: name, line, fields, body: text }));
}

/** Says the status. */
function ask(port: number, request: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.once("data", (data) => {
      resolve(Number(data.toString().slice(9, 12)));
      socket.destroy();
    });
    socket.on("error", () => resolve(0));
  });
}

function listen(server: Server | Http2Server): Promise<number> {
  servers.push(server);
  server.on("connection", (socket: Socket) => sockets.push(socket));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function cluster(name: string, port: number, more: object = {}): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...more,
  };
}

const ignored = new Set(["x-request-id"]);
const percent = (numerator: number) => ({ default_value: { numerator, denominator: "HUNDRED" } });
const route = (prefix: string, policies: object[], more: object = {}) => ({
  match: { prefix },
  route: { cluster: "backend", request_mirror_policies: policies, ...more },
});
const routes = {
  virtual_hosts: [
    {
      name: "all",
      domains: ["*"],
      request_mirror_policies: [{ cluster: "first" }],
      routes: [
        route("/one", [{ cluster: "first" }]),
        route("/same", [{ cluster: "first", disable_shadow_host_suffix_append: true }]),
        route("/literal", [{ cluster: "first", host_rewrite_literal: "other.example" }]),
        route("/two", [{ cluster: "first" }, { cluster: "second" }]),
        route("/field", [{ cluster_header: "x-mirror" }]),
        route("/never", [{ cluster: "first", runtime_fraction: percent(0) }]),
        route("/always", [{ cluster: "first", runtime_fraction: percent(100) }]),
        route("/closed", [{ cluster: "closed" }]),
        route("/silent", [{ cluster: "silent" }]),
        {
          ...route("/rewritten", [{ cluster: "first" }], { prefix_rewrite: "/in", timeout: "3s" }),
          request_headers_to_add: [{ header: { key: "x-added", value: "yes" } }],
        },
        { match: { prefix: "/" }, route: { cluster: "backend" } },
      ],
    },
  ],
};
