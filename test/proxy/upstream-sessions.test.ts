import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { chain, cluster, listener, manager, onSides, type Side, startSides, statsOf, tlsSocket } from "./sides.ts";

// max_session_keys: which connections to an upstream resume a session, by what the backend sees and by the stats, on Nuncio and real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-sessions-"));
const certificate = new Authority(folder).issue("server", "DNS:a.example");
const pem = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
const backends: Server[] = [];
let sides: Side[] = [];
const cases = ["TLSv1_2", "TLSv1_3"].flatMap((version) =>
  [undefined, 0, 1, 3].map((keys) => ({ name: `${version}-${keys ?? "default"}`, version, keys })),
);

beforeAll(async () => {
  for (const minVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const backend = createServer({ ...pem, minVersion, maxVersion: minVersion }, (request, response) => {
      const isReused = (request.socket as TLSSocket).isSessionReused();
      response.setHeader("connection", "close");
      // The second one answers when both are there.
      if (!request.url?.endsWith("/slow")) response.end(isReused ? "resumed" : "new");
      else setTimeout(() => response.end(isReused ? "resumed" : "new"), 300);
    });
    backends.push(backend);
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  }
  const ports = backends.map((backend) => (backend.address() as AddressInfo).port);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [
        listener("a", port, [
          chain(manager(cases.map(({ name }) => ({ match: { prefix: `/${name}/` }, route: { cluster: name } }))), null),
        ]),
      ],
      clusters: cases.map(({ name, version, keys }) =>
        cluster(name, ports[version === "TLSv1_2" ? 0 : 1] ?? 0, {
          transport_socket: tlsSocket("Upstream", {
            ...(keys === undefined ? {} : { max_session_keys: keys }),
            common_tls_context: { tls_params: { tls_maximum_protocol_version: version } },
          }),
        }),
      ),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  for (const backend of backends) backend.close();
  rmSync(folder, { recursive: true });
});

describe.each(cases)("$name", ({ name }) => {
  test("one after the other, then three at once", async () => {
    const outcomes = await onSides(sides, async (side) => {
      const ask = async (path: string) => (await fetch(`http://127.0.0.1:${side.ports[0]}/${name}/${path}`)).text();
      const seen: string[] = [];
      for (let i = 0; i < 4; i++) seen.push(await ask("quick"));
      const atOnce = await Promise.all([1, 2, 3].map(() => ask("slow")));
      const key = `cluster.${name}.ssl.session_reused`;
      const resumed = [...seen, ...atOnce].filter((one) => one === "resumed").length;
      await expect.poll(async () => (await statsOf(side, key)).get(key) ?? 0, { timeout: 20_000 }).toBe(resumed);
      return { seen, atOnce: atOnce.sort() };
    });
    const [ours, theirs] = outcomes;
    expect(ours?.seen[0]).toBe("new");
    if (theirs !== undefined) expect(ours).toEqual(theirs);
  });
});
