import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Authority } from "./certificates.ts";
import { startNuncio, withoutBindings } from "./nuncio.ts";
import { tlsSocket } from "./sides.ts";

// That HTTP goes through a Node without bindings is in back-pressure.test.ts.

test("a Node without bindings serves, and the log says what that costs", async () => {
  const nuncio = await startNuncio({ backendPort: 1, args: ["--concurrency", "1"], nodeFlags: withoutBindings });
  onTestFinished(() => nuncio.stop());
  expect((await fetch(`http://127.0.0.1:${nuncio.port}/`)).status).toBe(503);
  expect(nuncio.output()).toContain("does not give its inner streams: each connection costs more");
});

test("a Node with bindings says nothing of them", async () => {
  const nuncio = await startNuncio({ backendPort: 1, args: ["--concurrency", "1"] });
  onTestFinished(() => nuncio.stop());
  expect((await fetch(`http://127.0.0.1:${nuncio.port}/`)).status).toBe(503);
  expect(nuncio.output()).not.toContain("inner streams");
});

test("a listener's TLS is refused there, with the reason", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-bindings-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { cert, key } = new Authority(folder).issue("server", "DNS:server.example");
  const transportSocket = tlsSocket("Downstream", {
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
    },
  });
  const started = startNuncio({ backendPort: 1, transportSocket, nodeFlags: withoutBindings });
  await expect(started).rejects.toThrow(
    /listeners\[0\]\.filter_chains\[0\]\.transport_socket\S*: Node v\d+\.\d+\.\d+ does not give the bindings that a listener's TLS needs/,
  );
});
