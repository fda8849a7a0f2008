import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { Load } from "./load.ts";
import { secretsBootstrap } from "./secrets-bootstrap.ts";

// Secrets by file SDS, moved and broken under Nuncio and under real Envoy. Each has files of its own.

const root = mkdtempSync(join(tmpdir(), "nuncio-secrets-"));
const authority = new Authority(root);
const secondAuthority = new Authority(root, "ca-2");
const servers = [authority.issue("server-0", "DNS:a.example"), authority.issue("server-1", "DNS:a.example")];
const clients = [authority.issue("client-0", "DNS:client"), secondAuthority.issue("client-1", "DNS:client")];
const upstream = authority.issue("upstream", "DNS:upstream.example");
const backends: Server[] = [];

interface Side {
  name: string;
  command: string | null;
  folder: string;
  ports: { main: number; picky: number; late: number; admin: number };
  process: ProxyProcess | null;
}
const sides: Side[] = [candidateCommand, peer("envoy")].map((command, i) => ({
  name: i === 0 ? "nuncio" : "envoy",
  command,
  folder: join(root, String(i)),
  ports: { main: 0, picky: 0, late: 0, admin: 0 },
  process: null,
}));

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  const plain = createHttpServer((_request, response) => response.end("ok"));
  const picky = createHttpsServer(
    {
      cert: readFileSync(upstream.cert),
      key: readFileSync(upstream.key),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN as string),
  );
  backends.push(plain, picky);
  for (const backend of backends) await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPorts = backends.map((backend) => (backend.address() as AddressInfo).port);
  for (const side of sides) {
    if (side.command === null) continue;
    mkdirSync(side.folder);
    const [main = 0, mutual = 0, late = 0, admin = 0] = await freePorts(4);
    side.ports = { main, picky: mutual, late, admin };
    putPair(side, "server", servers[0] as CertificateFiles);
    putPair(side, "client", clients[0] as CertificateFiles);
    put(side, "server.yaml", certificateSecret(side, "server"));
    put(side, "client.yaml", certificateSecret(side, "client"));
    put(side, "late.yaml", certificateSecret(side, "another"));
    mountVolume(side, 0, authority.ca);
    put(side, "ca.yaml", volumeSecret(side));
    const config = secretsBootstrap(side.ports, backendPorts, side.folder, authority.ca);
    side.process = await startProxy(side.command, config, side.ports.admin, side.folder, side.name);
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  for (const backend of backends) backend.close();
  rmSync(root, { recursive: true });
});

describe.each(sides)("$name", (side) => {
  const installed = test.skipIf(side.command === null);

  installed("a certificate and its key move under load: nothing fails, new handshakes see the new one", async () => {
    const load = new Load(side.ports.main, { keepAlive: 8, newConnection: 4 }, true);
    for (let i = 1; i <= 6; i++) {
      const answered = load.sum("answered");
      const next = servers[i % 2] as CertificateFiles;
      putPair(side, "server", next);
      await until(async () => (await shown(side.ports.main)) === `server-${i % 2}`);
      await until(async () => load.sum("answered") > answered + 50);
    }
    await load.stop();
    expect(load.sum("failed")).toBe(0);
    expect(load.sum("refused")).toBe(0);
    expect(load.clients.filter((client) => client.answered < 2)).toEqual([]);
    const stats = await statsOf(side);
    expect(stats.get("listener.MAIN.server_ssl_socket_factory.ssl_context_update_by_sds")).toBe(7);
    expect(stats.get("sds.server.update_success")).toBe(1);
  });

  installed("a connection that is open lives through a rotation", async () => {
    const socket = await secured(side.ports.main, {});
    putPair(side, "server", servers[1] as CertificateFiles);
    await until(async () => (await shown(side.ports.main)) === "server-1");
    expect(await request(socket)).toMatch(/^HTTP\/1.1 200[\s\S]*ok$/);
    socket.destroy();
  });

  installed("..data of a volume is swapped: another authority of clients", async () => {
    const answers = async () =>
      Promise.all(clients.map((client) => ask(side.ports.picky, { ...pem(client) }).then((text) => text.slice(9, 12))));
    expect(await answers()).toEqual(["200", ""]);
    mountVolume(side, 1, secondAuthority.ca);
    await until(async () => (await answers()).join() === ",200");
  });

  installed("the client certificate towards an upstream moves", async () => {
    expect(await ask(side.ports.main, {}, "/upstream")).toMatch(/client-0$/);
    putPair(side, "client", clients[1] as CertificateFiles);
    // Connections that are open stay as they are; the next one shows the new certificate.
    await until(async () => /client-1$/.test(await ask(side.ports.main, {}, "/upstream")));
  });

  installed("a secret that has not come: the port is open, connections are closed, and it comes", async () => {
    expect(await ask(side.ports.late, {})).toBe("");
    const answer = await ask(side.ports.main, {}, "/late");
    expect(answer).toMatch(/^HTTP\/1.1 503/);
    answers.set(side.name, answer.slice(answer.indexOf("\r\n\r\n") + 4));
    const before = await statsOf(side);
    expect(before.get("listener.LATE.server_ssl_socket_factory.downstream_context_secrets_not_ready")).toBe(1);
    expect(before.get("cluster.late.client_ssl_socket_factory.upstream_context_secrets_not_ready")).toBe(1);
    expect(before.get("sds.late.update_rejected")).toBeGreaterThan(0);
    put(side, "late.yaml", certificateSecret(side, "late", "server"));
    await until(async () => /ok$/.test(await ask(side.ports.late, {})));
    await until(async () => /server-1$/.test(await ask(side.ports.main, {}, "/late")));
  });

  const key = () => readFileSync(join(side.folder, "server.key"), "utf8");
  const bad: { name: string; text: () => string; counter: string; reason: RegExp }[] = [
    {
      name: "text that is no YAML",
      text: () => "resources: [{",
      counter: "update_failure",
      reason: /^server\.yaml:\d+:\d+: /,
    },
    {
      name: "a misspelt field",
      text: () => certificateSecret(side, "server").replace("tls_certificate", "tls_certificat"),
      counter: "update_rejected",
      reason: /server\.yaml:1:\d+: warning: resources\[0\]\.tls_certificat: no such field/,
    },
    {
      name: "a file that is not there",
      text: () => certificateSecret(side, "server", "nothing"),
      counter: "update_rejected",
      reason: /^tls_certificate\.certificate_chain\.filename: cannot read ".*nothing.pem": there is no such file/,
    },
    {
      name: "a key of another certificate",
      text: () => inlineSecret("server", readFileSync((clients[0] as CertificateFiles).cert, "utf8"), key()),
      counter: "update_rejected",
      reason: /^tls_certificate\.private_key: does not belong to the certificate/,
    },
    {
      name: "a certificate that is none",
      text: () => inlineSecret("server", "nonsense", key()),
      counter: "update_rejected",
      reason: /^tls_certificate\.certificate_chain: is no certificate in PEM/,
    },
    {
      name: "a secret of another name",
      text: () => certificateSecret(side, "other", "server"),
      counter: "update_rejected",
      reason: /^name: is "other", not "server"/,
    },
    {
      name: "no secret",
      text: () => "{resources: []}",
      counter: "",
      reason: /holds 0 secrets where one is asked for, "server"/,
    },
  ];
  for (const { name, text, counter, reason } of bad) {
    installed(`${name} is refused and the last good one goes on`, async () => {
      const before = await statsOf(side);
      const attempts = before.get("sds.server.update_attempt") ?? 0;
      put(side, "server.yaml", text());
      await until(async () => ((await statsOf(side)).get("sds.server.update_attempt") ?? 0) > attempts);
      const after = await statsOf(side);
      const moved = ["update_success", "update_failure", "update_rejected"].filter(
        (what) => after.get(`sds.server.${what}`) !== before.get(`sds.server.${what}`),
      );
      if (counter !== "") expect(moved).toEqual([counter]);
      expect(await shown(side.ports.main)).toBe("server-1");
      if (side.name !== "nuncio") return;
      expect(await refusalOf(side, "server")).toMatch(reason);
    });
  }
});

test("what a request to an upstream without its secret gets is the same", () => {
  if (sides[1]?.command !== null) expect(answers.get("nuncio")).toBe(answers.get("envoy"));
});

test("the stats of secrets have Envoy's names", async () => {
  if (sides[1]?.command === null) return;
  const [ours, theirs] = await Promise.all(
    sides.map(async (side) =>
      [...(await statsOf(side)).keys()].filter((name) => /sds|ssl_socket_factory/.test(name)).sort(),
    ),
  );
  expect(ours).toEqual(theirs);
});

const answers = new Map<string, string>();

function put(side: Side, name: string, text: string): void {
  const file = join(side.folder, name);
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** First the certificate, then its key: in between they do not fit. */
function putPair(side: Side, name: string, files: CertificateFiles): void {
  put(side, `${name}.pem`, readFileSync(files.cert, "utf8"));
  put(side, `${name}.key`, readFileSync(files.key, "utf8"));
}

/** As the kubelet does: a folder for each version, the link `..data` moved over. */
function mountVolume(side: Side, version: number, ca: string): void {
  const volume = join(side.folder, "volume");
  mkdirSync(join(volume, `..v${version}`), { recursive: true });
  writeFileSync(join(volume, `..v${version}`, "ca.pem"), readFileSync(ca));
  symlinkSync(`..v${version}`, join(volume, "..data_tmp"));
  renameSync(join(volume, "..data_tmp"), join(volume, "..data"));
  if (version === 0) symlinkSync("..data/ca.pem", join(volume, "ca.pem"));
}

function certificateSecret(side: Side, name: string, files = name): string {
  const certificate = {
    certificate_chain: { filename: join(side.folder, `${files}.pem`) },
    private_key: { filename: join(side.folder, `${files}.key`) },
  };
  return secretFile({ name, tls_certificate: certificate });
}

function inlineSecret(name: string, chain: string, key: string): string {
  const certificate = { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } };
  return secretFile({ name, tls_certificate: certificate });
}

function volumeSecret(side: Side): string {
  const folder = join(side.folder, "volume");
  const context = { trusted_ca: { filename: join(folder, "ca.pem") }, watched_directory: { path: folder } };
  return secretFile({ name: "ca", validation_context: context });
}

function secretFile(secret: object): string {
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
  return JSON.stringify({ resources: [{ "@type": type, ...secret }] });
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await isSo()) return;
    await sleep(25);
  }
  throw new Error("it never came to be");
}

async function statsOf(side: Side): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${side.ports.admin}/stats`)).text();
  const named = text
    .replaceAll(`127.0.0.1_${side.ports.main}.`, "MAIN.")
    .replaceAll(`127.0.0.1_${side.ports.late}.`, "LATE.")
    .replaceAll(`127.0.0.1_${side.ports.picky}.`, "PICKY.");
  return new Map(
    named
      .split("\n")
      .map((line) => [line.slice(0, line.lastIndexOf(": ")), Number(line.slice(line.lastIndexOf(": ") + 2))]),
  );
}

async function refusalOf(side: Side, name: string): Promise<string> {
  const answer = await fetch(
    `http://127.0.0.1:${side.ports.admin}/config_dump?resource=dynamic_active_secrets&name_regex=^${name}$`,
  );
  const dump = (await answer.json()) as { configs: { error_state?: { details: string } }[] };
  return dump.configs[0]?.error_state?.details ?? "";
}

function secured(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}

async function shown(port: number): Promise<string> {
  const socket = await secured(port, {});
  const name = String(socket.getPeerCertificate().subject.CN);
  socket.destroy();
  return name;
}

/** All that comes until the end; "" where the connection fails. */
async function ask(port: number, options: ConnectionOptions, path = "/"): Promise<string> {
  try {
    return await request(await secured(port, options), path);
  } catch {
    return "";
  }
}

function request(socket: TLSSocket, path = "/"): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (data) => (text += data));
    socket.on("error", () => {});
    socket.once("close", () => resolve(text));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
  });
}

function pem(files: CertificateFiles): ConnectionOptions {
  return { cert: readFileSync(files.cert), key: readFileSync(files.key) };
}
