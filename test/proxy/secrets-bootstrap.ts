import { join } from "node:path";

/**
 * Three TLS listeners and three clusters whose secrets come from files in `folder`: server.yaml, client.yaml, ca.yaml, late.yaml.
 * `backendPorts`: a plain one, and one with TLS that tells the client certificate.
 */
export function secretsBootstrap(
  ports: { main: number; picky: number; late: number; admin: number },
  backendPorts: readonly number[],
  folder: string,
  ca: string,
): object {
  const [plain = 0, picky = 0] = backendPorts;
  const sds = (name: string) => ({
    name,
    sds_config: { path_config_source: { path: join(folder, `${name}.yaml`) }, resource_api_version: "V3" },
  });
  const route = (prefix: string, cluster: string) => ({ match: { prefix }, route: { cluster } });
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [route("/upstream", "upstream"), route("/late", "late"), route("/", "plain")],
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
  const listener = (name: string, port: number, context: object) => ({
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
        transport_socket: socket("Downstream", context),
      },
    ],
  });
  const cluster = (name: string, port: number, context: object | null) => ({
    name,
    type: "STATIC",
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
    ...(context === null ? {} : { transport_socket: socket("Upstream", context) }),
    // Each request a connection of its own.
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http_protocol_options: {} },
        common_http_protocol_options: { max_requests_per_connection: 1 },
      },
    },
  });
  const upstreamName = { match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "upstream.example" } }] };
  return {
    admin: { address: address(ports.admin) },
    node: { id: "secrets", cluster: "test" },
    static_resources: {
      secrets: [{ name: "static-ca", validation_context: { trusted_ca: { filename: ca } } }],
      listeners: [
        listener("main", ports.main, {
          common_tls_context: { tls_certificate_sds_secret_configs: [sds("server")] },
        }),
        listener("picky", ports.picky, {
          require_client_certificate: true,
          common_tls_context: {
            tls_certificate_sds_secret_configs: [sds("server")],
            validation_context_sds_secret_config: sds("ca"),
          },
        }),
        listener("late", ports.late, {
          common_tls_context: { tls_certificate_sds_secret_configs: [sds("late")] },
        }),
      ],
      clusters: [
        cluster("plain", plain, null),
        cluster("upstream", picky, {
          common_tls_context: {
            tls_certificate_sds_secret_configs: [sds("client")],
            combined_validation_context: {
              default_validation_context: upstreamName,
              validation_context_sds_secret_config: { name: "static-ca" },
            },
          },
        }),
        cluster("late", picky, { common_tls_context: { tls_certificate_sds_secret_configs: [sds("late")] } }),
      ],
    },
  };
}

function socket(side: "Downstream" | "Upstream", context: object): object {
  const type = `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`;
  return { name: "tls", typed_config: { "@type": type, ...context } };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
