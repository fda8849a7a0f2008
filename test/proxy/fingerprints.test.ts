import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ja3Of, ja4Of } from "../../src/net/tls/fingerprint.ts";
import { Authority } from "./certificates.ts";
import { accessLog, chain, listener, manager, type Side, startSides, tlsSocket } from "./sides.ts";

// JA3 and JA4 of real clients in the access logs of Nuncio and real Envoy, and of made ClientHellos as Envoy 1.40 logged them.

const folder = mkdtempSync(join(tmpdir(), "nuncio-fingerprints-"));
const certificate = new Authority(folder).issue("server", "DNS:a.example");
let sides: Side[] = [];
const logOf = (name: string): string => join(folder, `${name}.log`);

beforeAll(async () => {
  sides = await startSides(folder, 3, (ports, name) => ({
    static_resources: {
      listeners: [
        { enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true },
        { enable_ja4_fingerprinting: true },
        {},
      ].map((config, i) => listener(`l${i}`, ports[i] ?? 0, [chain(managerOf(name, i), secure)], [inspector(config)])),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

const clients: { name: string; run(port: number): Promise<unknown> }[] = [
  { name: "node", run: (port) => node(port, { servername: "a.example", ALPNProtocols: ["http/1.1"] }) },
  { name: "node, TLS 1.2, no name", run: (port) => node(port, { maxVersion: "TLSv1.2" }) },
  { name: "node, one cipher", run: (port) => node(port, { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }) },
  { name: "openssl", run: (port) => openssl(port, "-servername a.example -alpn h2,http/1.1") },
  { name: "openssl, few groups", run: (port) => openssl(port, "-groups P-256:X25519 -sigalgs ECDSA+SHA256") },
  { name: "openssl, TLS 1.2", run: (port) => openssl(port, "-tls1_2 -status") },
];

test.each([0, 1, 2])("listener %i: the same in both logs", async (i) => {
  for (const client of clients) for (const side of sides) await client.run(side.ports[i] ?? 0);
  const read = (name: string): string[] => {
    const text = existsSync(logOf(name)) ? readFileSync(logOf(name), "utf8") : "";
    return text.split("\n").filter((line) => line.startsWith(`l${i} `));
  };
  for (const { name } of sides) await expect.poll(() => read(name).length, { timeout: 30_000 }).toBe(clients.length);
  const [ours = [], theirs] = sides.map(({ name }) => read(name));
  const [ja3, ja4] = [i === 0 ? "[0-9a-f]{32}" : "-", i < 2 ? "t1[23][di]\\d{4}\\w\\w_[0-9a-f]{12}_[0-9a-f]{12}" : "-"];
  for (const line of ours) expect(line).toMatch(new RegExp(`^l${i} ${ja3} ${ja4}$`));
  if (i < 2) expect(new Set(ours).size).toBe(clients.length);
  if (theirs !== undefined) expect(ours).toEqual(theirs);
});

/** In the order of the wire: version, ciphers, extensions. Measured with a listener's access log of Envoy 1.40. */
const made: { name: string; body: Buffer; expected: string }[] = [
  {
    name: "GREASE everywhere",
    body: hello(
      0x303,
      [0x2a2a, 0xc02b, 0x1301],
      [
        [0x3a3a, ""],
        [0, "000c000009612e6578616d706c65"],
        [10, "00064a4a001d0017"],
        [11, "020001"],
        [13, "000404030804"],
        [16, "000c02683208687474702f312e31"],
        [43, "065a5a03040303"],
        [0xbaba, "00"],
      ],
    ),
    expected: "a06493ee3cfab3276fa4ac71a8687e29 t13d0206h2_777cda164f4b_fb71836bce29",
  },
  {
    name: "no extensions",
    body: hello(0x303, [0xc02b], []),
    expected: "8f7412333aecdf6564c6f68c36da511d t12i010000_648b5c445417_000000000000",
  },
  {
    name: "a protocol of no letters, no signature algorithms",
    body: hello(
      0x303,
      [0xc02b, 0xc02f],
      [
        [0, "000c000009612e6578616d706c65"],
        [10, "00020017"],
        [11, "020001"],
        [16, "000302ff21"],
      ],
    ),
    expected: "d0a30236cd31da38ebf5242a9ba89c04 t12d0204f1_b6f57f3be927_33a13ba74d1c",
  },
  {
    name: "a protocol of one letter, TLS 1.1",
    body: hello(
      0x302,
      [0xc009],
      [
        [10, "00020017"],
        [11, "020001"],
        [16, "00020178"],
      ],
    ),
    expected: "f7751b509c86b1ab89beed4e7794aebb t11i0103xx_e9cf9c90c59a_33a13ba74d1c",
  },
  {
    name: "only GREASE for ciphers",
    body: hello(0x303, [0x0a0a], [[0, "000c000009612e6578616d706c65"]]),
    expected: "eb135aa01a32c0d5cf6ca9cc0f16d7f5 t12d000100_000000000000_000000000000",
  },
  {
    name: "a list of groups cut in the middle",
    body: hello(
      0x303,
      [0xc02b],
      [
        [10, "0003001700"],
        [11, "020001"],
      ],
    ),
    expected: "26986ddacb4c2b75c05888eccb6531d7 t12i010200_648b5c445417_33a13ba74d1c",
  },
  {
    name: "what only looks like GREASE",
    body: hello(0x303, [0x1a2a, 0xc02b], [[10, "00040a1a0017"]]),
    expected: "a0f7904bf7c51d71615442549bfbfa7b t12i020100_2d7efa5ce9de_a8f3e973773c",
  },
];

test.each(made)("a ClientHello of $name", ({ body, expected }) => {
  expect(`${ja3Of(body)} ${ja4Of(body)}`).toBe(expected);
});

function hello(version: number, ciphers: number[], extensions: [number, string][]): Buffer {
  const word = (n: number): string => n.toString(16).padStart(4, "0");
  const list = extensions.map(([type, hex]) => word(type) + word(hex.length / 2) + hex).join("");
  const head = `${word(version)}${"07".repeat(32)}00${word(2 * ciphers.length)}${ciphers.map(word).join("")}0100`;
  return Buffer.from(head + (extensions.length === 0 ? "" : word(list.length / 2) + list), "hex");
}

const secure = tlsSocket("Downstream", {
  common_tls_context: {
    alpn_protocols: ["http/1.1"],
    tls_certificates: [
      { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
    ],
  },
});

function managerOf(name: string, i: number): object {
  const log = accessLog(logOf(name), `l${i} %TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%`);
  return manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }], { access_log: [log] });
}

function inspector(config: object): object {
  const type = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
  return { name: "tls_inspector", typed_config: { "@type": type, ...config } };
}

const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

function node(port: number, options: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options }, () =>
      socket.write(request),
    );
    socket.on("error", reject).on("close", resolve).resume();
  });
}

function openssl(port: number, options: string): Promise<unknown> {
  expect(spawnSync("openssl", ["version"]).status).toBe(0);
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof", ...options.split(" ")], {
    stdio: ["pipe", "ignore", "ignore"],
    timeout: 20_000,
  });
  child.stdin.on("error", () => {});
  child.stdin.end(request);
  return new Promise((resolve) => child.once("close", resolve));
}
