import { address } from "./test-resources.ts";

/** Where a control plane's bootstrap points to. */
export interface BootstrapPlaces {
  adminPort: number;
  /** Of the control plane; the path of its socket where it is Istio's. */
  planePort: number;
  socket: string;
  /** For files of its own. */
  folder: string;
  /** A CA in PEM, and of what it signed. */
  ca: string;
}

/** What `contour bootstrap` writes: a stream for each type, state of the world, RTDS, the admin interface on a Unix socket. */
export function contourBootstrap({ planePort, folder }: BootstrapPlaces): object {
  const admin = { pipe: { path: `${folder}/admin.sock`, mode: "420" } };
  const api = {
    api_type: "GRPC",
    transport_api_version: "V3",
    grpc_services: [{ envoy_grpc: { cluster_name: "contour", authority: "contour" } }],
  };
  const source = { api_config_source: api, resource_api_version: "V3" };
  const limits = {
    max_connections: 100_000,
    max_pending_requests: 100_000,
    max_requests: 60_000_000,
    max_retries: 50,
  };
  return {
    node: { id: "envoy-abcde", cluster: "contour" },
    static_resources: {
      clusters: [
        {
          ...clusterOf("contour", address(planePort)),
          alt_stat_name: "ns_contour_8001",
          connect_timeout: "5s",
          circuit_breakers: { thresholds: [{ priority: "HIGH", ...limits }, limits] },
          typed_extension_protocol_options: http2,
          upstream_connection_options: {
            tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 5 },
          },
        },
        { ...clusterOf("envoy-admin", admin), alt_stat_name: "ns_envoy-admin_9001", connect_timeout: "0.250s" },
      ],
    },
    dynamic_resources: { lds_config: source, cds_config: source },
    default_regex_engine: re2Engine,
    admin: { access_log: [fileLog("/dev/null")], address: admin },
    layered_runtime: {
      layers: [
        { name: "dynamic", rtds_layer: { name: "dynamic", rtds_config: source } },
        { name: "admin", admin_layer: {} },
      ],
    },
  };
}

/** What Kuma's control plane gives kuma-dp: names in camel case, delta ADS over TLS with a token, a static secret, HDS. */
export function kumaBootstrap({ adminPort, planePort, folder, ca }: BootstrapPlaces): object {
  const grpcServices = [
    {
      envoyGrpc: { clusterName: "ads_cluster" },
      initialMetadata: [{ key: "authorization", value: "a.dataplane.token" }],
    },
  ];
  const dynamic = { ads: {}, initialFetchTimeout: "0s", resourceApiVersion: "V3" };
  const keepalive = { tcpKeepalive: { keepaliveInterval: 10, keepaliveProbes: 3, keepaliveTime: 10 } };
  const stream = { grpcServices, setNodeOnFirstMessageOnly: true, transportApiVersion: "V3" };
  return {
    admin: {
      accessLog: [
        {
          name: "envoy.access_loggers.file",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path: "/dev/null",
          },
        },
      ],
      address: { socketAddress: { address: "127.0.0.1", portValue: adminPort } },
    },
    defaultRegexEngine: re2Engine,
    dynamicResources: { adsConfig: { apiType: "DELTA_GRPC", ...stream }, cdsConfig: dynamic, ldsConfig: dynamic },
    hdsConfig: { apiType: "GRPC", ...stream },
    layeredRuntime: {
      layers: [
        {
          name: "kuma",
          staticLayer: { "re2.max_program_size.error_level": 4294967295, "re2.max_program_size.warn_level": 1000 },
        },
      ],
    },
    node: {
      cluster: "backend",
      id: "mesh.backend",
      metadata: {
        "dataplane.admin.port": String(adminPort),
        "dataplane.proxyType": "dataplane",
        features: ["feature-delta-grpc"],
        version: { envoy: { build: "hash/1.40.0/RELEASE", version: "1.40.0" }, kumaDp: { version: "2.0.0" } },
        workdir: folder,
      },
    },
    staticResources: {
      clusters: [
        {
          connectTimeout: "2s",
          loadAssignment: assignment("access_log_sink", { pipe: { path: `${folder}/al.sock` } }),
          name: "access_log_sink",
          type: "STATIC",
          typedExtensionProtocolOptions: http2,
          upstreamConnectionOptions: keepalive,
        },
        {
          connectTimeout: "2s",
          loadAssignment: assignment("ads_cluster", {
            socketAddress: { address: "localhost", portValue: planePort },
          }),
          name: "ads_cluster",
          dnsLookupFamily: "V4_ONLY",
          transportSocket: {
            name: "envoy.transport_sockets.tls",
            typedConfig: {
              "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
              commonTlsContext: {
                tlsParams: { tlsMinimumProtocolVersion: "TLSv1_2" },
                validationContextSdsSecretConfig: { name: "cp_validation_ctx" },
              },
              sni: "localhost",
            },
          },
          type: "STRICT_DNS",
          typedExtensionProtocolOptions: http2,
          upstreamConnectionOptions: keepalive,
        },
      ],
      secrets: [
        {
          name: "cp_validation_ctx",
          validationContext: {
            matchTypedSubjectAltNames: [
              { matcher: { exact: "localhost" }, sanType: "DNS" },
              { matcher: { exact: "127.0.0.1" }, sanType: "IP_ADDRESS" },
            ],
            trustedCa: { inlineBytes: Buffer.from(ca).toString("base64") },
          },
        },
      ],
    },
    statsConfig: {
      statsTags: [
        { regex: "^grpc\\.((.+)\\.)", tagName: "name" },
        { regex: "^grpc.*streams_closed(_([0-9]+))", tagName: "status" },
        { regex: "^kafka\\..*\\.(.*?(?=_duration|$))", tagName: "kafka_type" },
        { regex: "(worker_([0-9]+)\\.)", tagName: "worker" },
        { regex: "((.+?)\\.)rbac\\.", tagName: "listener" },
      ],
    },
  };
}

/** What pilot-agent writes: state of the world or delta over a Unix socket, tags by lookahead, an inclusion list of stats. */
export function istioBootstrap({ adminPort, socket }: BootstrapPlaces): object {
  const dynamic = { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" };
  const limits = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 };
  return {
    node: {
      id: "router~10.0.0.1~gateway.istio-system~istio-system.svc.cluster.local",
      cluster: "istio-ingressgateway.istio-system",
      locality: {},
      metadata: {
        ENVOY_PROMETHEUS_PORT: 15090,
        INSTANCE_IPS: "10.3.3.3,10.4.4.4",
        PILOT_SAN: ["spiffe://cluster.local/ns/istio-system/sa/istiod"],
        PROXY_CONFIG: { discoveryAddress: "istiod:15010", drainDuration: "2s", proxyAdminPort: adminPort },
      },
    },
    layered_runtime: {
      layers: [
        {
          name: "global config",
          static_layer: {
            "envoy.reloadable_features.http_reject_path_with_fragment": "false",
            "overload.global_downstream_max_connections": "2147483647",
            "re2.max_program_size.error_level": "32768",
          },
        },
        { name: "admin", admin_layer: {} },
      ],
    },
    stats_config: {
      use_all_default_tags: false,
      stats_tags: [
        { tag_name: "cluster_name", regex: "^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)" },
        { tag_name: "response_code", regex: "(response_code=\\.=(.+?);\\.;)|_rq(_(\\.d{3}))$" },
        {
          tag_name: "http_conn_manager_listener_prefix",
          regex: "^listener(?=\\.).*?\\.http\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*))\\.)",
        },
        { tag_name: "authz_enforce_result", regex: "rbac(\\.(allowed|denied))" },
      ],
      stats_matcher: {
        inclusion_list: {
          patterns: [
            { prefix: "cluster_manager" },
            { prefix: "listener_manager" },
            { prefix: "server" },
            { prefix: "cluster.xds-grpc" },
            { suffix: "rbac.allowed" },
          ],
        },
      },
    },
    admin: {
      access_log_path: "/dev/null",
      profile_path: "/var/lib/istio/data/envoy.prof",
      address: address(adminPort),
    },
    dynamic_resources: {
      lds_config: dynamic,
      cds_config: dynamic,
      ads_config: {
        api_type: "DELTA_GRPC",
        set_node_on_first_message_only: true,
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
    },
    static_resources: {
      clusters: [
        { ...clusterOf("prometheus_stats", address(adminPort)), connect_timeout: "0.250s", lb_policy: "ROUND_ROBIN" },
        {
          ...clusterOf("xds-grpc", { pipe: { path: socket } }),
          connect_timeout: "1s",
          lb_policy: "ROUND_ROBIN",
          circuit_breakers: {
            thresholds: [
              { priority: "DEFAULT", ...limits },
              { priority: "HIGH", ...limits },
            ],
          },
          upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } },
          max_requests_per_connection: 1,
          typed_extension_protocol_options: http2,
        },
      ],
    },
    cluster_manager: { outlier_detection: { event_log_path: "/dev/stdout" } },
  };
}

function clusterOf(name: string, at: object): Record<string, unknown> {
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: at } }] }] },
  };
}

/** In camel case. */
function assignment(clusterName: string, at: object): object {
  return { clusterName, endpoints: [{ lbEndpoints: [{ endpoint: { address: at } }] }] };
}

function fileLog(path: string): object {
  return {
    name: "envoy.access_loggers.file",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", path },
  };
}

const http2 = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};
const re2Engine = {
  name: "envoy.regex_engines.google_re2",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.regex_engines.v3.GoogleRE2" },
};
