import type { CertificateFiles } from "./certificates.ts";

/** The certificates of the test. */
interface TlsFiles {
  ca: string;
  strangerCa: string;
  servers: CertificateFiles[];
  other: CertificateFiles;
  client: CertificateFiles;
}

/**
 * A listener with two TLS chains (other.example asks for a client certificate) and clusters that verify their upstreams, or
 * fail to. `backendPorts`: one plain, one with TLS, one that wants a client's certificate.
 */
export function tlsBootstrap(
  port: number,
  adminPort: number,
  backendPorts: readonly number[],
  certificates: TlsFiles,
): object {
  const [plain = 0, secure = 0, picky = 0] = backendPorts;
  const ca = { trusted_ca: { filename: certificates.ca } };
  const dns = (name: string) => ({
    ...ca,
    match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: name } }],
  });
  const routes = ["headers", "secure", "picky", "misnamed", "untrusted", "cleartext"].map((name) => ({
    match: { path: `/${name}` },
    route: { cluster: name },
  }));
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    forward_client_cert_details: "APPEND_FORWARD",
    set_current_client_cert_details: { subject: true, cert: true, dns: true, uri: true },
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { path: "/direct" }, direct_response: { status: 200 } }, ...routes],
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  const chain = (match: object, context: object) => ({
    filter_chain_match: match,
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
    transport_socket: tls("Downstream", context),
  });
  return {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        {
          name: "tls",
          address: address(port),
          listener_filters: [
            {
              name: "tls_inspector",
              typed_config: {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
              },
            },
          ],
          filter_chains: [
            chain(
              { server_names: ["other.example"] },
              {
                require_client_certificate: true,
                common_tls_context: {
                  tls_certificates: [files(certificates.other)],
                  validation_context: {
                    ...ca,
                    match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: "spiffe://td/client" } }],
                  },
                },
              },
            ),
            chain(
              { transport_protocol: "tls" },
              {
                common_tls_context: {
                  alpn_protocols: ["http/1.1"],
                  tls_certificates: certificates.servers.map(files),
                },
              },
            ),
          ],
        },
      ],
      clusters: [
        cluster("headers", plain, null),
        cluster("secure", secure, {
          sni: "upstream.example",
          common_tls_context: { validation_context: dns("upstream.example") },
        }),
        cluster("picky", picky, {
          common_tls_context: { tls_certificates: [files(certificates.client)], validation_context: ca },
        }),
        cluster("misnamed", secure, { sni: "a", common_tls_context: { validation_context: dns("else.example") } }),
        cluster("untrusted", secure, {
          common_tls_context: { validation_context: { trusted_ca: { filename: certificates.strangerCa } } },
        }),
        cluster("cleartext", plain, { common_tls_context: {} }),
      ],
    },
  };
}

function cluster(name: string, port: number, context: object | null): object {
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ...(context === null ? {} : { transport_socket: tls("Upstream", context) }),
  };
}

function tls(side: "Downstream" | "Upstream", context: object): object {
  return {
    name: "tls",
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`,
      ...context,
    },
  };
}

function files({ cert, key }: { cert: string; key: string }): object {
  return { certificate_chain: { filename: cert }, private_key: { filename: key } };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
