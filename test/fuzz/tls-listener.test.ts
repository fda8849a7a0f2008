import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Authority } from "../proxy/certificates.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { tlsSocket } from "../proxy/sides.ts";
import { captures, mutated, runs } from "./mutate.ts";

// Handshakes with bytes changed, cut, followed by rubbish, and with tickets that are not ours: OpenSSL and Node's binding to it are not our code, and
// an assertion that fails there ends the process, all workers of it.

test.each([false, true])("broken handshakes leave nothing behind (client certificates: %s)", async (asksClients) => {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-tls-abuse-"));
  const authority = new Authority(folder);
  const { cert, key } = authority.issue("server", "DNS:a.example");
  const proxy = await startNuncio({
    backendPort: 1,
    args: ["--concurrency", "1"],
    listener: {
      listener_filters: [
        listenerFilter("proxy_protocol.v3.ProxyProtocol", { allow_requests_without_proxy_protocol: true }),
        listenerFilter("tls_inspector.v3.TlsInspector", {
          enable_ja3_fingerprinting: true,
          enable_ja4_fingerprinting: true,
        }),
      ],
    },
    transportSocket: tlsSocket("Downstream", {
      require_client_certificate: asksClients,
      common_tls_context: {
        alpn_protocols: ["h2", "http/1.1"],
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
        validation_context: { trusted_ca: { filename: authority.ca } },
      },
    }),
  });
  try {
    // A ticket is in the clear in the next hello: changed ones are of unknown keys, or broken.
    const tickets = await Promise.all((["TLSv1.3", "TLSv1.2"] as const).map((version) => ticketOf(proxy, version)));
    const hellos = [
      ...captures("clientHellos"),
      ...(await Promise.all(
        tickets.map((session, i) => helloOf({ session, maxVersion: `TLSv1.${3 - i}` as "TLSv1.3" })),
      )),
    ];
    const attacks = fc.sample(
      fc.record({
        bytes: mutated(hellos.map(inPieces), [Buffer.alloc(40), Buffer.from("16030100", "hex")]),
        cut: fc.nat(4096),
        rubbish: fc.uint8Array({ maxLength: 100 }),
        ending: fc.constantFrom("end", "destroy", "resetAndDestroy"),
      }),
      runs(1500),
    );
    for (let i = 0; i < attacks.length; i += 20) {
      await Promise.all(attacks.slice(i, i + 20).map((one) => attack(proxy.port, one)));
    }
    expect(proxy.child.exitCode).toBe(null);
    await expect.poll(() => proxy.stat(`listener.127.0.0.1_${proxy.port}.downstream_cx_active`)).toBe(0);
    expect(await proxy.stat(`listener.127.0.0.1_${proxy.port}.downstream_pre_cx_active`)).toBe(0);
    expect(await proxy.stat("server.worker_crashes")).toBe(0);
    expect(await proxy.stat(`listener.127.0.0.1_${proxy.port}.ssl.connection_error`)).toBeGreaterThan(100);
  } finally {
    await proxy.stop();
    rmSync(folder, { recursive: true });
  }
});

interface Attack {
  bytes: Buffer;
  /** Where it is sent in two pieces. */
  cut: number;
  /** Sent when something comes. */
  rubbish: Uint8Array;
  ending: "end" | "destroy" | "resetAndDestroy";
}

function attack(port: number, { bytes, cut, rubbish, ending }: Attack): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1", () => {
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => socket.write(bytes.subarray(cut)));
    });
    const timer = setTimeout(() => socket[ending](), 30);
    socket.once("data", () => {
      if (rubbish.length > 0) socket.write(rubbish);
      socket[ending]();
    });
    socket.resume();
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function inPieces(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / 32) }, (_, i) => bytes.subarray(i * 32, (i + 1) * 32));
}

function ticketOf(proxy: Nuncio, version: "TLSv1.2" | "TLSv1.3"): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      port: proxy.port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    socket.on("session", (session: Buffer) => {
      resolve(session);
      socket.destroy();
    });
    // Without a client certificate there may be none.
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(undefined));
  });
}

/** What node:tls sends first. */
function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once("data", (data: Buffer) => {
        resolve(data);
        socket.destroy();
        server.close();
      });
    }).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }).on("error", () => {});
    });
  });
}

function listenerFilter(type: string, config: object): object {
  return {
    name: type,
    typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.listener.${type}`, ...config },
  };
}
