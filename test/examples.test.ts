import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { parse } from "yaml";
import { freePorts, type ProxyProcess, startProxy } from "./differential/process.ts";
import { peer, requirePeer } from "./peers.ts";

// Each file of examples/ is good for Nuncio and for real Envoy, and does on both what its comments say. Only ports and paths are changed.

interface Example {
  /** What is asked, and the answer. `saw`: the request line of the backend, and fields it must have had. */
  requests?: {
    path: string;
    host?: string;
    fields?: Record<string, string>;
    status: number;
    headers?: Record<string, string>;
    saw?: string[];
  }[];
  /** What else is to be seen, with the proxy's port. */
  more?: (port: number) => Promise<void>;
}

const repository = join(import.meta.dirname, "..");
const nuncio = join(repository, "bin/nuncio");
const folder = mkdtempSync(join(tmpdir(), "nuncio-examples-"));
const files = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));

const examples: Record<string, Example> = {
  "demo.yaml": {
    requests: [
      { path: "/hello", status: 200 },
      { path: "/old", host: "a.example", status: 301, headers: { location: "http://a.example/echo" } },
      { path: "/api/items", status: 200, saw: ["GET /v1/items"] },
      { path: "/any", status: 200, headers: { "x-demo": "nuncio" }, saw: ["GET /any"] },
    ],
  },
  "jwt-rate-limit.yaml": {
    requests: [
      { path: "/healthz", status: 200 },
      { path: "/orders", status: 401, headers: { "www-authenticate": 'Bearer realm="http://any.example/orders"' } },
      { path: "/orders", fields: { authorization: "Bearer a.b.c" }, status: 401 },
      ...[200, 200, 200, 429].map((status) => ({
        path: "/orders",
        fields: { authorization: `Bearer ${tokenOf("jwt-rate-limit.yaml")}`, "x-debug": "1" },
        status,
        headers: { "x-served-by": hostname() },
        saw: status === 200 ? ["GET /orders", "x-user: ann"] : [],
      })),
    ],
  },
  "weighted.yaml": {
    requests: [
      { path: "/healthz", host: "shop.example", status: 200 },
      { path: "/api/cart", host: "shop.example:80", status: 200, saw: ["GET /cart"] },
      { path: "/a", host: "other.example", status: 302, headers: { location: "http://shop.example/a" } },
    ],
  },
  "explain.yaml": {
    requests: [
      { path: "/cart/items?id=7", host: "shop.example", status: 200 },
      { path: "/", host: "eu.shop.example", status: 503 },
      { path: "/", host: "other.example", status: 404 },
    ],
  },
  "redirects.yaml": {
    requests: [
      { path: "/a?b", host: "shop.example", status: 301, headers: { location: "https://www.shop.example/a?b" } },
      { path: "/healthz", status: 200 },
      { path: "/old", host: "a.example", status: 308, headers: { location: "http://a.example/new" } },
      { path: "/item/42", host: "a.example", status: 302, headers: { location: "http://a.example/items?id=42" } },
      { path: "/", status: 503, headers: { "retry-after": "3600" } },
    ],
  },
  "rewrites.yaml": {
    requests: [
      { path: "//api///items?a", status: 200, saw: ["GET /v2/items?a", "x-client: 127.0.0.1"] },
      { path: "/api", status: 200, saw: ["GET /v2"] },
      { path: "/apis", status: 200, saw: ["GET /apis", "host: app.internal"] },
      { path: "/user/ann/photos", status: 200, saw: ["GET /photos?user=ann"] },
    ],
  },
  "access-log.yaml": {
    requests: [
      { path: "/fine", status: 200, saw: ["GET /fine"] },
      { path: "/broken", status: 500, saw: ["GET /broken"] },
    ],
    async more() {
      await expect.poll(() => readFileSync(join(folder, "errors.log"), "utf8"), { timeout: 5000 }).toContain("/broken");
      expect(readFileSync(join(folder, "errors.log"), "utf8")).not.toContain("/fine");
    },
  },
  "websocket.yaml": {
    requests: [{ path: "/ws/plain", status: 200, saw: ["GET /ws/plain"] }],
    async more(port) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat`);
      await once(socket, "open");
      socket.send("hello");
      const [message] = (await once(socket, "message")) as [Buffer];
      expect(message.toString()).toBe("echo hello");
      socket.close();
      const refused = new WebSocket(`ws://127.0.0.1:${port}/other`);
      const [error] = (await once(refused, "error")) as [Error];
      expect(error.message).toBe("Unexpected server response: 403");
    },
  },
  "grpc.yaml": {
    async more(port) {
      const session = connect(`http://127.0.0.1:${port}`);
      const stream = session.request({ ":path": "/a.B/C", ":method": "POST", "content-type": "application/grpc" });
      stream.end();
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
      expect([headers[":status"], headers["grpc-status"]]).toEqual([200, "12"]);
      session.destroy();
    },
  },
};

let backend: Server;
let webSockets: WebSocketServer;

beforeAll(async () => {
  backend = createServer((message, response) => {
    const lines = Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`);
    response.statusCode = message.url === "/broken" ? 500 : 200;
    response.end([`${message.method} ${message.url}`, ...lines].join("\n"));
  });
  webSockets = new WebSocketServer({ server: backend });
  webSockets.on("connection", (socket) => socket.on("message", (data) => socket.send(`echo ${data}`)));
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
});

afterAll(() => {
  webSockets.close();
  backend.close();
  backend.closeAllConnections();
  rmSync(folder, { recursive: true });
});

test("each file has its entry here", () => {
  expect(Object.keys(examples).sort()).toEqual(files.sort());
});

describe.each(files)("%s", (file) => {
  test("is good for Nuncio, without a warning", () => {
    const run = spawnSync(nuncio, ["--mode", "validate", "-c", `examples/${file}`], {
      cwd: repository,
      encoding: "utf8",
    });
    expect([run.status, run.stdout, run.stderr]).toEqual([0, `configuration 'examples/${file}' OK\n`, ""]);
  });

  test("is good for Envoy", (context) => {
    const args = ["--mode", "validate", "-c", `examples/${file}`, "-l", "error"];
    expect(spawnSync(requirePeer("envoy", context), args, { cwd: repository }).status).toBe(0);
  });

  test.each(["nuncio", "envoy"])("does what it says with %s", async (name) => {
    const command = name === "nuncio" ? nuncio : peer("envoy");
    if (command === null) return expect(process.env.CI).not.toBe("true");
    const [port = 0, adminPort = 0] = await freePorts(2);
    const proxy: ProxyProcess = await startProxy(command, here(file, port, adminPort), adminPort, folder, name);
    try {
      const { requests = [], more } = examples[file] ?? {};
      for (const { path, host = "any.example", fields = {}, status, headers = {}, saw = [] } of requests) {
        const answer = await get(port, path, { host, ...fields });
        expect([path, answer.status]).toEqual([path, status]);
        expect(answer.headers).toMatchObject(headers);
        for (const line of saw) expect(answer.body.split("\n")).toContain(line);
      }
      await more?.(port);
    } finally {
      await proxy.stop();
      if (existsSync(join(folder, "errors.log"))) rmSync(join(folder, "errors.log"));
    }
  });
});

/** The file with an admin and the listener on ports of ours, every upstream our backend. */
function here(file: string, port: number, adminPort: number): object {
  const { port: backendPort } = backend.address() as AddressInfo;
  const text = readFileSync(join(repository, "examples", file), "utf8")
    .replace("port_value: 10000 ", `port_value: ${port} `)
    .replace(/port_value: (10080|808\d)\b/g, `port_value: ${backendPort}`)
    .replace("/tmp/nuncio-errors.log", join(folder, "errors.log"));
  const admin = { address: { socket_address: { address: "127.0.0.1", port_value: adminPort } } };
  return { ...(parse(text) as object), admin };
}

/** The token that the comment at the file's top gives. */
function tokenOf(file: string): string {
  return /^# TOKEN=(\S+)$/m.exec(readFileSync(join(repository, "examples", file), "utf8"))?.[1] ?? "";
}

async function get(port: number, path: string, headers: Record<string, string>) {
  const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}
