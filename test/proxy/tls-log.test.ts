import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { requirePeer } from "../peers.ts";
import { Authority } from "./certificates.ts";

// Every TLS operator of the access log, for the same clients, by Nuncio and by real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-tls-log-"));
const authority = new Authority(folder);
const server = authority.issue("server", "DNS:server.example,URI:spiffe://td/server,IP:10.0.0.1,email:a@b.example", {
  subject: "/C=DE/O=Server/CN=server.example",
});
const client = authority.issue("client", "DNS:c.example,DNS:c2.example,URI:spiffe://td/c,IP:10.0.0.2,IP:fe80::1", {
  subject: '/C=DE/O=Client,"Q"/OU=x/CN=clïent',
});
const upstream = authority.issue("upstream", "DNS:up.example,URI:spiffe://td/up,IP:127.0.0.1");
const chain = join(folder, "chain.pem");
writeFileSync(chain, readFileSync(client.cert, "utf8") + readFileSync(authority.ca, "utf8"));

const subjects = ["SUBJECT", "URI_SAN", "DNS_SAN", "IP_SAN", "EMAIL_SAN"];
const peerOnly = ["ISSUER", "SERIAL", "CERT", "FINGERPRINT_1", "FINGERPRINT_256", "CERT_V_START", "CERT_V_END"];
const chains = [
  "ISSUER_SERIAL",
  "ISSUER_FINGERPRINT_256",
  "CHAIN_SERIALS",
  "CHAIN_FINGERPRINTS_1",
  "CHAIN_FINGERPRINTS_256",
];
const operators = [
  "REQUESTED_SERVER_NAME",
  "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
  "UPSTREAM_TRANSPORT_FAILURE_REASON",
  ...["VERSION", "CIPHER", "SESSION_ID"].flatMap((name) => [`DOWNSTREAM_TLS_${name}`, `UPSTREAM_TLS_${name}`]),
  "UPSTREAM_TLS_GROUP",
  ...subjects.flatMap((name) => [`DOWNSTREAM_LOCAL_${name}`, `DOWNSTREAM_PEER_${name}`]),
  ...[...peerOnly, ...chains].map((name) => `DOWNSTREAM_PEER_${name}`),
  ...["DNS_SAN", "IP_SAN", "URI_SAN"].flatMap((name) => [`UPSTREAM_LOCAL_${name}`, `UPSTREAM_PEER_${name}`]),
  ...["ISSUER", "SUBJECT", "CERT", "CERT_V_START"].map((name) => `UPSTREAM_PEER_${name}`),
  "DOWNSTREAM_PEER_CERT_V_START(%b %d %Y)",
  "UPSTREAM_PEER_CERT_V_END(%s)",
];
const clients: { name: string; options: ConnectionOptions }[] = [
  {
    name: "TLS 1.3, a certificate with its chain, SNI",
    options: { ...pem(chain, client.key), servername: "server.example" },
  },
  { name: "TLS 1.2, a certificate alone, no SNI", options: { ...pem(client.cert, client.key), maxVersion: "TLSv1.2" } },
  { name: "no certificate, SNI of nobody", options: { servername: "Nobody.example" } },
];

const processes: ProxyProcess[] = [];
const backends: Server[] = [];
let backendPort = 0;

beforeAll(async () => {
  const options = { ...pem(upstream.cert, upstream.key), requestCert: true, rejectUnauthorized: false };
  const backend = createServer(options, (_request, response) => response.end("ok"));
  backends.push(backend);
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  backendPort = (backend.address() as AddressInfo).port;
});

afterAll(async () => {
  for (const process of processes) await process.stop();
  for (const backend of backends) backend.close();
  rmSync(folder, { recursive: true });
});

test("both log the same of every connection", async (context) => {
  const envoy = requirePeer("envoy", context);
  const [ours, theirs] = [await logOf(candidateCommand, "nuncio"), await logOf(envoy, "envoy")];
  expect(ours.length).toBe(clients.length);
  for (const [i, { name }] of clients.entries()) expect({ name, ...ours[i] }).toEqual({ name, ...theirs[i] });
  expect(ours[0]?.DOWNSTREAM_PEER_SUBJECT).toMatch(/^CN=cl\\C3.*ent,OU=x,O=Client\\,\\"Q\\",C=DE$/);
  expect(ours[2]?.DOWNSTREAM_PEER_SUBJECT).toBe(null);
});

async function logOf(command: string, name: string): Promise<Record<string, string>[]> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const log = join(folder, `${name}.log`);
  processes.push(await startProxy(command, bootstrap(port, adminPort, log), adminPort, folder, name));
  for (const { options } of clients) await ask(port, options);
  let lines: string[] = [];
  for (let i = 0; i < 200 && lines.length < clients.length; i++) {
    await sleep(25);
    lines = readFileSync(log, "utf8").trim().split("\n").filter(Boolean);
  }
  return lines.map((line) => masked(JSON.parse(line) as Record<string, string>));
}

/** Session ids are random, and the order of ciphers is each library's own. */
function masked(line: Record<string, string>): Record<string, string> {
  const hidden = (name: string) =>
    String(line[name])
      .replace(/^[0-9a-f]{64}$/, "an id")
      .replace(/^(TLS|ECDHE).*/, "a cipher");
  for (const name of Object.keys(line)) if (/SESSION_ID|CIPHER/.test(name)) line[name] = hidden(name);
  return line;
}

function ask(port: number, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    socket.once("error", reject);
    socket.once("close", () => resolve());
    socket.resume();
  });
}

function pem(cert: string, key: string): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function bootstrap(port: number, adminPort: number, log: string): object {
  const files = (cert: { cert: string; key: string }) => ({
    certificate_chain: { filename: cert.cert },
    private_key: { filename: cert.key },
  });
  const context = (side: string, certificate: object, fields: object) => ({
    name: "tls",
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`,
      common_tls_context: {
        tls_certificates: [certificate],
        validation_context: { trusted_ca: { filename: authority.ca } },
      },
      ...fields,
    },
  });
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    access_log: [
      {
        name: "file",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
          path: log,
          log_format: { json_format: Object.fromEntries(operators.map((name) => [name, `%${name}%`])) },
        },
      },
    ],
    route_config: {
      virtual_hosts: [{ name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "up" } }] }],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  const inspector = {
    name: "tls_inspector",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" },
  };
  return {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        {
          name: "tls",
          address: address(port),
          listener_filters: [inspector],
          filter_chains: [
            {
              filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
              transport_socket: context("Downstream", files(server), {}),
            },
          ],
        },
      ],
      clusters: [
        {
          name: "up",
          type: "STATIC",
          load_assignment: {
            cluster_name: "up",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backendPort) } }] }],
          },
          transport_socket: context("Upstream", files(client), { sni: "up.example" }),
        },
      ],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
