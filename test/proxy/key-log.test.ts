import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { chain, cluster, listener, manager, type Side, startSides, tlsSocket } from "./sides.ts";

// key_log of both sides: the secrets that Nuncio and real Envoy write are those that their peers know.

const folder = mkdtempSync(join(tmpdir(), "nuncio-key-log-"));
const certificate = new Authority(folder).issue("server", "DNS:a.example");
let backend: Server;
let sides: Side[] = [];
/** What the backend knows of the connections to it. */
const upstreamKeys = new Set<string>();
const fileOf = (side: string, name: string): string => join(folder, `${side}-${name}.keys`);
const contexts: { name: string; ranges: object; isLogged: boolean }[] = [
  { name: "all", ranges: {}, isLogged: true },
  { name: "local", ranges: { local_address_range: [range("127.0.0.0", 8)] }, isLogged: true },
  { name: "elsewhere", ranges: { local_address_range: [range("10.0.0.0", 8)] }, isLogged: false },
  {
    name: "both",
    ranges: {
      local_address_range: [range("127.0.0.1", 32)],
      remote_address_range: [range("::", 0), range("127.0.0.1", 32)],
    },
    isLogged: true,
  },
  {
    name: "other-remote",
    ranges: { local_address_range: [range("127.0.0.1", 32)], remote_address_range: [range("10.0.0.0", 8)] },
    isLogged: false,
  },
];

beforeAll(async () => {
  backend = createServer(
    { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
    (_request, response) => {
      response.end("ok");
    },
  );
  backend.on("keylog", (line: Buffer) => upstreamKeys.add(line.toString().trim()));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const { port } = backend.address() as AddressInfo;
  sides = await startSides(folder, contexts.length, (ports, side) => ({
    static_resources: {
      listeners: contexts.map(({ name, ranges }, i) =>
        listener(name, ports[i] ?? 0, [
          chain(
            manager([{ match: { prefix: "/" }, route: { cluster: "up" } }]),
            tlsSocket("Downstream", {
              common_tls_context: {
                key_log: { path: fileOf(side, name), ...ranges },
                tls_certificates: [
                  { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
                ],
              },
            }),
          ),
        ]),
      ),
      clusters: [
        cluster("up", port, {
          transport_socket: tlsSocket("Upstream", { common_tls_context: { key_log: { path: fileOf(side, "up") } } }),
        }),
      ],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  backend.close();
  rmSync(folder, { recursive: true });
});

test.each(contexts.map((context, i) => ({ ...context, i })))(
  "downstream, ranges: $name",
  async ({ name, i, isLogged }) => {
    for (const side of sides) {
      const known = new Set<string>();
      for (const version of ["TLSv1.2", "TLSv1.3"] as const)
        for (const key of await ask(side.ports[i] ?? 0, version)) known.add(key);
      expect(known.size).toBeGreaterThan(4);
      if (isLogged) {
        // Envoy writes the log of each file every ten seconds.
        await expect
          .poll(() => linesOf(side.name, name), { timeout: 40_000, interval: 500 })
          .toEqual([...known].sort());
      } else expect(linesOf(side.name, name)).toEqual([]);
    }
  },
);

test("upstream; and by then what is not to be logged would be", async () => {
  for (const side of sides) {
    await ask(side.ports[0] ?? 0, "TLSv1.3");
    await expect.poll(() => linesOf(side.name, "up").length, { timeout: 40_000, interval: 500 }).toBeGreaterThan(0);
    for (const line of linesOf(side.name, "up")) expect(upstreamKeys).toContain(line);
    for (const { name } of contexts.filter(({ isLogged }) => !isLogged)) expect(linesOf(side.name, name)).toEqual([]);
  }
});

function linesOf(side: string, name: string): string[] {
  const file = fileOf(side, name);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).sort() : [];
}

function range(address: string, length: number): object {
  return { address_prefix: address, prefix_len: length };
}

/** What a client of one request learns. */
function ask(port: number, version: "TLSv1.2" | "TLSv1.3"): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const keys: string[] = [];
    const socket = connect(
      { host: "127.0.0.1", port, rejectUnauthorized: false, minVersion: version, maxVersion: version },
      () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    );
    socket.on("keylog", (line: Buffer) => keys.push(line.toString().trim()));
    socket
      .on("error", reject)
      .on("close", () => resolve(keys))
      .resume();
  });
}
