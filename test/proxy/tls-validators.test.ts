import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { tlsSocket } from "./sides.ts";

// Envoy's SPIFFE validator and PKCS #12, for the same clients on both.

const folder = mkdtempSync(join(tmpdir(), "nuncio-validators-"));
const one = new Authority(folder, "one");
const two = new Authority(folder, "two");
const server = one.issue("server", "DNS:a.example");
const bundle = join(folder, "server.p12");
execFileSync("openssl", [
  "pkcs12",
  "-export",
  "-in",
  server.cert,
  "-inkey",
  server.key,
  "-out",
  bundle,
  "-passout",
  "pass:secret",
]);
const svid = { keyUsage: "digitalSignature" };
const clients: {
  name: string;
  files: CertificateFiles | null;
  expected: "200" | "refused";
  matched: "200" | "refused";
}[] = [
  {
    name: "of its domain",
    files: one.issue("a", "URI:spiffe://one.example/ns/a", svid),
    expected: "200",
    matched: "200",
  },
  {
    name: "of the other domain",
    files: two.issue("b", "URI:spiffe://two.example/ns/a", svid),
    expected: "200",
    matched: "refused",
  },
  {
    name: "that claims another's domain",
    files: two.issue("c", "URI:spiffe://one.example/ns/a", svid),
    expected: "refused",
    matched: "refused",
  },
  {
    name: "of a domain that nobody knows",
    files: one.issue("d", "URI:spiffe://three.example/x", svid),
    expected: "refused",
    matched: "refused",
  },
  {
    name: "without a SPIFFE id",
    files: one.issue("e", "DNS:a.example", svid),
    expected: "refused",
    matched: "refused",
  },
  {
    name: "with another workload's id",
    files: one.issue("f", "URI:spiffe://one.example/ns/b", svid),
    expected: "200",
    matched: "refused",
  },
  {
    name: "without a key usage",
    files: one.issue("g", "URI:spiffe://one.example/ns/a"),
    expected: "refused",
    matched: "refused",
  },
  {
    name: "that may sign certificates",
    files: one.issue("h", "URI:spiffe://one.example/ns/a", { keyUsage: "digitalSignature,keyCertSign" }),
    expected: "refused",
    matched: "refused",
  },
  { name: "without a certificate", files: null, expected: "refused", matched: "refused" },
];
const sides = [candidateCommand, peer("envoy")].map((command, i) => ({
  name: i === 0 ? "nuncio" : "envoy",
  command,
  ports: { plain: 0, matched: 0, pkcs12: 0 },
  process: null as ProxyProcess | null,
}));

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  for (const side of sides) {
    if (side.command === null) continue;
    const [plain = 0, matched = 0, pkcs12 = 0, adminPort = 0] = await freePorts(4);
    side.ports = { plain, matched, pkcs12 };
    side.process = await startProxy(side.command, bootstrap(side.ports, adminPort), adminPort, folder, side.name);
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  rmSync(folder, { recursive: true });
});

describe.each(clients)("a client $name", ({ files, expected, matched }) => {
  const options = files === null ? {} : { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  for (const side of sides) {
    test.skipIf(side.command === null)(side.name, async () => {
      expect(await ask(side.ports.plain, options)).toBe(expected);
      expect(await ask(side.ports.matched, options)).toBe(matched);
    });
  }
});

test("a certificate in PKCS #12 is shown", async () => {
  for (const side of sides) {
    if (side.command === null) continue;
    expect(await ask(side.ports.pkcs12, {})).toBe("200");
  }
});

function ask(port: number, options: ConnectionOptions): Promise<"200" | "refused"> {
  return new Promise((resolve) => {
    const socket = connect({
      host: "127.0.0.1",
      port,
      ca: readFileSync(one.ca),
      checkServerIdentity: () => undefined,
      ...options,
    });
    let text = "";
    socket.once("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    socket.on("data", (data) => (text += data));
    socket.on("error", () => {});
    socket.once("close", () => resolve(text.startsWith("HTTP/1.1 200") ? "200" : "refused"));
  });
}

function bootstrap(ports: { plain: number; matched: number; pkcs12: number }, adminPort: number): object {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        { name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  const listener = (name: string, port: number, common: object) => ({
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
        transport_socket: tlsSocket("Downstream", {
          common_tls_context: common,
        }),
      },
    ],
  });
  const domain = (authority: Authority, name: string) => ({ name, trust_bundle: { filename: authority.ca } });
  const validator = {
    name: "envoy.tls.cert_validator.spiffe",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
      trust_domains: [domain(one, "one.example"), domain(two, "two.example")],
    },
  };
  const pair = { certificate_chain: { filename: server.cert }, private_key: { filename: server.key } };
  const workload = { san_type: "URI", matcher: { exact: "spiffe://one.example/ns/a" } };
  return {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        listener("plain", ports.plain, {
          tls_certificates: [pair],
          validation_context: { custom_validator_config: validator },
        }),
        listener("matched", ports.matched, {
          tls_certificates: [pair],
          validation_context: { custom_validator_config: validator, match_typed_subject_alt_names: [workload] },
        }),
        listener("pkcs12", ports.pkcs12, {
          tls_certificates: [{ pkcs12: { filename: bundle }, password: { inline_string: "secret" } }],
        }),
      ],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
