import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import {
  cluster,
  httpOptions,
  listener,
  manager,
  chain as managerChain,
  onSides,
  type Side,
  startSides,
  statsOf,
  tlsSocket,
} from "./sides.ts";

// What an upstream sees in front of a request: the bytes of Nuncio and of real Envoy, ports masked.

const folder = mkdtempSync(join(tmpdir(), "nuncio-upstream-proxy-"));
const authority = new Authority(folder);
const certificate = authority.issue("server", "DNS:up.example");
let backend: Server;
let sides: Side[] = [];
/** What each connection to the backend began with, in hex; by the path of its first request. */
const seen = new Map<string, string[]>();

beforeAll(async () => {
  backend = createServer(record);
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const { port } = backend.address() as AddressInfo;
  sides = await startSides(folder, 2, ([direct = 0, proxied = 0]) => bootstrap(direct, proxied, port));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  backend.close();
  rmSync(folder, { recursive: true });
});

const signature = "\r\n\r\n\0\r\nQUIT\n";
/** Of one source: connections of the same one would be shared between the cases. */
function sourceOf(port: number): { v1: string; v4: string; v6: string } {
  const word = port.toString(16).padStart(4, "0");
  return {
    v1: Buffer.from(`PROXY TCP4 10.1.2.3 10.9.8.7 ${port} 80\r\n`).toString("hex"),
    v4: `0a0102030a090807${word}0050`,
    v6: `20010db8${"0".repeat(22)}0120010db8${"0".repeat(22)}02${word}0050`,
  };
}
const tlvs = "e00003616263e100017ae00001ff050000";
/** In front of the request; "" for a connection without. */
const headers: { name: string; header: (port: number) => string }[] = [
  { name: "a connection of its own", header: () => "" },
  { name: "version 1", header: (port) => sourceOf(port).v1 },
  { name: "version 1, UNKNOWN", header: () => Buffer.from("PROXY UNKNOWN\r\n").toString("hex") },
  { name: "version 2 over IPv4", header: (port) => v2(0x21, 0x11, sourceOf(port).v4) },
  { name: "version 2 with TLVs, a type twice", header: (port) => v2(0x21, 0x11, sourceOf(port).v4 + tlvs) },
  { name: "version 2 over IPv6 with TLVs", header: (port) => v2(0x21, 0x21, sourceOf(port).v6 + tlvs) },
  { name: "version 2, LOCAL", header: (port) => v2(0x20, 0x11, sourceOf(port).v4 + tlvs) },
];
const clusters: { name: string; config: object; more?: object; metadata?: object }[] = [
  { name: "none", config: {} },
  { name: "v1", config: { version: "V1" } },
  { name: "v2", config: { version: "V2" } },
  { name: "all", config: { version: "V2", pass_through_tlvs: { match_type: "INCLUDE_ALL" } } },
  { name: "some", config: { version: "V2", pass_through_tlvs: { match_type: "INCLUDE", tlv_type: [225, 5] } } },
  {
    name: "added",
    config: {
      version: "V2",
      pass_through_tlvs: {},
      added_tlvs: [tlv(240, "one"), tlv(225, "two"), tlv(240, "three")],
    },
  },
  {
    name: "host",
    config: { version: "V2", pass_through_tlvs: {}, added_tlvs: [tlv(240, "config"), tlv(241, "config")] },
    metadata: {
      typed_filter_metadata: {
        "envoy.transport_sockets.proxy_protocol": {
          "@type": "type.googleapis.com/envoy.config.core.v3.PerHostConfig",
          added_tlvs: [tlv(240, "host"), tlv(224, "host"), tlv(240, "again")],
        },
      },
    },
  },
  {
    name: "long",
    config: {
      version: "V2",
      pass_through_tlvs: {},
      added_tlvs: [tlv(240, "a".repeat(40_000)), tlv(241, "b".repeat(40_000)), tlv(242, "c")],
    },
  },
  { name: "v1-added", config: { version: "V1", pass_through_tlvs: {}, added_tlvs: [tlv(240, "one")] } },
];

describe.each(clusters)("cluster $name", ({ name }) => {
  for (const [i, { name: title, header }] of headers.entries()) {
    test(`from ${title}`, async () => {
      const [ours, theirs] = await onSides(sides, (side) => ask(side, `/${name}`, header(1000 + i)));
      expect(ours).not.toBe("");
      if (theirs !== undefined) expect(ours).toBe(theirs);
    });
  }
});

test("all of a version 2 header", async () => {
  const header = v2(0x21, 0x11, sourceOf(2000).v4 + tlvs);
  for (const side of sides) expect(await ask(side, "/all", header)).toBe(header);
});

describe.each([
  { name: "tls-v1", expected: /^PROXY TCP4 10/ },
  { name: "tls-v2", expected: /^0d0a0d0a000d0a51/ },
  { name: "http2", expected: /^0d0a0d0a000d0a51/ },
  { name: "matched", expected: /^$/ },
])("cluster $name", ({ name, expected }) => {
  test("the header goes before the handshake or the preface", async () => {
    const header = v2(0x21, 0x11, sourceOf(3000).v4 + tlvs);
    const [ours, theirs] = await onSides(sides, (side) => ask(side, `/${name}`, header));
    expect(ours).toMatch(expected);
    if (theirs !== undefined) expect(ours).toBe(theirs);
  });
});

test("a mirrored request is the proxy's own: LOCAL", async () => {
  const answers = await onSides(sides, async (side) => {
    seen.delete("/mirrored");
    await ask(side, "/mirrored", v2(0x21, 0x11, sourceOf(4000).v4));
    await expect.poll(() => seen.get("/mirrored")?.length, { timeout: 20_000 }).toBe(2);
    return seen.get("/mirrored")?.toSorted();
  });
  expect(answers[0]).toEqual([v2(0x20, 0, ""), v2(0x21, 0x11, sourceOf(4000).v4)]);
  if (answers.length > 1) expect(answers[0]).toEqual(answers[1]);
});

test("one downstream connection keeps to its upstream connections, another one has its own", async () => {
  const found = await onSides(sides, async (side) => {
    seen.delete("/pooled");
    const header = (port: number) => Buffer.from(sourceOf(port).v1, "hex");
    const [first, second] = [connect(side.ports[1] ?? 0, "127.0.0.1"), connect(side.ports[1] ?? 0, "127.0.0.1")];
    first.write(header(1000));
    second.write(header(2000));
    for (const socket of [first, second, first, second]) await request(socket, "/pooled", "keep-alive");
    first.destroy();
    second.destroy();
    // The same addresses again: the connection that is idle serves them too.
    const third = connect(side.ports[1] ?? 0, "127.0.0.1");
    third.write(header(1000));
    await request(third, "/pooled", "close");
    const key = "cluster.pooled.upstream_cx_(total|http1_total|tx_bytes_total)|cluster.pooled.upstream_rq_total";
    await expect
      .poll(async () => (await statsOf(side, key)).get("cluster.pooled.upstream_rq_total"), { timeout: 20_000 })
      .toBe(5);
    const stats = await statsOf(side, key);
    return { connections: seen.get("/pooled"), stats: [...stats].sort() };
  });
  expect(found[0]?.connections).toHaveLength(2);
  if (found.length > 1) expect(found[0]).toEqual(found[1]);
});

test.each(["dead", "dead-tls"])("a connection that fails: cluster %s", async (name) => {
  const answers = await onSides(sides, async (side) => {
    const body = await ask(side, `/${name}`, v2(0x21, 0x11, sourceOf(6000).v4));
    return body.replace(/reset reason:.*/, "");
  });
  expect(answers[0]).toMatch(/^upstream connect error/);
  if (answers.length > 1) expect(answers[0]).toBe(answers[1]);
});

test("TLVs left out are counted", async () => {
  const name = "cluster.long.upstream.proxyprotocol.v2_tlvs_exceed_max_length";
  const counts = await onSides(sides, async (side) => {
    await ask(side, "/long", v2(0x21, 0x11, sourceOf(5000).v4));
    await expect.poll(async () => (await statsOf(side, name)).get(name) ?? 0, { timeout: 20_000 }).toBeGreaterThan(0);
    return (await statsOf(side, name)).get(name);
  });
  if (counts.length > 1) expect(counts[0]).toBe(counts[1]);
});

/** The header that the backend saw before a request from this side; ports that are the run's are masked. */
async function ask(side: Side, path: string, header: string): Promise<string> {
  const port = side.ports[header === "" ? 0 : 1] ?? 0;
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  const own = (socket.address() as AddressInfo).port;
  if (header !== "") socket.write(Buffer.from(header, "hex"));
  const hex = await request(socket, path, "close");
  const text = Buffer.from(hex, "hex").toString("latin1");
  if (text.startsWith("PROXY ")) return text.replace(` ${own} `, " OWN ").replace(` ${port}\r`, " PORT\r");
  const word = (n: number): string => n.toString(16).padStart(4, "0");
  return hex.replace(`${word(own)}${word(port)}`, "ownportx");
}

/** The body of the answer. */
function request(socket: Socket, path: string, connection: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (data: Buffer): void => {
      text += data.toString("latin1");
      const length = /content-length: (\d+)\r\n/i.exec(text)?.[1];
      const start = text.indexOf("\r\n\r\n") + 4;
      if (length === undefined || start < 4 || text.length < start + Number(length)) return;
      socket.off("data", onData);
      resolve(text.slice(start));
    };
    socket.on("data", onData);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed after ${text}`)));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`);
  });
}

/** Reads the PROXY header, then what follows it: TLS, HTTP/2's preface or a request. Answers with the header in hex. */
function record(socket: Socket): void {
  let bytes = Buffer.alloc(0);
  socket.on("error", () => {});
  const onData = (data: Buffer): void => {
    bytes = Buffer.concat([bytes, data]);
    const at = headerLength(bytes);
    if (at === null || bytes.length <= at) return;
    const header = bytes.subarray(0, at).toString("hex");
    const rest = bytes.subarray(at);
    socket.off("data", onData);
    socket.pause();
    socket.unshift(rest);
    if (rest[0] === 0x16) {
      const options = { isServer: true, cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
      const secure = new TLSSocket(socket, options);
      secure.on("error", () => {});
      answer(secure, header);
    } else if (rest.toString("latin1").startsWith("PRI")) answerHttp2(socket, header);
    else answer(socket, header);
  };
  socket.on("data", onData);
}

function answer(socket: Socket, header: string): void {
  let text = "";
  let isFirst = true;
  socket.on("data", (data: Buffer) => {
    text += data.toString("latin1");
    for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
      const path = text.split(" ")[1] ?? "";
      text = text.slice(end + 4);
      if (isFirst) seen.set(path, [...(seen.get(path) ?? []), header]);
      isFirst = false;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${header.length}\r\n\r\n${header}`);
    }
  });
  socket.resume();
}

/** node:http2 reads a socket from its first byte: it gets another one. */
function answerHttp2(socket: Socket, header: string): void {
  const server = createHttp2((_request, response) => {
    response.setHeader("content-length", header.length);
    response.end(header);
    server.close();
  });
  server.listen(0, "127.0.0.1", () => {
    const inner = connect((server.address() as AddressInfo).port, "127.0.0.1");
    inner.on("error", () => {});
    socket.pipe(inner).pipe(socket);
  });
}

/** null while it is not whole. */
function headerLength(bytes: Buffer): number | null {
  if (bytes.length < 16) return null;
  const text = bytes.latin1Slice(0, 12);
  if (text === signature) return 16 + bytes.readUInt16BE(14);
  if (!text.startsWith("PROXY ")) return 0;
  const end = bytes.indexOf("\r\n");
  return end < 0 ? null : end + 2;
}

function v2(command: number, family: number, hex: string): string {
  const body = Buffer.from(hex, "hex");
  const head = Buffer.from([command, family, body.length >> 8, body.length & 255]);
  return Buffer.concat([Buffer.from(signature, "latin1"), head, body]).toString("hex");
}

function tlv(type: number, value: string): object {
  return { type, value: Buffer.from(value).toString("base64") };
}

function bootstrap(direct: number, proxied: number, port: number): object {
  const h2 = httpOptions({ explicit_http_config: { http2_protocol_options: {} } });
  const tls = (version: string) => proxySocket({ version }, tlsSocket("Upstream", { sni: "up.example" }));
  const withMetadata = (name: string, metadata: object, more: object) => ({
    ...cluster(name, port, more),
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } }, metadata },
          ],
        },
      ],
    },
  });
  const all = [
    ...clusters.map(({ name, config, metadata }) =>
      metadata === undefined
        ? cluster(name, port, { transport_socket: proxySocket(config) })
        : withMetadata(name, metadata, { transport_socket: proxySocket(config) }),
    ),
    cluster("tls-v1", port, { transport_socket: tls("V1") }),
    cluster("tls-v2", port, { transport_socket: tls("V2") }),
    cluster("http2", port, { transport_socket: proxySocket({ version: "V2" }), ...h2 }),
    cluster("pooled", port, { transport_socket: proxySocket({ version: "V1" }) }),
    cluster("dead", 1, { transport_socket: proxySocket({ version: "V2" }) }),
    cluster("dead-tls", 1, { transport_socket: tls("V2") }),
    cluster("mirror", port, { transport_socket: proxySocket({ version: "V2" }) }),
    cluster("mirrored", port, { transport_socket: proxySocket({ version: "V2" }) }),
    withMetadata(
      "matched",
      { filter_metadata: { "envoy.transport_socket_match": { plain: true } } },
      {
        transport_socket: proxySocket({ version: "V2" }),
        transport_socket_matches: [{ name: "plain", match: { plain: true }, transport_socket: raw }],
      },
    ),
  ];
  const routes = all.map(({ name }: { name?: string }) => ({
    match: { path: `/${name}` },
    route: {
      cluster: name,
      ...(name === "mirrored" ? { request_mirror_policies: [{ cluster: "mirror" }] } : {}),
    },
  }));
  const proxyFilter = {
    name: "proxy_protocol",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
      pass_through_tlvs: {},
    },
  };
  return {
    static_resources: {
      listeners: [
        listener("direct", direct, [managerChain(manager(routes), null)]),
        listener("proxied", proxied, [managerChain(manager(routes), null)], [proxyFilter]),
      ],
      clusters: all,
    },
  };
}

const raw = {
  name: "raw",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" },
};

function proxySocket(config: object, inner: object = raw): object {
  const type = "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";
  return {
    name: "envoy.transport_sockets.upstream_proxy_protocol",
    typed_config: { "@type": `type.googleapis.com/${type}`, config, transport_socket: inner },
  };
}
