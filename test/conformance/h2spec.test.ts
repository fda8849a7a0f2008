import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { Authority } from "../proxy/certificates.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { tlsSocket } from "../proxy/sides.ts";

// All of h2spec: generic, hpack and http2. Real Envoy 1.40 passes 133 of the 145 (2026-11-25).

const folder = mkdtempSync(join(tmpdir(), "nuncio-h2spec-"));
const running: Nuncio[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

test("cleartext HTTP/2", { timeout: 120_000 }, async (context) => {
  const h2spec = requirePeer("h2spec", context);
  const nuncio = await start({ codec_type: "HTTP2" });
  expect(await run(h2spec, nuncio.port, [])).toBe("145 tests, 145 passed, 0 skipped, 0 failed");
  expect((await fetch(`http://127.0.0.1:${nuncio.adminPort}/ready`)).status).toBe(200);
});

test("HTTP/2 over TLS", { timeout: 120_000 }, async (context) => {
  const h2spec = requirePeer("h2spec", context);
  const files = new Authority(folder).issue("server", "DNS:localhost");
  const nuncio = await start(
    {},
    tlsSocket("Downstream", {
      common_tls_context: {
        alpn_protocols: ["h2", "http/1.1"],
        tls_certificates: [{ certificate_chain: { filename: files.cert }, private_key: { filename: files.key } }],
      },
    }),
  );
  expect(await run(h2spec, nuncio.port, ["-t", "-k"])).toBe("145 tests, 145 passed, 0 skipped, 0 failed");
});

async function start(manager: Record<string, unknown>, transportSocket?: object): Promise<Nuncio> {
  const backend = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end("hello"));
  }).listen(0, "127.0.0.1");
  servers.push(backend);
  await new Promise((resolve) => backend.once("listening", resolve));
  const nuncio = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "1"],
    manager,
    ...(transportSocket === undefined ? {} : { transportSocket }),
  });
  running.push(nuncio);
  return nuncio;
}

/** h2spec's last line. */
function run(h2spec: string, port: number, options: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(h2spec, ["-h", "127.0.0.1", "-p", String(port), "-o", "2", ...options]);
    let text = "";
    child.stdout.on("data", (data: Buffer) => (text += data.toString()));
    child.stderr.on("data", (data: Buffer) => (text += data.toString()));
    child.once("close", () => {
      const summary = text.trimEnd().split("\n").at(-1) ?? "";
      resolve(summary.includes(" 0 failed") ? summary : text);
    });
  });
}
