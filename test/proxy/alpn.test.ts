import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import http2Wrapper from "http2-wrapper";
import { Agent, request as undiciRequest } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { type Nuncio, startNuncio } from "./nuncio.ts";
import { tlsSocket } from "./sides.ts";

// Clients that choose their version of HTTP by ALPN, as browsers do.

const folder = mkdtempSync(join(tmpdir(), "nuncio-alpn-"));
const authority = new Authority(folder);
const ca = readFileSync(authority.ca);
const proxies: Record<string, Nuncio> = {};
let backend: Server | null = null;

beforeAll(async () => {
  const files = authority.issue("server", "DNS:server.example");
  backend = createServer((request, response) => response.end(`${request.url} ${request.headers["x-forwarded-proto"]}`));
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  for (const [name, alpn] of [
    ["both", ["h2", "http/1.1"]],
    ["http1", ["http/1.1"]],
  ] as const) {
    proxies[name] = await startNuncio({
      backendPort: (backend.address() as AddressInfo).port,
      args: ["--concurrency", "1"],
      transportSocket: tlsSocket("Downstream", {
        common_tls_context: {
          alpn_protocols: alpn,
          tls_certificates: [{ certificate_chain: { filename: files.cert }, private_key: { filename: files.key } }],
        },
      }),
    });
  }
});

afterAll(async () => {
  await Promise.all(Object.values(proxies).map((nuncio) => nuncio.stop()));
  backend?.closeAllConnections();
  backend?.close();
  rmSync(folder, { recursive: true });
});

test.each([
  ["both", "2.0"],
  ["http1", "1.1"],
])("http2-wrapper's auto against ALPN of %s speaks %s", async (name, version) => {
  const request = await http2Wrapper.auto({
    host: "127.0.0.1",
    port: proxies[name]?.port,
    path: "/auto",
    servername: "server.example",
    ca,
  } as Parameters<typeof http2Wrapper.auto>[0]);
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.httpVersion).toBe(version);
  expect(Buffer.concat(await response.toArray()).toString()).toBe("/auto https");
  (response.socket as { destroy?: () => void } | null)?.destroy?.();
  http2Wrapper.globalAgent.destroy();
});

test.each(["both", "http1"])("undici with allowH2 against ALPN of %s", async (name) => {
  const dispatcher = new Agent({ allowH2: true, connect: { ca, servername: "server.example" } });
  const asked = Array.from({ length: 20 }, (_, index) =>
    undiciRequest(`https://127.0.0.1:${proxies[name]?.port}/${index}`, { dispatcher }),
  );
  const answers = await Promise.all((await Promise.all(asked)).map((answer) => answer.body.text()));
  expect(answers).toEqual(answers.map((_, index) => `/${index} https`));
  const used = await proxies[name]?.stat(`http.in.downstream_rq_http${name === "both" ? 2 : 1}_total`);
  expect(used).toBeGreaterThanOrEqual(20);
  await dispatcher.destroy();
});
