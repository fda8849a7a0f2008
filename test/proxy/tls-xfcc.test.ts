import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { chain, cluster, listener, manager, onSides, type Side, startSides, tlsInspector, tlsSocket } from "./sides.ts";
import { askOverTls, certificateOf, certificatePair } from "./tls-client.ts";

// x-forwarded-client-cert as a backend sees it, in every mode with every detail, from clients that show and that claim: as Envoy's.

const folder = mkdtempSync(join(tmpdir(), "nuncio-xfcc-"));
const authority = new Authority(folder);
const server = authority.issue("server", "DNS:server.example,URI:spiffe://td/server");
const clients: Record<string, CertificateFiles | null> = {
  "no certificate": null,
  "one with names": authority.issue("client", "DNS:c.example,DNS:d.example,URI:spiffe://td/c,URI:spiffe://td/d", {
    subject: "/C=DE/O=An,other/CN=client",
  }),
  "one without names": authority.issue("nameless", ""),
};
const claims: Record<string, string[]> = {
  nothing: [],
  "an element": ['X-Forwarded-Client-Cert: By=spiffe://td/before;Hash=00;Subject="CN=x"'],
  "two fields": ["X-Forwarded-Client-Cert: Hash=00", "x-forwarded-client-cert: Hash=11,Hash=22"],
};
const modes = ["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"];
const details: Record<string, object> = {
  none: {},
  subject: { subject: true },
  cert: { cert: true },
  dns: { dns: true },
  uri: { uri: true },
  all: { subject: true, cert: true, dns: true, uri: true },
};
const contexts = modes.flatMap((mode) => Object.keys(details).map((detail) => ({ mode, detail })));
const backend = createServer((request, response) => {
  response.end(request.headersDistinct["x-forwarded-client-cert"]?.join(" AND ") ?? "nothing");
});
let sides: Side[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port;
  const socket = tlsSocket("Downstream", {
    common_tls_context: {
      tls_certificates: [certificatePair(server)],
      validation_context: { trusted_ca: { filename: authority.ca } },
    },
  });
  const route = { match: { prefix: "/" }, route: { cluster: "backend" } };
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [
        listener(
          "main",
          port,
          contexts.map(({ mode, detail }) => {
            const xfcc = { forward_client_cert_details: mode, set_current_client_cert_details: details[detail] };
            return chain(manager([route], xfcc), socket, { server_names: [nameOf(mode, detail)] });
          }),
          [tlsInspector],
        ),
      ],
      clusters: [cluster("backend", backendPort)],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  backend.close();
  rmSync(folder, { recursive: true });
});

test.each(contexts)("$mode with $detail", async ({ mode, detail }) => {
  const [ours, theirs = ours] = await onSides(sides, async ({ ports }) => {
    const seen: Record<string, string> = {};
    for (const [who, files] of Object.entries(clients)) {
      for (const [what, fields] of Object.entries(claims)) {
        const options = { servername: nameOf(mode, detail), ...certificateOf(files) };
        seen[`${who}, ${what}`] = (await askOverTls(ports[0] as number, options, "/", fields)).body;
      }
    }
    return seen;
  });
  if (mode === "SANITIZE") expect(new Set(Object.values(ours ?? {}))).toEqual(new Set(["nothing"]));
  expect(ours).toEqual(theirs);
});

function nameOf(mode: string, detail: string): string {
  return `${mode.toLowerCase().replaceAll("_", "-")}.${detail}.example`;
}
