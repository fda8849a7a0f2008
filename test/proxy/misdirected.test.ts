import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { startNuncio } from "./nuncio.ts";
import { tlsSocket } from "./sides.ts";

// RFC 9110 section 15.5.20; HTTP/2 clients send other names on one connection (RFC 9113 section 9.1.1).

test.each([true, false])(
  "a host that the certificate is not for gets 421 where that is asked for: %s",
  async (isAsked) => {
    const folder = mkdtempSync(join(tmpdir(), "nuncio-misdirected-"));
    const files = new Authority(folder).issue("server", "DNS:a.example,DNS:*.b.example");
    const nuncio = await startNuncio({
      backendPort: 1,
      transportSocket: tlsSocket("Downstream", {
        common_tls_context: {
          alpn_protocols: ["h2"],
          tls_certificates: [{ certificate_chain: { filename: files.cert }, private_key: { filename: files.key } }],
        },
      }),
      manager: {
        route_config: {
          virtual_hosts: [
            { name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
          ],
        },
      },
      bootstrap: {
        layered_runtime: {
          layers: [{ name: "static", static_layer: { nuncio: { answer_misdirected_requests: isAsked } } }],
        },
      },
    });
    const session = connectHttp2(`https://127.0.0.1:${nuncio.port}`, {
      ca: readFileSync(files.cert),
      rejectUnauthorized: false,
      servername: "a.example",
    });
    const statuses: [string, unknown][] = [];
    for (const host of [
      "a.example",
      "A.example:443",
      "x.b.example",
      "b.example",
      "x.y.b.example",
      "c.example",
      "a.example",
    ]) {
      const stream = session.request({ ":authority": host, ":path": "/" });
      statuses.push([
        host,
        await new Promise((resolve) => stream.once("response", (head) => resolve(head[":status"]))),
      ]);
      stream.resume();
    }
    session.close();
    const refused = isAsked ? 421 : 200;
    expect(statuses).toEqual([
      ["a.example", 200],
      ["A.example:443", 200],
      ["x.b.example", 200],
      ["b.example", refused],
      ["x.y.b.example", refused],
      ["c.example", refused],
      ["a.example", 200],
    ]);
    await nuncio.stop();
    rmSync(folder, { recursive: true });
  },
);
