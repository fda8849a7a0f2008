import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority, type CertificateFiles } from "./certificates.ts";
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
import { certificateOf, certificatePair } from "./tls-client.ts";

// What a listener's log says of handshakes, most of them broken: the same clients to Nuncio and to real Envoy, the same lines and alerts.

const folder = mkdtempSync(join(tmpdir(), "nuncio-handshake-log-"));
const authority = new Authority(folder);
const stranger = new Authority(folder, "stranger");
const names = "DNS:c.example,URI:spiffe://td/c,email:c@mail.example,IP:10.1.2.3,IP:fe80::1";
const revoked = authority.issue("revoked", names);
const bundle = join(folder, "bundle.pem");
const strange = stranger.issue("strange", names);
writeFileSync(bundle, readFileSync(strange.cert, "utf8") + readFileSync(stranger.ca, "utf8"));
const clients: Record<string, CertificateFiles | null> = {
  none: null,
  good: authority.issue("good", names),
  "other names": authority.issue("other", "DNS:d.example,DNS:e.example"),
  "no names": authority.issue("nameless", ""),
  "a leaf of SPIFFE's": authority.issue("leaf", names, { keyUsage: "digitalSignature" }),
  "a leaf of another domain": authority.issue("far", "URI:spiffe://far/c", { keyUsage: "digitalSignature" }),
  "a stranger's leaf": stranger.issue("strange-leaf", names, { keyUsage: "digitalSignature" }),
  expired: authority.issue("expired", names, { isExpired: true }),
  revoked,
  "a stranger's": strange,
  "a stranger's with the stranger": { cert: bundle, key: strange.key },
};
const pair = certificatePair(authority.issue("server", "DNS:a.example"));
const ca = { trusted_ca: { filename: authority.ca } };
const context = (common: object, more: object = {}) => ({
  ...more,
  common_tls_context: { tls_certificates: [pair], ...common },
});
const mutual = (validation: object) =>
  context({ validation_context: validation }, { require_client_certificate: true });
const extensions = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";
const contexts: Record<string, object> = {
  plain: context({}),
  inspected: context({}),
  "TLS 1.3": context({ tls_params: { tls_minimum_protocol_version: "TLSv1_3" } }),
  "TLS 1.2": context({
    tls_params: { tls_maximum_protocol_version: "TLSv1_2", cipher_suites: ["ECDHE-ECDSA-AES128-GCM-SHA256"] },
  }),
  optional: context({ validation_context: ca }),
  required: mutual(ca),
  names: mutual({ ...ca, match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "c.example" } }] }),
  hash: mutual({ ...ca, verify_certificate_hash: ["0".repeat(64)] }),
  crl: mutual({ ...ca, crl: { filename: authority.revoke(revoked) } }),
  spiffe: mutual({
    custom_validator_config: {
      name: "envoy.tls.cert_validator.spiffe",
      typed_config: {
        "@type": `${extensions}.SPIFFECertValidatorConfig`,
        trust_domains: [{ name: "td", trust_bundle: { filename: authority.ca } }],
      },
    },
  }),
  "no secret": {
    common_tls_context: {
      tls_certificate_sds_secret_configs: [
        { name: "none", sds_config: { path_config_source: { path: join(folder, "sds.json") } } },
      ],
    },
  },
};
const contextNames = Object.keys(contexts);
const fields = [
  "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
  "DOWNSTREAM_LOCAL_CLOSE_REASON",
  "DOWNSTREAM_DETECTED_CLOSE_TYPE",
  "DOWNSTREAM_TLS_VERSION",
  "DOWNSTREAM_PEER_SUBJECT",
  "DOWNSTREAM_PEER_URI_SAN",
  "DOWNSTREAM_PEER_FINGERPRINT_256",
  "DOWNSTREAM_LOCAL_SUBJECT",
  "RESPONSE_FLAGS",
  "PROTOCOL",
  "BYTES_RECEIVED",
  "FILTER_CHAIN_NAME",
  // Durations: whether there are any.
  "DOWNSTREAM_HANDSHAKE_DURATION",
  "COMMON_DURATION(DS_CX_BEG:DS_HS_BEG:us)",
  "COMMON_DURATION(DS_HS_BEG:DS_HS_END:us)",
  "COMMON_DURATION(DS_CX_BEG:DS_RX_BEG:us)",
];
const request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
let sides: Side[] = [];
let hello12 = "";
let hello13 = "";

beforeAll(async () => {
  writeFileSync(join(folder, "sds.json"), JSON.stringify({ resources: [] }));
  hello12 = await helloOf({ maxVersion: "TLSv1.2" });
  hello13 = await helloOf({ minVersion: "TLSv1.3" });
  sides = await startSides(folder, contextNames.length, (ports, side) => ({
    node: { id: "a", cluster: "b" },
    static_resources: {
      listeners: ports.map((port, i) => {
        const name = contextNames[i] as string;
        const format = (kind: string) =>
          accessLog(logOf(side, name, kind), fields.map((field) => `%${field}%`).join(" "));
        const direct = [{ match: { prefix: "/" }, direct_response: { status: 200 } }];
        const main = manager(direct, { access_log: [format("stream")] });
        const secure = { ...chain(main, tlsSocket("Downstream", contexts[name] as object)), name: "secure" };
        return {
          ...listener(name, port, [secure], name === "inspected" ? [tlsInspector] : []),
          access_log: [format("connection")],
        };
      }),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

describe("what is no TLS, or none that can be understood", () => {
  const records: Record<string, string> = {
    GET: request,
    POST: "POST / HTTP/1.1\r\n",
    HEAD: "HEAD / HTTP/1.1\r\n",
    PUT: "PUT / HTTP/1.1\r\n",
    CONNECT: "CONNECT a:1 HTTP/1.1\r\n",
    OPTIONS: "OPTIONS / HTTP/1.1\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    SSH: "SSH-2.0-x\r\n",
    "SSL 2": "\x16\x02\x00\x00\x05aaaaa",
    "application data": "\x17\x03\x03\x00\x05aaaaa",
    change_cipher_spec: "\x14\x03\x03\x00\x01\x01",
    "a fatal alert": "\x15\x03\x03\x00\x02\x02\x28",
    "an alert of no level": "\x15\x03\x03\x00\x02\x03\x28",
    "too long a record": "\x16\x03\x01\x41\x41",
    "another handshake message": "\x16\x03\x01\x00\x05\x02\0\0\x01a",
    "a hello too long": "\x16\x03\x01\x00\x04\x01\xff\xff\xff",
    "a hello of one byte": "\x16\x03\x01\x00\x05\x01\0\0\x01a",
  };
  for (const where of ["plain", "inspected"]) {
    for (const [name, text] of Object.entries(records))
      test(`${name}, ${where}`, () => alike(where, (port) => talk(port, [text])));
  }
  const more: Record<string, string> = {
    "an empty record": "\x16\x03\x01\x00\x00",
    "a close_notify": "\x15\x03\x03\x00\x02\x01\x00",
    "a warning": "\x15\x03\x03\x00\x02\x01\x5a",
    "too long a plaintext": `\x16\x03\x01\x40\x01\x01\0\0\x10${"a".repeat(17_000)}`,
    "part of a head": "GE",
    nothing: "",
  };
  for (const [name, text] of Object.entries(more)) test(name, () => alike("plain", (port) => talk(port, [text])));
});

describe("what goes wrong behind the hello", () => {
  const behind12: Record<string, string> = {
    "the end": "",
    garbage: "garbage that is no TLS",
    "application data": "\x17\x03\x03\x00\x05aaaaa",
    "too long a record": `\x16\x03\x03\xff\xff${"a".repeat(69)}`,
    "a bad key exchange": "\x16\x03\x03\x00\x07\x10\0\0\x03abc",
    finished: "\x16\x03\x03\x00\x07\x14\0\0\x03abc",
  };
  for (const [name, text] of Object.entries(behind12))
    test(`TLS 1.2: ${name}`, () => alike("plain", (port) => talk(port, [hello12, text])));
  const behind13: Record<string, string> = {
    "the end": "",
    garbage: "garbage that is no TLS",
    "too long a record": `\x17\x03\x03\xff\xff${"a".repeat(69)}`,
    "what cannot be decrypted": `\x17\x03\x03\x00\x45${"a".repeat(69)}`,
    "the hello again": "again",
  };
  for (const [name, text] of Object.entries(behind13))
    test(`TLS 1.3: ${name}`, () => alike("plain", (port) => talk(port, [hello13, text === "again" ? hello13 : text])));
  for (const hello of ["none", "half", "whole"])
    test(`a reset, hello: ${hello}`, () =>
      alike("plain", (port) =>
        talk(port, hello === "none" ? [] : [hello13.slice(0, hello === "half" ? 100 : 9999)], true),
      ));
});

test.each([
  10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86, 109, 110, 112, 113, 114, 115,
  116, 120,
])("the client's alert %i", (alert) =>
  alike("plain", (port) => talk(port, [hello12, `\x15\x03\x03\x00\x02\x02${String.fromCharCode(alert)}`])),
);

describe("nothing in common", () => {
  const old: ConnectionOptions = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" };
  const cases: [string, string, ConnectionOptions][] = [
    ["TLS 1.2 where 1.3 is asked for", "TLS 1.3", { maxVersion: "TLSv1.2" }],
    ["TLS 1.1", "plain", old],
    ["TLS 1.1 where 1.3 is asked for", "TLS 1.3", old],
    ["TLS 1.3 where 1.2 is the last", "TLS 1.2", { minVersion: "TLSv1.3" }],
    ["ciphers", "TLS 1.2", { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" }],
    ["ciphers for the certificate", "plain", { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES256-GCM-SHA384" }],
    ["groups of TLS 1.3", "plain", { minVersion: "TLSv1.3", ecdhCurve: "P-521" }],
    ["signatures of TLS 1.3", "plain", { minVersion: "TLSv1.3", sigalgs: "rsa_pss_rsae_sha256" }],
  ];
  for (const [name, where, options] of cases) test(name, () => alike(where, (port) => shakeHands(port, options)));
  test("a downgrade that the client noticed", () => alike("plain", (port) => openssl(port, "-fallback_scsv -tls1_2")));
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("certificates, %s", (version) => {
  for (const where of ["optional", "required", "names", "hash", "crl", "spiffe", "no secret"]) {
    for (const [name, files] of Object.entries(clients)) {
      // All of those that are refused for their chains are alike elsewhere.
      if (where !== "required" && where !== "spiffe" && /stranger|leaf/.test(name)) continue;
      if (where === "no secret" && name !== "none") continue;
      const options = { ...certificateOf(files), minVersion: version, maxVersion: version };
      test(`${where}: ${name}`, () => alike(where, (port) => shakeHands(port, options)));
    }
  }
});

// In TLS 1.3 openssl's alerts are not encrypted yet, which OpenSSL understands and BoringSSL does not.
describe("the client refuses our certificate", () => {
  const verified = (ca: string, more: string) => `-verify_return_error -CAfile ${ca} ${more}`;
  test("TLS 1.2: an unknown authority", () =>
    alike("plain", (port) => openssl(port, verified(stranger.ca, "-tls1_2"))));
  test("TLS 1.2: another name", () =>
    alike("plain", (port) => openssl(port, verified(authority.ca, "-tls1_2 -verify_hostname b.example"))));
  test("TLS 1.3: an unknown authority", async () => {
    const [ours] = sides as [Side];
    const log = () => readFileSync(logOf(ours.name, "TLS 1.3", "connection"), "utf8");
    await openssl(ours.ports[contextNames.indexOf("TLS 1.3")] as number, verified(stranger.ca, "-tls1_3"));
    await expect.poll(log).toContain("OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA:TLS_error_end");
  });
});

test("streams know of the handshake too", async () => {
  const written = await onSides(sides, async (side) => {
    await shakeHands(side.ports[0] as number, {});
    const text = () => readFileSync(logOf(side.name, "plain", "stream"), "utf8");
    await expect.poll(text).not.toBe("");
    // Before the request began: a number below 1.
    const [duration, ...points] = (text().split("\n")[0] as string).split(" ").slice(-4);
    return [Number(duration) <= 0, points.map((point) => /^\d+$/.test(point))];
  });
  for (const each of written) expect(each).toEqual([true, [true, true, true]]);
});

/** Both write the same line of one connection, and the client sees the same alert. */
async function alike(where: string, run: (port: number) => Promise<string>): Promise<void> {
  const written = await onSides(sides, async (side) => {
    const lines = () =>
      readFileSync(logOf(side.name, where, "connection"), "utf8")
        .split("\n")
        .slice(0, -1);
    const before = lines().length;
    const seen = await run(side.ports[contextNames.indexOf(where)] as number);
    await expect.poll(() => lines().length - before, { timeout: 10_000 }).toBe(1);
    return [
      seen,
      Object.fromEntries((lines()[before] as string).split(" ").map((value, i) => [fields[i], timeless(value, i)])),
    ];
  });
  for (const each of written) expect(each).toEqual(written.at(-1));
}

function timeless(value: string, i: number): string {
  return i >= fields.length - 4 ? value.replace(/^\d+$/, "some") : value;
}

function logOf(side: string, name: string, kind: string): string {
  return join(folder, `${side}-${name.replaceAll(" ", "-")}-${kind}.log`);
}

/** Writes each of the texts when something came for the one before, and goes. What came last, where it is an alert. */
async function talk(port: number, texts: readonly string[], isReset = false): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  let received = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => (received = Buffer.concat([received, data])));
  await once(socket, "connect");
  const closed = once(socket, "close");
  for (const [i, text] of texts.entries()) {
    if (i > 0) await Promise.race([once(socket, "data"), closed]);
    socket.write(text, "latin1");
  }
  await Promise.race([closed, sleep(isReset ? 50 : 80)]);
  if (isReset) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
  const last = received.length < 7 ? Buffer.alloc(2) : received.subarray(-7);
  // Behind a hello of TLS 1.3 alerts are encrypted.
  return last.readUInt16BE(0) === 0x1503 ? last.toString("hex") : "";
}

/** Says whether a request was answered. An answered client goes first. */
function shakeHands(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connectTls({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      servername: "a.example",
      ...options,
    });
    socket.on("secureConnect", () => socket.write(request));
    socket.on("data", (data: Buffer) => {
      answer = data.latin1Slice(9, 12);
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

function openssl(port: number, args: string): Promise<string> {
  return new Promise((resolve) => {
    const flags = ["s_client", "-connect", `127.0.0.1:${port}`, ...args.trim().split(" ")];
    const child = execFile("openssl", flags, () => resolve(""));
    child.stdin?.end();
  });
}

/** The ClientHello of Node's client. */
async function helloOf(options: ConnectionOptions): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: "127.0.0.1", port, servername: "a.example", ...options }).on("error", () => {});
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return (bytes as Buffer).latin1Slice();
}
