import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Authority } from "./certificates.ts";

// Which transport socket a request goes by: what backends saw of Nuncio and of real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-upstream-sockets-"));
const authority = new Authority(folder);
const certificate = authority.issue("server", "DNS:one.example,DNS:*.wild.example,IP:127.0.0.1");
const sides = [candidateCommand, peer("envoy")].map((command, i) => ({
  name: i === 0 ? "nuncio" : "envoy",
  command,
  port: 0,
  adminPort: 0,
  process: null as ProxyProcess | null,
}));
const servers: Server[] = [];
const connections = new Set<TLSSocket>();

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  const pem = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
  const told = (version: string, socket: TLSSocket) =>
    `HTTP/${version} alpn=${socket.alpnProtocol || "-"} sni=${socket.servername || "-"}`;
  const both = createSecureServer({ ...pem, allowHTTP1: true }, (request, response) => {
    const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
    response.end(told(request.httpVersion, socket));
  });
  const old = createHttpsServer(pem, (request, response) =>
    response.end(told(request.httpVersion, request.socket as TLSSocket)),
  );
  const plain = createPlainServer((request, response) => response.end(`HTTP/${request.httpVersion} plain`));
  servers.push(both, old, plain);
  both.on("secureConnection", (socket) => connections.add(socket));
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const side of sides) {
    if (side.command === null) continue;
    [side.port = 0, side.adminPort = 0] = await freePorts(2);
    side.process = await startProxy(side.command, bootstrap(side, ports), side.adminPort, folder, side.name);
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

const cases: { name: string; path: string; host?: string; header?: string; expected: string | RegExp }[] = [
  { name: "HTTP/1.1 offers itself", path: "/h1", expected: "HTTP/1.1 alpn=http/1.1 sni=-" },
  { name: "HTTP/2 offers itself", path: "/h2", expected: "HTTP/2.0 alpn=h2 sni=-" },
  { name: "auto_config takes HTTP/2 where it is spoken", path: "/auto", expected: "HTTP/2.0 alpn=h2 sni=-" },
  {
    name: "auto_config takes HTTP/1.1 where only that is",
    path: "/auto-old",
    expected: "HTTP/1.1 alpn=http/1.1 sni=-",
  },
  { name: "auto_config again, the protocol known", path: "/auto-old", expected: "HTTP/1.1 alpn=http/1.1 sni=-" },
  {
    name: "auto_sni is the host without its port",
    path: "/sni",
    host: "one.example:8080",
    expected: /sni=one\.example$/,
  },
  { name: "auto_sni of another host", path: "/sni", host: "two.example", expected: /sni=two\.example$/ },
  { name: "an address is no name", path: "/sni", host: "10.0.0.1", expected: /sni=-$/ },
  { name: "an IPv6 address is no name", path: "/sni", host: "[::1]:99", expected: /sni=-$/ },
  { name: "auto_sni by a header", path: "/sni-header", header: "three.example", expected: /sni=three\.example$/ },
  {
    name: "without the header it is the host",
    path: "/sni-header",
    host: "one.example",
    expected: /sni=one\.example$/,
  },
  { name: "auto_san_validation passes", path: "/san", host: "one.example", expected: /sni=one\.example$/ },
  {
    name: "auto_san_validation passes a wildcard",
    path: "/san",
    host: "a.wild.example",
    expected: /sni=a\.wild\.example$/,
  },
  { name: "auto_san_validation refuses", path: "/san", host: "two.example", expected: /^503 / },
  { name: "auto_san_validation passes an address", path: "/san", host: "127.0.0.1", expected: /sni=-$/ },
  { name: "auto_san_validation refuses an address", path: "/san", host: "127.0.0.2", expected: /^503 / },
  { name: "auto_host_sni is the endpoint's hostname", path: "/host-sni", expected: /sni=endpoint\.example$/ },
];

describe.each(cases)("$name", ({ path, host, header, expected }) => {
  for (const side of sides) {
    test.skipIf(side.command === null)(side.name, async () => {
      const answer = await ask(side.port, path, host ?? "a.example", header);
      if (typeof expected === "string") expect(answer).toBe(expected);
      else expect(answer).toMatch(expected);
    });
  }
});

test("two names never share a connection, one name does", async () => {
  for (const side of sides) {
    if (side.command === null) continue;
    connections.clear();
    for (let i = 0; i < 3; i++) for (const host of ["x.example", "y.example"]) await ask(side.port, "/sni-h2", host);
    expect([...connections].map((socket) => socket.servername).sort()).toEqual(["x.example", "y.example"]);
  }
});

test("endpoints of one cluster go by the socket that their metadata asks for", async () => {
  const seen = await Promise.all(
    sides.map(async (side) => {
      if (side.command === null) return null;
      const found = new Set<string>();
      for (let i = 0; i < 12; i++) found.add(await ask(side.port, "/matched", "a.example"));
      const text = await (
        await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=cluster.matched.*total_match_count`)
      ).text();
      return { found: [...found].sort(), counts: text.trim().split("\n").sort() };
    }),
  );
  expect(seen[0]?.found).toEqual(["HTTP/1.1 alpn=http/1.1 sni=matched.example", "HTTP/1.1 plain"]);
  if (sides[1]?.command !== null) expect(seen[0]).toEqual(seen[1]);
});

async function ask(port: number, path: string, host: string, header?: string): Promise<string> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const headers = { host, connection: "close", ...(header === undefined ? {} : { "x-name": header }) };
    request({ host: "127.0.0.1", port, path, headers }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(response.statusCode === 200 ? body : `${response.statusCode} ${body}`));
    })
      .on("error", reject)
      .end();
  });
}

function bootstrap(side: (typeof sides)[0], ports: readonly number[]): object {
  const [both = 0, old = 0, plain = 0] = ports;
  const h1 = { explicit_http_config: { http_protocol_options: {} } };
  const h2 = { explicit_http_config: { http2_protocol_options: {} } };
  const sni = (fields: object) => ({ upstream_http_protocol_options: fields });
  const clusters = [
    cluster("h1", [endpoint(both)], h1, {}),
    cluster("h2", [endpoint(both)], h2, {}),
    cluster("auto", [endpoint(both)], { auto_config: {} }, {}),
    cluster("auto-old", [endpoint(old)], { auto_config: {} }, {}),
    cluster("sni", [endpoint(both)], { ...h1, ...sni({ auto_sni: true }) }, {}),
    cluster("sni-h2", [endpoint(both)], { ...h2, ...sni({ auto_sni: true }) }, {}),
    cluster(
      "sni-header",
      [endpoint(both)],
      { ...h1, ...sni({ auto_sni: true, override_auto_sni_header: "X-Name" }) },
      {},
    ),
    cluster(
      "san",
      [endpoint(both)],
      { ...h1, ...sni({ auto_sni: true, auto_san_validation: true }) },
      {
        common_tls_context: { validation_context: { trusted_ca: { filename: authority.ca } } },
      },
    ),
    cluster("host-sni", [endpoint(both, "endpoint.example")], h1, { auto_host_sni: true }),
    {
      ...cluster("matched", [endpoint(both, "", { tls: true }), endpoint(plain, "", { tls: false })], h1, {}),
      transport_socket_matches: [
        { name: "secure", match: { tls: true }, transport_socket: tls({ sni: "matched.example" }) },
        {
          name: "open",
          match: {},
          transport_socket: {
            name: "raw",
            typed_config: { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" },
          },
        },
      ],
    },
  ];
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        {
          name: "a",
          domains: ["*"],
          routes: clusters.map(({ name }) => ({ match: { path: `/${name}` }, route: { cluster: name } })),
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  const filters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
  return {
    admin: { address: address(side.adminPort) },
    static_resources: {
      listeners: [{ name: "main", address: address(side.port), filter_chains: [{ filters }] }],
      clusters,
    },
  };
}

function cluster(name: string, endpoints: object[], options: object, context: object) {
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    transport_socket: tls(context),
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        ...options,
      },
    },
  };
}

function endpoint(port: number, hostname = "", match: object | null = null): object {
  return {
    endpoint: { address: address(port), ...(hostname === "" ? {} : { hostname }) },
    ...(match === null ? {} : { metadata: { filter_metadata: { "envoy.transport_socket_match": match } } }),
  };
}

function tls(context: object): object {
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  return { name: "tls", typed_config: { "@type": type, ...context } };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
