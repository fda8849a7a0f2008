import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as requestPlain, type Server } from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.ts";
import { loadFile, worldOf } from "../../src/explain/file-world.ts";
import { readRequest } from "../../src/explain/request-line.ts";
import { requirePeer } from "../peers.ts";
import { Authority } from "./certificates.ts";
import { explainBootstrap } from "./explain-bootstrap.ts";
import { chain, listener, manager, type Side, startSides } from "./sides.ts";

// What explain says of a request is what happens to it in Nuncio and in Envoy: route, cluster, status, and what the backend gets.

const folder = mkdtempSync(join(tmpdir(), "nuncio-explain-"));
const authority = new Authority(folder);
const backends: Server[] = [];
let sides: Side[] = [];
let bootstraps: object[] = [];

test("a listener is found by any of its addresses, and a chain by the one that is meant", async () => {
  const serving = (name: string, match: object) => ({
    ...chain(manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }]), null, match),
    name,
  });
  const address = (port: number, host: string) => ({ socket_address: { address: host, port_value: port } });
  const dual = {
    ...listener("dual", 1080, [
      serving("by port", { destination_port: 1081 }),
      serving("by range", { prefix_ranges: [{ address_prefix: "::1", prefix_len: 128 }] }),
      serving("any", {}),
    ]),
    additional_addresses: [{ address: address(1081, "127.0.0.1") }, { address: address(1082, "::1") }],
  };
  const other = listener("other", 1090, [serving("any", {})]);
  const loaded = loadFile("", JSON.stringify({ static_resources: { listeners: [dual, other] } }));
  if (typeof loaded === "string") throw new Error(loaded);
  const told = [1080, 1081, 1082].map((port) => {
    const request = readRequest(`GET http://a:${port}/`, []);
    if (typeof request === "string") throw new Error(request);
    const wish = { name: "", port: 0, source: "127.0.0.1", random: 0, routes: 0 };
    const found = explain(worldOf(loaded), request, wish);
    return typeof found === "string" ? found : [found.listener.address, found.filterChain?.name];
  });
  expect(told).toEqual([
    ["127.0.0.1:1080", "any"],
    ["127.0.0.1:1081", "by port"],
    ["[::1]:1082", "by range"],
  ]);
});

const cases: [line: string, headers: Record<string, string>][] = [
  ["GET http://shop.example/exact", {}],
  ["GET http://shop.example/exact?x=1&y=2", { "x-secret": "s", cookie: "a=b" }],
  ["GET http://shop.example/exact/", {}],
  ["GET http://shop.example/h/1", { "x-env": "prod" }],
  ["GET http://shop.example/h/1?z", { "x-env": "test" }],
  ["GET http://shop.example/h", { "x-env": "dev", "x-n": "5" }],
  ["GET http://shop.example/h", { "x-env": "dev", "x-n": "9" }],
  ["GET http://shop.example/h", { "x-env": "dev", "x-no": "1" }],
  ["GET http://shop.example/h", {}],
  ["GET http://shop.example/q?v=12", {}],
  ["GET http://shop.example/q?v=2&w", {}],
  ["GET http://shop.example/q", {}],
  ["GET http://shop.example/c", { cookie: "x=1; who=me" }],
  ["GET http://shop.example/c", { cookie: "who=you" }],
  ["GET http://shop.example/f", {}],
  ["POST http://shop.example/g.S/M", { "content-type": "application/grpc+proto", te: "trailers" }],
  ["POST http://shop.example/g.S/M", { "content-type": "application/json" }],
  ["GET http://shop.example/items/42", {}],
  ["GET http://shop.example/items/x", {}],
  ["GET http://shop.example/t/de/a/b?q=1", {}],
  ["GET http://shop.example/sep/a", {}],
  ["GET http://shop.example/sepa", {}],
  ["GET http://shop.example/case/a", {}],
  ["GET http://shop.example/hh", { "x-host": "chosen.example" }],
  ["GET http://shop.example/hh", {}],
  ["GET http://shop.example/hp/one/two?x", {}],
  ["GET http://shop.example/named", { "x-cluster": "b" }],
  ["GET http://shop.example/named", { "x-cluster": "nobody" }],
  ["GET http://shop.example/named", {}],
  ["GET http://shop.example/w", { "x-draw": "29" }],
  ["GET http://shop.example/w", { "x-draw": "30" }],
  ["GET http://shop.example/w", { "x-draw": "130" }],
  ["GET http://shop.example/old/a?b=c", {}],
  ["GET http://shop.example/teapot", {}],
  ["GET http://shop.example/found", {}],
  ["GET http://shop.example/unknown/a", {}],
  ["GET http://shop.example/limits", {}],
  ["GET http://shop.example/limits", { "x-envoy-upstream-rq-timeout-ms": "250" }],
  ["GET http://shop.example/auto", {}],
  ["GET http://shop.example/auto", { "x-envoy-original-host": "mine" }],
  ["GET http://shop.example/cors", {}],
  ["GET http://shop.example/r", { connection: "x-hop", "x-hop": "1" }],
  ["DELETE http://shop.example//r/../r/%2e/b", { "x-request-id": "mine" }],
  ["GET http://SHOP.example./r", { "x-forwarded-for": "9.9.9.9", "x-forwarded-proto": "https" }],
  ["GET http://shop.example:8080/r", {}],
  ["GET http://a.shop.example/", {}],
  ["GET http://a.deep.shop.example/", {}],
  ["GET http://img-1.example/", {}],
  ["GET http://other.example/", {}],
  ["GET http://tls.example/a?b", {}],
  ["GET https://tls.example/a?b", {}],
  ["GET https://shop.example/exact", {}],
  ["GET https://a.shop.example/r", {}],
  ["GET http://shop.example/r", { upgrade: "other", connection: "upgrade" }],
];

beforeAll(async () => {
  for (const name of ["a", "b"]) {
    const server = createServer((request, response) => {
      const { method, url, rawHeaders } = request;
      response.end(JSON.stringify({ backend: name, method, url, rawHeaders }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    backends.push(server);
  }
  const ports = backends.map((server) => (server.address() as AddressInfo).port);
  const own = authority.issue("server", "DNS:*.example");
  sides = await startSides(folder, 2, (listening, name) => {
    const bootstrap = explainBootstrap(listening, ports, join(folder, `${name}.log`), own);
    bootstraps.push(bootstrap);
    return bootstrap;
  });
  bootstraps = bootstraps.map((bootstrap, i) => {
    writeFileSync(join(folder, `explained-${i}.json`), JSON.stringify(bootstrap));
    return bootstrap;
  });
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  for (const server of backends) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});

describe("what explain says happens", () => {
  test.each(cases.map(([line, headers], i) => [`${line} ${JSON.stringify(headers)}`, i] as const))(
    "%s",
    async (_, i) => {
      const happened = [];
      for (const [s, side] of sides.entries()) {
        happened.push(await send(side, i));
        expect({ side: side.name, ...explained(s, i) }).toEqual({ side: side.name, ...happened[s] });
      }
    },
    30_000,
  );

  test("beside real Envoy", (context) => {
    requirePeer("envoy", context);
    expect(sides.map(({ name }) => name)).toEqual(["nuncio", "envoy"]);
    expect(cases.length).toBeGreaterThan(40);
  });
});

/** The parts that can be held against what happened. */
interface Fate {
  route: string;
  cluster: string;
  status: number;
  location: string;
  backend: unknown;
}

function explained(s: number, i: number): Fate {
  const [line, headers] = cases[i] ?? ["", {}];
  const file = loadFile(join(folder, `explained-${s}.json`), "");
  const request = readRequest(line, [`x-case: ${i}`, ...Object.entries(headers).map((pair) => pair.join(": "))]);
  if (typeof file === "string" || typeof request === "string") throw new Error(String(file) + String(request));
  const options = {
    name: line.includes("https:") ? "tls" : "plain",
    port: 0,
    source: "127.0.0.1",
    random: 0.5,
    routes: 10,
  };
  const said = explain(worldOf(file), request, options);
  if (typeof said === "string") throw new Error(said);
  const { winner, cluster, upstream, answer } = said;
  return {
    route: winner?.name ?? "-",
    cluster: cluster?.name ?? "-",
    status: answer?.status ?? 200,
    location: answer?.location ?? "",
    backend:
      upstream === null
        ? null
        : {
            backend: cluster?.name === "b" ? "b" : "a",
            method: upstream.method,
            url: upstream.path,
            headers: [
              `host: ${upstream.authority}`,
              ...upstream.headers.map(({ name, value }) => `${name}: ${masked(name, value)}`),
            ].sort(),
          },
  };
}

async function send(side: Side, i: number): Promise<Fate> {
  const [line, headers] = cases[i] ?? ["", {}];
  const [, method, scheme, host = "", path] = /^(\S+) (https?):\/\/([^/]+)(.*)$/.exec(line) ?? [];
  const isTls = scheme === "https";
  const options = {
    host: "127.0.0.1",
    port: side.ports[isTls ? 1 : 0],
    method,
    path,
    agent: false,
    headers: { host, "x-case": String(i), ...headers },
  };
  const answer = await new Promise<{ status: number; location: string; body: string }>((resolve, reject) => {
    const sent = (isTls ? requestTls : requestPlain)(
      isTls ? { ...options, servername: host, rejectUnauthorized: false } : options,
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (data: string) => (body += data));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? "", body }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
  const logged = await logLine(side, i);
  const [, route = "", cluster = ""] = logged.split("|");
  return {
    route,
    cluster,
    status: answer.status,
    location: answer.location,
    backend: answer.body.startsWith("{") ? backendSaw(JSON.parse(answer.body)) : null,
  };
}

function backendSaw({ rawHeaders, ...rest }: { rawHeaders: string[] }): object {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = rawHeaders.slice(i, i + 2);
    // Of the message's framing, which is no matter of routes.
    if (!/^(content-length|transfer-encoding)$/.test(name)) headers.push(`${name}: ${masked(name, value)}`);
  }
  return { ...rest, headers: headers.sort() };
}

/** A request id is another each time. */
function masked(name: string, value: string): string {
  return name === "x-request-id" && value !== "mine" ? "*" : value;
}

async function logLine(side: Side, i: number): Promise<string> {
  const find = () =>
    readFileSync(join(folder, `${side.name}.log`), "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${i}|`)) ?? "";
  await expect.poll(find, { timeout: 15_000 }).not.toBe("");
  return find();
}
