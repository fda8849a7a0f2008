import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Authority } from "./certificates.ts";
import { tlsSocket } from "./sides.ts";

// PROXY protocol headers, good and bad, to Nuncio and to real Envoy: the same answers, addresses and counts.

const folder = mkdtempSync(join(tmpdir(), "nuncio-proxy-protocol-"));
const authority = new Authority(folder);
const certificate = authority.issue("server", "DNS:a.example");
const backends: Server[] = [];
type ListenerName = "strict" | "lenient" | "v1only" | "chains" | "tls";
const listenerNames: ListenerName[] = ["strict", "lenient", "v1only", "chains", "tls"];
const sides = [candidateCommand, peer("envoy")].map((command, i) => ({
  name: i === 0 ? "nuncio" : "envoy",
  command,
  ports: {} as Record<ListenerName, number>,
  adminPort: 0,
  log: join(folder, `${i}.log`),
  process: null as ProxyProcess | null,
}));

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  const backend = createServer((request, response) => response.end(String(request.headers["x-forwarded-for"])));
  backends.push(backend);
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port;
  for (const side of sides) {
    if (side.command === null) continue;
    const ports = await freePorts(listenerNames.length + 1);
    side.adminPort = ports.pop() ?? 0;
    for (const [i, name] of listenerNames.entries()) side.ports[name] = ports[i] ?? 0;
    side.process = await startProxy(side.command, bootstrap(side, backendPort), side.adminPort, folder, side.name);
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  for (const backend of backends) backend.close();
  rmSync(folder, { recursive: true });
});

const v4 = "PROXY TCP4 10.1.2.3 10.9.8.7 4321 80\r\n";
const signature = "\r\n\r\n\0\r\nQUIT\n";
const cases: { name: string; listener?: ListenerName; header: string; expected: string }[] = [
  { name: "version 1 over IPv4", header: v4, expected: "10.1.2.3" },
  {
    name: "version 1 over IPv6",
    header: "PROXY TCP6 2001:db8::1 2001:DB8:0:0::2 1 65535\r\n",
    expected: "2001:db8::1",
  },
  { name: "version 1 UNKNOWN keeps the socket's", header: "PROXY UNKNOWN\r\n", expected: "socket" },
  {
    name: "UNKNOWN with addresses keeps the socket's",
    header: "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    expected: "socket",
  },
  { name: "version 2 over IPv4", header: v2(0x21, 0x11, "0a0102030a09080710e10050"), expected: "10.1.2.3" },
  {
    name: "version 2 over IPv6 with TLVs",
    header: v2(0x21, 0x21, `20010db8${"0".repeat(22)}0120010db8${"0".repeat(22)}0210e10050010002683205000161`),
    expected: "2001:db8::1",
  },
  { name: "version 2 LOCAL keeps the socket's", header: v2(0x20, 0x00, ""), expected: "socket" },
  {
    name: "LOCAL with addresses keeps the socket's",
    header: v2(0x20, 0x11, "0a0102030a09080710e10050"),
    expected: "socket",
  },
  { name: "no header", header: "", expected: "closed" },
  { name: "no header where none is allowed for", listener: "lenient", header: "", expected: "socket" },
  { name: "a header where it may be missing", listener: "lenient", header: v4, expected: "10.1.2.3" },
  {
    name: "a bad header where it may be missing",
    listener: "lenient",
    header: "PROXY TCP4 a b 1 2\r\n",
    expected: "closed",
  },
  { name: "version 1 where version 2 is disallowed", listener: "v1only", header: v4, expected: "10.1.2.3" },
  {
    name: "version 2, disallowed",
    listener: "v1only",
    header: v2(0x21, 0x11, "0a0102030a09080710e10050"),
    expected: "closed",
  },
  { name: "a family that there is not", header: "PROXY UDP4 10.1.2.3 10.9.8.7 1 2\r\n", expected: "closed" },
  { name: "an address of the other family", header: "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", expected: "closed" },
  { name: "a port too great", header: "PROXY TCP4 10.1.2.3 10.9.8.7 65536 80\r\n", expected: "closed" },
  { name: "a port that is no number", header: "PROXY TCP4 10.1.2.3 10.9.8.7 x 80\r\n", expected: "closed" },
  { name: "a word too few", header: "PROXY TCP4 10.1.2.3 10.9.8.7 4321\r\n", expected: "closed" },
  { name: "two blanks", header: "PROXY  TCP4 10.1.2.3 10.9.8.7 4321 80\r\n", expected: "closed" },
  { name: "lower case", header: "proxy TCP4 10.1.2.3 10.9.8.7 4321 80\r\n", expected: "closed" },
  {
    name: "longer than 107 bytes",
    header: `PROXY TCP4 10.1.2.3 10.9.8.7 4321 80${" ".repeat(90)}\r\n`,
    expected: "closed",
  },
  { name: "version 3", header: v2(0x31, 0x11, "0a0102030a09080710e10050"), expected: "closed" },
  { name: "a command that there is not", header: v2(0x22, 0x11, "0a0102030a09080710e10050"), expected: "closed" },
  { name: "UDP in version 2", header: v2(0x21, 0x12, "0a0102030a09080710e10050"), expected: "10.1.2.3" },
  { name: "a Unix socket in version 2", header: v2(0x21, 0x31, "00".repeat(216)), expected: "closed" },
  { name: "addresses cut short in version 2", header: v2(0x21, 0x11, "0a0102030a090807"), expected: "closed" },
  { name: "a source that a chain is for", listener: "chains", header: v4, expected: "direct 418" },
  {
    name: "a destination that a chain is for",
    listener: "chains",
    header: "PROXY TCP4 1.1.1.1 10.5.5.5 1 99\r\n",
    expected: "direct 419",
  },
  {
    name: "a source that no chain is for",
    listener: "chains",
    header: "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    expected: "closed",
  },
];

for (const { name, listener = "strict", header, expected } of cases) {
  test(name, async () => {
    for (const side of sides) {
      if (side.command === null) continue;
      expect({ side: side.name, answer: await ask(side.ports[listener], header, false) }).toEqual({
        side: side.name,
        answer: expected,
      });
    }
  });
}

test("a header that comes byte by byte", async () => {
  const [ours] = sides;
  for (const header of [v4, v2(0x21, 0x11, "0a0102030a09080710e10050")]) {
    expect(await ask((ours as (typeof sides)[0]).ports.strict, header, true)).toBe("10.1.2.3");
  }
});

test("TLS behind the header", async () => {
  for (const side of sides) {
    if (side.command === null) continue;
    const answer = await new Promise<string>((resolve) => {
      const plain = connect(side.ports.tls, "127.0.0.1", () => {
        plain.write(v4);
        const socket = connectTls({ socket: plain, servername: "a.example", rejectUnauthorized: false });
        socket.once("secureConnect", () => resolve(exchange(socket)));
        socket.once("error", (error) => resolve(error.message));
      });
    });
    expect(answer).toBe("10.1.2.3");
  }
});

test("both log the same addresses and count the same", async () => {
  if (sides[1]?.command === null) return;
  const [ours, theirs] = await Promise.all(
    sides.map(async (side) => ({ log: await logOf(side), stats: await statsOf(side) })),
  );
  expect(ours?.log[0]).toBe("10.1.2.3:4321 127.0.0.1 10.9.8.7:80 strict");
  expect(ours).toEqual(theirs);
});

async function logOf(side: (typeof sides)[0]): Promise<string[]> {
  await sleep(200);
  const names = new Map(listenerNames.map((name) => [String(side.ports[name]), name]));
  const masked = readFileSync(side.log, "utf8").replace(/127\.0\.0\.1:\d+/g, "127.0.0.1");
  // Nuncio's own test sent two requests more, byte by byte.
  const lines = masked
    .trim()
    .split("\n")
    .map((line) => line.replace(/\d+$/, (port) => names.get(port) ?? "?"));
  return [...new Set(lines)];
}

async function statsOf(side: (typeof sides)[0]): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=proxy_proto`)).text();
  return text
    .trim()
    .split("\n")
    .map((line) => (side.name === "nuncio" ? withoutCut(line) : line));
}

/** What the test byte by byte added. */
function withoutCut(line: string): string {
  return line.replace(/^(proxy_proto\.versions\.v[12]\.found: )(\d+)$/, (_, name, count) => name + (Number(count) - 1));
}

async function ask(port: number, header: string, isCut: boolean): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const bytes = Buffer.from(header, "latin1");
  if (isCut) {
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await sleep(1);
    }
  } else socket.write(bytes);
  return exchange(socket);
}

function exchange(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (data) => (text += data));
    socket.on("error", () => {});
    socket.once("close", () => {
      const status = /^HTTP\/1.1 (\d+)/.exec(text)?.[1];
      if (status === undefined) resolve("closed");
      else if (status !== "200") resolve(`direct ${status}`);
      else
        resolve(
          text.slice(text.indexOf("\r\n\r\n") + 4).replace(/^(127\.0\.0\.1|(?!10\.1)\d+\.\d+\.\d+\.\d+)$/, "socket"),
        );
    });
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  });
}

function v2(command: number, family: number, hex: string): string {
  const body = Buffer.from(hex, "hex");
  const head = Buffer.from([command, family, body.length >> 8, body.length & 255]);
  return signature + head.toString("latin1") + body.toString("latin1");
}

function bootstrap(side: (typeof sides)[0], backendPort: number): object {
  const manager = (action: object) => ({
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    use_remote_address: true,
    access_log: [
      {
        name: "file",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
          path: side.log,
          log_format: {
            text_format_source: {
              inline_string:
                "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_PORT%\n",
            },
          },
        },
      },
    ],
    route_config: { virtual_hosts: [{ name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, ...action }] }] },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  });
  const toBackend = { route: { cluster: "backend" } };
  const chain = (action: object, fields: object = {}) => ({
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager(action) }],
    ...fields,
  });
  const listener = (name: ListenerName, config: object, chains: object[]) => ({
    name,
    address: address(side.ports[name]),
    listener_filters: [filter("proxy_protocol", "ProxyProtocol", config), filter("tls_inspector", "TlsInspector", {})],
    filter_chains: chains,
  });
  const range = (prefix: string) => ({ address_prefix: prefix, prefix_len: 16 });
  const secure = tlsSocket("Downstream", {
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
      ],
    },
  });
  return {
    admin: { address: address(side.adminPort) },
    static_resources: {
      listeners: [
        listener("strict", {}, [chain(toBackend)]),
        listener("lenient", { allow_requests_without_proxy_protocol: true, stat_prefix: "edge" }, [chain(toBackend)]),
        listener("v1only", { disallowed_versions: ["V2"] }, [chain(toBackend)]),
        listener("chains", {}, [
          chain(
            { direct_response: { status: 418 } },
            { filter_chain_match: { source_prefix_ranges: [range("10.1.0.0")] } },
          ),
          chain(
            { direct_response: { status: 419 } },
            { filter_chain_match: { prefix_ranges: [range("10.5.0.0")], destination_port: 99 } },
          ),
        ]),
        listener("tls", {}, [chain(toBackend, { transport_socket: secure })]),
      ],
      clusters: [
        {
          name: "backend",
          type: "STATIC",
          load_assignment: {
            cluster_name: "backend",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backendPort) } }] }],
          },
        },
      ],
    },
  };
}

function filter(name: string, type: string, config: object): object {
  return {
    name: `envoy.filters.listener.${name}`,
    typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.listener.${name}.v3.${type}`, ...config },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
