import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { accessLog, chain, cluster, listener, manager, onSides, type Side, startSides, tlsSocket } from "./sides.ts";

// %UPSTREAM_TRANSPORT_FAILURE_REASON% of handshakes with upstreams, by Nuncio and by real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-upstream-handshake-log-"));
const authority = new Authority(folder);
const stranger = new Authority(folder, "stranger");
const good = authority.issue("up", "DNS:up.example,URI:spiffe://td/up,IP:127.0.0.1");
const old = authority.issue("old", "DNS:up.example", { isExpired: true });
const tls = (files: CertificateFiles, options: TlsOptions = {}) =>
  createTlsServer({ cert: readFileSync(files.cert), key: readFileSync(files.key), ...options }, (socket) => {
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  }).on("tlsClientError", () => {});
const plain = (act: (socket: Socket) => void) =>
  createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => act(socket));
  });
const servers: Record<string, Server> = {
  good: tls(good),
  expired: tls(old),
  picky: tls(good, { maxVersion: "TLSv1.2", requestCert: true, ca: readFileSync(authority.ca) }),
  plain: plain((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  reset: plain((socket) => socket.resetAndDestroy()),
  alert: plain((socket) => socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 70]))),
};
const trusts = (ca: string, more: object = {}) => ({ validation_context: { trusted_ca: { filename: ca }, ...more } });
const names = { match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "else.example" } }] };
const clusters: Record<string, [server: string, common: object]> = {
  good: ["good", trusts(authority.ca)],
  stranger: ["good", trusts(stranger.ca)],
  names: ["good", trusts(authority.ca, names)],
  hash: ["good", trusts(authority.ca, { verify_certificate_hash: ["0".repeat(64)] })],
  expired: ["expired", trusts(authority.ca)],
  "expired-allowed": ["expired", trusts(authority.ca, { allow_expired_certificate: true })],
  "stranger-expired-allowed": ["expired", trusts(stranger.ca, { allow_expired_certificate: true })],
  picky: ["picky", {}],
  plain: ["plain", {}],
  reset: ["reset", {}],
  alert: ["alert", {}],
};
let sides: Side[] = [];

beforeAll(async () => {
  for (const server of Object.values(servers)) await once(server.listen(0, "127.0.0.1"), "listening");
  const portOf = (name: string) => ((servers[name] as Server).address() as AddressInfo).port;
  sides = await startSides(folder, 1, ([port = 0], side) => {
    const format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_CODE_DETAILS%";
    const routes = Object.keys(clusters).map((name) => ({ match: { path: `/${name}` }, route: { cluster: name } }));
    const main = manager(routes, { access_log: [accessLog(join(folder, `${side}.log`), `%PATH% ${format}`)] });
    return {
      static_resources: {
        listeners: [listener("plain", port, [chain(main, null)])],
        clusters: Object.entries(clusters).map(([name, [server, common_tls_context]]) =>
          cluster(name, portOf(server), {
            transport_socket: tlsSocket("Upstream", { sni: "up.example", common_tls_context }),
          }),
        ),
      },
    };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  for (const server of Object.values(servers)) server.close();
  rmSync(folder, { recursive: true });
});

for (const name of Object.keys(clusters)) {
  test(name, async () => {
    const written = await onSides(sides, async (side) => {
      const answer = await fetch(`http://127.0.0.1:${side.ports[0]}/${name}`);
      const lines = () => readFileSync(join(folder, `${side.name}.log`), "utf8").split("\n");
      const line = () => lines().find((one) => one.startsWith(`/${name} `));
      await expect.poll(line).toBeDefined();
      return [answer.status, await answer.text(), line()];
    });
    for (const each of written) expect(each).toEqual(written.at(-1));
  });
}
