import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import {
  accessLog,
  chain,
  listener,
  manager,
  onSides,
  type Side,
  startSides,
  statsOf,
  tlsInspector,
  tlsSocket,
} from "./sides.ts";
import { askOverTls, certificatePair, type TlsAnswer } from "./tls-client.ts";

// Which chain and certificate a connection gets, what is agreed, and what becomes of bytes that are no handshake: as Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-handshakes-"));
const authority = new Authority(folder);
const rsa = (name: string, san: string) => certificatePair(authority.issue(name, san, { rsa: true }));
const ec = (name: string, san: string) => certificatePair(authority.issue(name, san));
const a = ec("a", "DNS:a.example");
const aRsa = rsa("a-rsa", "DNS:a.example");
const b = ec("b", "DNS:b.example,DNS:*.b.example");
const listeners = ["names", "certificates", "old", "new", "curves", "alpn", "plain", "sni"] as const;
type Where = (typeof listeners)[number];
let sides: Side[] = [];

beforeAll(async () => {
  sides = await startSides(folder, listeners.length, (ports, name) => {
    const log = { access_log: [accessLog(logOf(name), "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")] };
    const says = (text: string) =>
      manager([{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: text } } }], {
        ...log,
        delayed_close_timeout: "0.05s",
      });
    const tls = (common: object, more: object = {}) => tlsSocket("Downstream", { common_tls_context: common, ...more });
    const one = { tls_certificates: [a] };
    const named = (text: string, match: object) => chain(says(text), tls(one), match);
    const params = (tls_params: object) => [chain(says("ok"), tls({ tls_certificates: [a, aRsa], tls_params }))];
    const chains: Record<Where, object[]> = {
      names: [
        named("exact", { server_names: ["a.example", "x.a.example"] }),
        named("wildcard", { server_names: ["*.a.example"] }),
        named("deeper wildcard", { server_names: ["*.y.a.example"] }),
        named("h2 of z", { server_names: ["z.example"], application_protocols: ["h2"] }),
        named("http/1.1 of z", { server_names: ["z.example"], application_protocols: ["http/1.1"] }),
        named("z", { server_names: ["z.example"] }),
        named("any TLS", { transport_protocol: "tls" }),
        chain(says("plain"), null, { transport_protocol: "raw_buffer" }),
      ],
      certificates: [chain(says("ok"), tls({ tls_certificates: [a, aRsa, b] }))],
      old: params({
        tls_maximum_protocol_version: "TLSv1_2",
        cipher_suites: ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA"],
      }),
      new: params({ tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" }),
      curves: params({ ecdh_curves: ["P-384"] }),
      alpn: [chain(says("ok"), tls({ ...one, alpn_protocols: ["http/1.1"] }))],
      plain: [chain(says("plain"), null)],
      sni: [chain(says("ok"), tls(one, { require_sni: true }))],
    };
    return {
      static_resources: {
        listeners: listeners.map((where, i) =>
          listener(where, ports[i] as number, chains[where], where === "names" ? [tlsInspector] : []),
        ),
      },
    };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

const old = (ciphers: string): ConnectionOptions => ({ maxVersion: "TLSv1.2", ciphers: `${ciphers}:@SECLEVEL=0` });
const only = (version: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ...(version < "TLSv1.2" ? { ciphers: "DEFAULT:@SECLEVEL=0" } : {}),
});
const name = (servername: string, ...ALPNProtocols: string[]): ConnectionOptions => ({
  servername,
  ...(ALPNProtocols.length === 0 ? {} : { ALPNProtocols }),
});
const answered = (body: string): Partial<TlsAnswer> => ({ status: "200", body });
const shown = (certificate: string): Partial<TlsAnswer> => ({ status: "200", certificate });
const refused: Partial<TlsAnswer> = { status: "refused" };
const cases: [Where, string, ConnectionOptions, Partial<TlsAnswer>][] = [
  ["names", "an exact name", name("a.example"), answered("exact")],
  ["names", "an exact name under a wildcard", name("x.a.example"), answered("exact")],
  ["names", "a wildcard", name("w.a.example"), answered("wildcard")],
  ["names", "two labels under a wildcard", name("v.w.a.example"), answered("wildcard")],
  ["names", "a deeper wildcard", name("w.y.a.example"), answered("deeper wildcard")],
  ["names", "the name that a deeper wildcard begins at", name("y.a.example"), answered("wildcard")],
  ["names", "capitals", name("A.Example"), answered("exact")],
  ["names", "a name that ends alike", name("ba.example"), answered("any TLS")],
  ["names", "no name", {}, answered("any TLS")],
  ["names", "h2 is offered", name("z.example", "h2"), answered("h2 of z")],
  ["names", "http/1.1 is offered", name("z.example", "http/1.1"), answered("http/1.1 of z")],
  ["names", "both are offered, http/1.1 first", name("z.example", "http/1.1", "h2"), {}],
  ["names", "both are offered, h2 first", name("z.example", "h2", "http/1.1"), {}],
  ["names", "another protocol is offered", name("z.example", "acme/1"), answered("z")],
  ["names", "no protocol is offered", name("z.example"), answered("z")],
  ["certificates", "ECDSA is preferred", name("a.example"), shown("a")],
  [
    "certificates",
    "RSA for who takes no other",
    { ...name("a.example"), ...old("ECDHE-RSA-AES128-GCM-SHA256") },
    shown("a-rsa"),
  ],
  ["certificates", "another name", name("b.example"), shown("b")],
  ["certificates", "a wildcard", name("q.b.example"), shown("b")],
  ["certificates", "two labels under a wildcard", name("p.q.b.example"), shown("a")],
  ["certificates", "an unknown name", name("c.example"), shown("a")],
  ["certificates", "no name", {}, shown("a")],
  ["certificates", "RSA for a name that has none", { ...name("b.example"), ...old("ECDHE-RSA-AES128-GCM-SHA256") }, {}],
  ["old", "TLS 1.3 at most", {}, { status: "200", version: "TLSv1.2", cipher: "ECDHE-ECDSA-AES256-GCM-SHA384" }],
  ["old", "TLS 1.3 only", only("TLSv1.3"), refused],
  ["old", "TLS 1.1", only("TLSv1.1"), refused],
  ["old", "TLS 1.0", only("TLSv1"), refused],
  ["old", "the second cipher", old("ECDHE-RSA-AES256-GCM-SHA384"), shown("a-rsa")],
  ["old", "a cipher of CBC", old("ECDHE-RSA-AES128-SHA"), { status: "200", cipher: "ECDHE-RSA-AES128-SHA" }],
  ["old", "a cipher that is not on the list", old("ECDHE-RSA-AES128-GCM-SHA256"), refused],
  ["old", "the server's order", old("ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384"), shown("a-rsa")],
  ["old", "a cipher without forward secrecy", old("AES128-GCM-SHA256"), refused],
  ["new", "TLS 1.3", {}, { status: "200", version: "TLSv1.3" }],
  ["new", "TLS 1.2", only("TLSv1.2"), refused],
  ["curves", "P-384", { ecdhCurve: "P-384" }, { status: "200" }],
  ["curves", "X25519 first, then P-384", { ecdhCurve: "X25519:P-384" }, { status: "200" }],
  ["curves", "X25519", { ecdhCurve: "X25519" }, refused],
  ["curves", "P-256", { ecdhCurve: "P-256", maxVersion: "TLSv1.2" }, refused],
  ["alpn", "http/1.1", { ALPNProtocols: ["http/1.1"] }, { status: "200", alpn: "http/1.1" }],
  ["alpn", "h2 alone", { ALPNProtocols: ["h2"] }, { status: "200", alpn: "-" }],
  ["alpn", "both", { ALPNProtocols: ["h2", "http/1.1"] }, { status: "200", alpn: "http/1.1" }],
  ["alpn", "nothing", {}, { status: "200", alpn: "-" }],
  ["sni", "a name where require_sni is set", name("any.example"), { status: "200" }],
  ["sni", "no name where require_sni is set", {}, { status: "200" }],
  ["plain", "TLS to a port without", name("a.example"), refused],
];

test.each(cases)("%s: %s", async (where, _what, options, expected) => {
  const [ours, theirs = ours] = await onSides(sides, async ({ ports }) => {
    const answer = await askOverTls(ports[listeners.indexOf(where)] as number, options);
    // Of TLS 1.3's suites BoringSSL takes the client's first, OpenSSL the server's.
    return answer.version === "TLSv1.3" ? { ...answer, cipher: "" } : answer;
  });
  expect(ours).toMatchObject(expected);
  expect(ours).toEqual(theirs);
});

const hello = clientHello();
const http = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/** What comes before the connection ends, by kinds of records; the client ends its side behind them where they are cut. */
const broken: {
  name: string;
  where: Where;
  bytes: () => Promise<Buffer> | Buffer;
  isCut?: boolean;
  isReset?: boolean;
}[] = [
  { name: "HTTP to a TLS port", where: "certificates", bytes: () => Buffer.from(http) },
  { name: "HTTP where the chain is chosen by it", where: "names", bytes: () => Buffer.from(http) },
  { name: "HTTP/2 to a TLS port", where: "certificates", bytes: () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
  { name: "zeros", where: "certificates", bytes: () => Buffer.alloc(100) },
  { name: "0xff", where: "certificates", bytes: () => Buffer.alloc(100, 255) },
  { isCut: true, name: "nothing", where: "certificates", bytes: () => Buffer.alloc(0) },
  { isCut: true, name: "one byte", where: "certificates", bytes: () => Buffer.from([22]) },
  {
    isCut: true,
    name: "a ClientHello cut after its header",
    where: "certificates",
    bytes: async () => (await hello).subarray(0, 5),
  },
  {
    isCut: true,
    name: "a ClientHello cut in the middle",
    where: "certificates",
    bytes: async () => (await hello).subarray(0, 100),
  },
  {
    isCut: true,
    name: "the same where names are looked for",
    where: "names",
    bytes: async () => (await hello).subarray(0, 100),
  },
  {
    name: "a ClientHello with a broken length",
    where: "certificates",
    bytes: async () => changed(await hello, 8, 255),
  },
  { name: "the same where names are looked for", where: "names", bytes: async () => changed(await hello, 8, 255) },
  {
    name: "a ClientHello of SSL 2",
    where: "certificates",
    bytes: () => Buffer.from("802e0100020015000000100100800200800300800400800500800600400700c0", "hex"),
  },
  {
    name: "a record of 20000 bytes",
    where: "certificates",
    bytes: () => Buffer.concat([Buffer.from("1603014e20", "hex"), Buffer.alloc(20_000)]),
  },
  { name: "application data first", where: "certificates", bytes: () => Buffer.from("170303000568656c6c6f", "hex") },
  { name: "an alert first", where: "certificates", bytes: () => Buffer.from("15030100020228", "hex") },
  {
    name: "a ClientHello, then an alert",
    where: "certificates",
    bytes: async () => Buffer.concat([await hello, Buffer.from("15030300020228", "hex")]),
  },
  {
    name: "a ClientHello, then rubbish",
    where: "certificates",
    bytes: async () => Buffer.concat([await hello, Buffer.alloc(200, 7)]),
  },
  { name: "a ClientHello to a port without TLS", where: "plain", bytes: () => hello },
  { isCut: true, name: "a whole ClientHello, then the end", where: "certificates", bytes: () => hello },
  { isReset: true, name: "a whole ClientHello, then a reset", where: "certificates", bytes: () => hello },
];

describe.each(broken)("$where: $name", ({ where, bytes, isCut, isReset }) => {
  test("the same ending", async () => {
    const sent = await bytes();
    const [ours, theirs = ours] = await onSides(sides, ({ ports }) =>
      ending(ports[listeners.indexOf(where)] as number, sent, isCut === true, isReset === true),
    );
    expect(ours).toEqual(theirs);
  });
});

test("ssl.* and connections were counted alike", async () => {
  const filter =
    "^listener\\.[^.]*\\.[^.]*\\.[^.]*\\.[^.]*\\.(ssl\\.(fail|handshake|connection_error|no_certificate)|no_filter_chain_match|downstream_cx_(total|destroy|active))";
  const [ours, theirs = ours] = await onSides(sides, async (side) => Object.fromEntries(await statsOf(side, filter)));
  expect(Object.keys(ours ?? {})).toContain("listener.0.ssl.handshake");
  expect(ours).toEqual(theirs);
});

test("the log says the same of each", async () => {
  const lines = () => sides.map(({ name }) => readFileSync(logOf(name), "utf8").trim().split("\n"));
  await expect.poll(() => new Set(lines().map((each) => each.length)).size).toBe(1);
  const [ours, theirs = ours] = lines();
  expect(ours).toEqual(theirs);
});

/** What answered, and that it closed. Bytes that are no ClientHello never reach our OpenSSL, so that it sends no alert about them. */
function ending(port: number, bytes: Buffer, isCut: boolean, isReset: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    const received: Buffer[] = [];
    socket.on("data", (data: Buffer) => {
      received.push(data);
      if (isReset) socket.resetAndDestroy();
    });
    socket.on("error", () => {});
    const timer = setTimeout(() => socket.destroy(), 2000);
    let hasEnded = false;
    socket.on("end", () => {
      hasEnded = true;
      socket.destroy();
    });
    socket.on("close", (hadError) => {
      clearTimeout(timer);
      const all = Buffer.concat(received);
      const status = /^HTTP\/1.1 (\d+)/.exec(all.toString("latin1"))?.[1];
      const kind = status === undefined ? (all[0] === 22 ? "ServerHello" : "nothing of use") : `HTTP ${status}`;
      resolve(`${kind}, ${hasEnded || hadError ? "closed" : "open"}`);
    });
    socket.write(bytes);
    if (isCut) socket.end();
  });
}

/** What node:tls sends first. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once("data", (data: Buffer) => {
        resolve(data);
        socket.destroy();
        server.close();
      });
    }).listen(0, "127.0.0.1", () => {
      const client = connect({ port: (server.address() as { port: number }).port, servername: "a.example" });
      client.on("error", () => {});
    });
  });
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

function logOf(side: string): string {
  return join(folder, `${side}.log`);
}
