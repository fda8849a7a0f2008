import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer, requirePeer } from "../peers.ts";
import { Authority } from "./certificates.ts";
import { tlsBootstrap } from "./tls-bootstrap.ts";

// The same bootstrap and the same clients for Nuncio and for real Envoy: what one answers the other must.

const folder = mkdtempSync(join(tmpdir(), "nuncio-tls-"));
const authority = new Authority(folder);
const stranger = new Authority(folder, "stranger");
const server = authority.issue("server", "DNS:server.example,DNS:*.wild.example");
const serverRsa = authority.issue("server-rsa", "DNS:server.example,DNS:*.wild.example", { rsa: true });
const other = authority.issue("other", "DNS:other.example");
const client = authority.issue("client", "URI:spiffe://td/client");
const wrongClient = authority.issue("wrong-client", "URI:spiffe://td/other");
const strange = stranger.issue("strange", "URI:spiffe://td/client");
const upstream = authority.issue("upstream", "DNS:upstream.example");

const sides: { name: string; command: string | null; port: number; adminPort: number; process: ProxyProcess | null }[] =
  [
    { name: "nuncio", command: candidateCommand, port: 0, adminPort: 0, process: null },
    { name: "envoy", command: peer("envoy"), port: 0, adminPort: 0, process: null },
  ];
const backends: (NetServer | Server)[] = [];

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  const plain = createHttpServer((request, response) => response.end(JSON.stringify(request.headers)));
  const options = { cert: readFileSync(upstream.cert), key: readFileSync(upstream.key) };
  const secure = createHttpsServer(options, (request, response) => {
    const socket = request.socket as TLSSocket;
    response.end(`${socket.getProtocol()} ${socket.servername || "-"} ${socket.isSessionReused() ? "resumed" : "new"}`);
  });
  const picky = createHttpsServer(
    { ...options, requestCert: true, rejectUnauthorized: true, ca: readFileSync(authority.ca) },
    (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN as string),
  );
  backends.push(plain, secure, picky);
  for (const backend of backends) await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPorts = backends.map((backend) => (backend.address() as AddressInfo).port);
  for (const side of sides) {
    if (side.command === null) continue;
    [side.port = 0, side.adminPort = 0] = await freePorts(2);
    const config = tlsBootstrap(side.port, side.adminPort, backendPorts, {
      ca: authority.ca,
      strangerCa: stranger.ca,
      servers: [server, serverRsa],
      other,
      client,
    });
    side.process = await startProxy(side.command, config, side.adminPort, folder, side.name);
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  for (const backend of backends) backend.close();
  rmSync(folder, { recursive: true });
});

interface Attempt {
  name: string;
  options: ConnectionOptions;
  path?: string;
  /** Of both proxies. */
  expected: Partial<Outcome>;
}

interface Outcome {
  result: string;
  version: string;
  cipher: string;
  alpn: string;
  certificate: string;
  body: string;
}

const ok = { result: "200" };
const refused = { result: "refused" };
const attempts: Attempt[] = [
  {
    name: "an exact name",
    options: { servername: "server.example" },
    expected: { ...ok, certificate: "server", version: "TLSv1.3" },
  },
  { name: "a name in capitals", options: { servername: "SERVER.Example" }, expected: { ...ok, certificate: "server" } },
  { name: "a wildcard", options: { servername: "a.wild.example" }, expected: { ...ok, certificate: "server" } },
  {
    name: "two labels under a wildcard",
    options: { servername: "a.b.wild.example" },
    expected: { ...ok, certificate: "server" },
  },
  { name: "an unknown name gets the chain without names", options: { servername: "nobody.example" }, expected: ok },
  { name: "no name", options: {}, expected: { ...ok, certificate: "server" } },
  {
    name: "TLS 1.2",
    options: { servername: "server.example", maxVersion: "TLSv1.2" },
    expected: { ...ok, version: "TLSv1.2" },
  },
  {
    name: "TLS 1.1",
    options: {
      servername: "server.example",
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    },
    expected: refused,
  },
  {
    name: "an RSA client of TLS 1.2 gets the RSA certificate",
    options: { servername: "server.example", maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" },
    expected: { ...ok, certificate: "server-rsa", cipher: "ECDHE-RSA-AES128-GCM-SHA256" },
  },
  {
    name: "a cipher that the server does not take",
    options: { servername: "server.example", maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES256-SHA384" },
    expected: refused,
  },
  {
    name: "ALPN http/1.1",
    options: { servername: "server.example", ALPNProtocols: ["http/1.1"] },
    expected: { ...ok, alpn: "http/1.1" },
  },
  {
    name: "ALPN that the server does not speak is passed over",
    options: { servername: "server.example", ALPNProtocols: ["acme/1"] },
    expected: { ...ok, alpn: "-" },
  },
  {
    name: "a client certificate that is asked for",
    options: { servername: "other.example", ...pem(client) },
    expected: { ...ok, certificate: "other" },
  },
  { name: "no client certificate where one is asked for", options: { servername: "other.example" }, expected: refused },
  {
    name: "a client certificate of another name",
    options: { servername: "other.example", ...pem(wrongClient) },
    expected: refused,
  },
  {
    name: "a client certificate of a stranger",
    options: { servername: "other.example", ...pem(strange) },
    expected: refused,
  },
  {
    name: "the backend hears of the client's certificate",
    options: { servername: "other.example", ...pem(client) },
    path: "/headers",
    expected: ok,
  },
  { name: "the backend hears of https", options: { servername: "server.example" }, path: "/headers", expected: ok },
  {
    name: "an upstream over TLS",
    options: { servername: "server.example" },
    path: "/secure",
    expected: { ...ok, body: "TLSv1.2 upstream.example new" },
  },
  {
    name: "an upstream that wants our certificate",
    options: { servername: "server.example" },
    path: "/picky",
    expected: { ...ok, body: "client" },
  },
  {
    name: "an upstream of another name",
    options: { servername: "server.example" },
    path: "/misnamed",
    expected: { result: "503" },
  },
  {
    name: "an upstream that nobody vouches for",
    options: { servername: "server.example" },
    path: "/untrusted",
    expected: { result: "503" },
  },
  {
    name: "an upstream that speaks no TLS",
    options: { servername: "server.example" },
    path: "/cleartext",
    expected: { result: "503" },
  },
];

describe.each(attempts)("$name", ({ options, path, expected }) => {
  for (const side of sides) {
    test(side.name, async (context) => {
      if (side.command === null) return context.skip("envoy is not installed: run scripts/peers envoy");
      const outcome = await attempt(side.port, options, path ?? "/direct");
      expect(outcome).toMatchObject(expected);
      seen.set(side.name, [...(seen.get(side.name) ?? []), masked(outcome)]);
    });
  }
});

test("both saw the same in all of it", () => {
  if (sides[1]?.command !== null) expect(seen.get("nuncio")).toEqual(seen.get("envoy"));
});

test.each(["TLSv1.2", "TLSv1.3"] as const)("a %s session is resumed, by whichever worker", async (version) => {
  const side = sides[0] as (typeof sides)[number];
  const session = await new Promise<Buffer>((resolve, reject) => {
    const socket = connect({
      ...base(side.port),
      servername: "server.example",
      minVersion: version,
      maxVersion: version,
    });
    socket.once("session", (ticket) => {
      resolve(ticket);
      socket.end();
    });
    socket.once("secureConnect", () => socket.write("GET /direct HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.once("error", reject);
    socket.resume();
  });
  for (let i = 0; i < 6; i++) {
    const isReused = await new Promise((resolve, reject) => {
      const socket = connect({
        ...base(side.port),
        servername: "server.example",
        session,
        minVersion: version,
        maxVersion: version,
      });
      socket.once("secureConnect", () => {
        resolve(socket.isSessionReused());
        socket.destroy();
      });
      socket.once("error", reject);
    });
    expect(isReused).toBe(true);
  }
});

test("ssl stats count as Envoy's", async (context) => {
  requirePeer("envoy", context);
  const counts = await Promise.all(
    sides.map(async (side) => {
      const text = await (
        await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=ssl\\.fail_verify|cluster.*ssl.handshake`)
      ).text();
      return text
        .replaceAll(`127.0.0.1_${side.port}`, "LISTENER")
        .split("\n")
        .filter((line) => !line.endsWith(": 0"))
        .sort();
    }),
  );
  expect(counts[0]).toContain("listener.LISTENER.ssl.fail_verify_no_cert: 1");
  if (sides[1]?.command !== null) expect(counts[0]).toEqual(counts[1]);
});

test("/certs and the expiry of certificates are Envoy's", async () => {
  if (sides[1]?.command === null) return;
  const [ours, theirs] = await Promise.all(
    sides.map(async (side) => {
      const at = (path: string) => fetch(`http://127.0.0.1:${side.adminPort}${path}`).then((answer) => answer.text());
      const { certificates } = JSON.parse(await at("/certs")) as { certificates: object[] };
      const stats = await at("/stats?filter=ssl\\.certificate|days_until_first_cert");
      return {
        certificates: certificates.map((one) => JSON.stringify(one)).sort(),
        stats: stats.replaceAll(`127.0.0.1_${side.port}`, "LISTENER").split("\n").sort(),
      };
    }),
  );
  expect(ours).toEqual(theirs);
  expect(ours?.stats.length).toBeGreaterThan(5);
});

const seen = new Map<string, Outcome[]>();

function masked(outcome: Outcome): Outcome {
  return {
    ...outcome,
    // Of TLS 1.3's suites BoringSSL takes the client's first, OpenSSL the server's.
    cipher: outcome.version === "TLSv1.3" ? "-" : outcome.cipher,
    body: outcome.body
      .replace(/"x-request-id":"[^"]*"/, "")
      .replace(/reset reason: remote connection failure.*/, "reset reason: remote connection failure"),
  };
}

function base(port: number): ConnectionOptions {
  return { host: "127.0.0.1", port, ca: readFileSync(authority.ca), checkServerIdentity: () => undefined };
}

function attempt(port: number, options: ConnectionOptions, path: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome: Outcome = { result: "refused", version: "-", cipher: "-", alpn: "-", certificate: "-", body: "" };
    const socket = connect({ ...base(port), ...options });
    let text = "";
    socket.once("secureConnect", () => {
      outcome.version = socket.getProtocol() ?? "-";
      outcome.cipher = socket.getCipher().name;
      outcome.alpn = socket.alpnProtocol || "-";
      outcome.certificate = String(socket.getPeerCertificate().subject.CN);
      const fields = "Host: a.example\r\nX-Forwarded-Client-Cert: By=earlier\r\nConnection: close";
      socket.write(`GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`);
    });
    socket.on("data", (data) => (text += data));
    socket.on("error", () => {});
    socket.once("close", () => {
      const status = /^HTTP\/1.1 (\d+)/.exec(text)?.[1];
      if (status === undefined) resolve({ ...outcome, version: "-", cipher: "-", alpn: "-", certificate: "-" });
      else resolve({ ...outcome, result: status, body: text.slice(text.indexOf("\r\n\r\n") + 4) });
    });
  });
}

function pem(files: { cert: string; key: string }): ConnectionOptions {
  return { cert: readFileSync(files.cert), key: readFileSync(files.key) };
}
