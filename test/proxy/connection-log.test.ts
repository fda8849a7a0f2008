import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import {
  accessLog,
  chain,
  listener,
  manager,
  onSides,
  type Side,
  startSides,
  tlsInspector,
  tlsSocket,
} from "./sides.ts";

// The access log of a listener: the same connections to Nuncio and to real Envoy, the same lines.

const folder = mkdtempSync(join(tmpdir(), "nuncio-connection-log-"));
const certificate = new Authority(folder).issue("server", "DNS:a.example");
const fields = [
  "ACCESS_LOG_TYPE",
  "LISTENER_NAME",
  "FILTER_CHAIN_NAME",
  "PROTOCOL",
  "RESPONSE_CODE",
  "RESPONSE_FLAGS",
  "RESPONSE_CODE_DETAILS",
  "BYTES_RECEIVED",
  "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
  "START_TIME(%Y)",
  "REQ(:METHOD)",
];
const direct = manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }]);
const filters = "type.googleapis.com/envoy.extensions.filters";
const tls = tlsSocket("Downstream", {
  common_tls_context: {
    tls_certificates: [
      { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
    ],
  },
});
const proxyProtocol = {
  name: "proxy",
  typed_config: { "@type": `${filters}.listener.proxy_protocol.v3.ProxyProtocol` },
};
const refuses = {
  name: "limit",
  typed_config: {
    "@type": `${filters}.network.connection_limit.v3.ConnectionLimit`,
    stat_prefix: "limit",
    max_connections: 1,
    delay: "0.05s",
  },
};
const request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
let sides: Side[] = [];

beforeAll(async () => {
  sides = await startSides(folder, 6, (ports, name) => ({
    static_resources: {
      listeners: [
        { ...listener("plain", at(ports, 0), [{ ...chain(direct, null), name: "all" }]), ...logs(name, "plain") },
        {
          ...listener("chosen", at(ports, 1), [chain(direct, null, { server_names: ["a.example"] })], [tlsInspector]),
          ...logs(name, "chosen"),
        },
        { ...listener("tls", at(ports, 2), [{ ...chain(direct, tls), name: "secure" }]), ...logs(name, "tls") },
        { ...listener("proxied", at(ports, 3), [chain(direct, null)], [proxyProtocol]), ...logs(name, "proxied") },
        {
          ...listener("limited", at(ports, 4), [
            { ...chain(direct, null), filters: [refuses, ...(chain(direct, null) as { filters: object[] }).filters] },
          ]),
          ...logs(name, "limited"),
        },
        { ...listener("flagged", at(ports, 5), [chain(direct, null)]), ...logs(name, "flagged", ["DPE"]) },
      ],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

const cases: { name: string; log: string; lines?: number; run: (ports: readonly number[]) => Promise<void> }[] = [
  { name: "two requests", log: "plain", run: (ports) => talk(at(ports, 0), [request, request]) },
  { name: "no byte", log: "plain", run: (ports) => talk(at(ports, 0), []) },
  { name: "no HTTP", log: "plain", run: (ports) => talk(at(ports, 0), ["nothing like it\r\n\r\n"]) },
  { name: "HTTP/2", log: "plain", run: (ports) => talkHttp2(at(ports, 0)) },
  { name: "no filter chain", log: "chosen", run: (ports) => talk(at(ports, 1), [request]) },
  { name: "HTTPS", log: "tls", run: (ports) => talk(at(ports, 2), [request], true) },
  { name: "no TLS", log: "tls", run: (ports) => talk(at(ports, 2), [request]) },
  {
    name: "a PROXY header",
    log: "proxied",
    run: (ports) => talk(at(ports, 3), [`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${request}`]),
  },
  {
    name: "no PROXY header",
    log: "proxied",
    run: (ports) => talk(at(ports, 3), [`${"nothing like it".repeat(9)}\r\n`]),
  },
  { name: "one connection too many", log: "limited", lines: 2, run: (ports) => talkTwice(at(ports, 4)) },
  {
    name: "a filter of the log by flags",
    log: "flagged",
    run: async (ports) => {
      await talk(at(ports, 5), [request]);
      await talk(at(ports, 5), ["nothing like it\r\n\r\n"]);
    },
  },
];

for (const { name, log, lines: expected = 1, run } of cases) {
  test(`${name}: the line of Envoy`, async () => {
    const written = await onSides(sides, async (side) => {
      const before = linesOf(side, log).length;
      await run(side.ports);
      await expect.poll(() => linesOf(side, log).length - before, { timeout: 10_000 }).toBe(expected);
      return linesOf(side, log).slice(before);
    });
    for (const lines of written) expect(lines).toEqual(written.at(-1));
  });
}

function logs(side: string, name: string, flags: readonly string[] = []): object {
  const format = fields.map((field) => `${field.replace(/\(.*/, "")}=%${field}%`).join(" ");
  const filter = flags.length === 0 ? {} : { filter: { response_flag_filter: { flags } } };
  return { access_log: [{ ...accessLog(join(folder, `${side}-${name}.log`), format), ...filter }] };
}

function linesOf({ name }: Side, log: string): string[] {
  return readFileSync(join(folder, `${name}-${log}.log`), "utf8")
    .split("\n")
    .slice(0, -1);
}

/** Writes each and waits for an answer or the end, then closes. */
async function talk(port: number, writes: readonly string[], isTls = false): Promise<void> {
  const socket: Socket = isTls
    ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, servername: "a.example" })
    : connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, isTls ? "secureConnect" : "connect");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const write of writes) {
    socket.write(write);
    await Promise.race([new Promise((resolve) => socket.once("data", resolve)), closed]);
  }
  socket.destroy();
  await closed;
}

async function talkHttp2(port: number): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  await once(session.request({ ":path": "/" }).resume(), "close");
  session.destroy();
}

/** The second one is held for a while, and refused. */
async function talkTwice(port: number): Promise<void> {
  const first = connect(port, "127.0.0.1");
  await once(first, "connect");
  first.write(request);
  await once(first, "data");
  await talk(port, [""]);
  first.destroy();
}

function at(ports: readonly number[], i: number): number {
  return ports[i] ?? 0;
}
