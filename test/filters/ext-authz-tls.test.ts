import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AuthzService, startAuthzService } from "../authz-service.ts";
import { Authority, type CertificateFiles } from "../proxy/certificates.ts";
import {
  chain,
  cluster,
  listener,
  manager,
  onSides,
  type Side,
  startSides,
  tlsInspector,
  tlsSocket,
} from "../proxy/sides.ts";
import { askOverTls, certificateOf, certificatePair } from "../proxy/tls-client.ts";

// What an authorization service is told of encrypted connections, of this node and of who is behind others: as by Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-authz-"));
const authority = new Authority(folder);
const servers: Record<string, CertificateFiles> = {
  "uri.example": authority.issue("uri", "DNS:server.example,URI:spiffe://td/server"),
  "dns.example": authority.issue("dns", "DNS:server.example"),
  "bare.example": authority.issue("bare", "", { subject: "/C=DE/O=An,other/CN=server" }),
};
const clients: Record<string, CertificateFiles | null> = {
  "no certificate": null,
  "one with names": authority.issue("client", "DNS:c.example,URI:spiffe://td/c,URI:spiffe://td/d"),
  "one with DNS names": authority.issue("client-dns", "DNS:c.example,DNS:d.example"),
  "one without names": authority.issue("nameless", "", { subject: "/C=DE/O=An,other/CN=client" }),
};
const backend = createServer((request, response) => {
  response.end(Buffer.from(`${request.headers["x-asked"]}`, "base64").toString());
});
let service: AuthzService | null = null;
let sides: Side[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port;
  service = await startAuthzService();
  const servicePort = service.port;
  const route = { match: { prefix: "/" }, route: { cluster: "backend" } };
  const http = "type.googleapis.com/envoy.extensions.filters.http.";
  const http_filters = [
    {
      name: "authz",
      typed_config: {
        "@type": `${http}ext_authz.v3.ExtAuthz`,
        grpc_service: { envoy_grpc: { cluster_name: "service" }, timeout: "5s" },
        transport_api_version: "V3",
        include_peer_certificate: true,
        include_tls_session: true,
        bootstrap_metadata_labels_key: "labels",
      },
    },
    { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
  ];
  sides = await startSides(folder, 1, ([port = 0]) => ({
    node: { id: "n", cluster: "c", metadata: { labels: { app: "proxy", number: 3 }, other: { a: "b" } } },
    static_resources: {
      listeners: [
        listener(
          "main",
          port,
          Object.entries(servers).map(([name, files]) => {
            const common_tls_context = {
              tls_certificates: [certificatePair(files)],
              validation_context: { trusted_ca: { filename: authority.ca } },
            };
            return chain(
              manager([route], { http_filters, use_remote_address: true, xff_num_trusted_hops: 1 }),
              tlsSocket("Downstream", { common_tls_context }),
              { server_names: [name] },
            );
          }),
          [tlsInspector],
        ),
      ],
      clusters: [cluster("backend", backendPort), cluster("service", servicePort, { http2_protocol_options: {} })],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  service?.close();
  backend.close();
  rmSync(folder, { recursive: true });
});

test.each(Object.keys(servers))("%s", async (servername) => {
  const [ours, theirs = ours] = await onSides(sides, async ({ ports }) => {
    const seen: Record<string, unknown> = {};
    for (const [who, files] of Object.entries(clients)) {
      const options = { servername, ...certificateOf(files) };
      const { body } = await askOverTls(ports[0] as number, options, "/", ["x-forwarded-for: 1.2.3.4"]);
      seen[who] = JSON.parse(body.slice(body.indexOf("{")));
    }
    return seen;
  });
  expect(JSON.stringify(ours)).toContain(servername);
  expect(ours).toEqual(theirs);
});
