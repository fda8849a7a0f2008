import { readFileSync } from "node:fs";
import { address, type Resource } from "../../test/control-planes/test-resources.ts";
import type { CertificateFiles } from "../certificate.ts";

/** What is fixed while the config of one proxy changes. */
export interface SwapBed {
  /** Of the proxy. */
  ports: { http: number; https: number; extra: number };
  /** Two that answer the same. */
  backendPorts: readonly [number, number];
  certificates: readonly [CertificateFiles, CertificateFiles];
}

/** All that changes. */
export interface SwapState {
  version: string;
  /** Routes in front of those that the load uses. */
  routes: number;
  virtualHosts: number;
  /** Clusters beside the one that the load uses. */
  clusters: number;
  connectTimeout: string;
  endpoints: 1 | 2;
  certificate: 0 | 1;
  serverName: string;
  hasExtraListener: boolean;
  runtimeValue: number;
}

export const firstState: SwapState = {
  version: "0",
  routes: 1,
  virtualHosts: 1,
  clusters: 0,
  connectTimeout: "1s",
  endpoints: 1,
  certificate: 0,
  serverName: "zero",
  hasExtraListener: false,
  runtimeValue: 0,
};

/** One change of each kind, by its name. */
export const changes: readonly [kind: string, change: (state: SwapState, i: number) => Partial<SwapState>][] = [
  ["route", (_, i) => ({ routes: 1 + (i % 5) })],
  ["virtual host", (_, i) => ({ virtualHosts: 1 + (i % 3) })],
  ["cluster", (_, i) => ({ connectTimeout: `${1 + (i % 7)}s` })],
  ["cluster added or removed", ({ clusters }) => ({ clusters: 1 - clusters })],
  ["endpoints", ({ endpoints }) => ({ endpoints: endpoints === 1 ? 2 : 1 })],
  ["secret", ({ certificate }) => ({ certificate: certificate === 0 ? 1 : 0 })],
  ["listener", (_, i) => ({ serverName: `name-${i}` })],
  ["listener added or removed", ({ hasExtraListener }) => ({ hasExtraListener: !hasExtraListener })],
  ["runtime", ({ runtimeValue }) => ({ runtimeValue: runtimeValue + 1 })],
];

/** The whole config in one state, as a control plane sends it. */
export function resourcesOf(state: SwapState, bed: SwapBed): Resource[] {
  const { ports, backendPorts, certificates } = bed;
  const { chain, key } = certificates[state.certificate];
  const clusters = ["backend", ...Array.from({ length: state.clusters }, (_, i) => `cluster-${i}`)];
  return [
    listener("http", ports.http, state.serverName),
    listener("https", ports.https, state.serverName, {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context: { tls_certificate_sds_secret_configs: [{ name: "certificate", sds_config: ads }] },
      },
    }),
    ...(state.hasExtraListener ? [listener("extra", ports.extra, state.serverName)] : []),
    typed("envoy.config.route.v3.RouteConfiguration", { name: "routes", virtual_hosts: virtualHosts(state) }),
    ...clusters.map((name) =>
      typed("envoy.config.cluster.v3.Cluster", {
        name,
        type: "EDS",
        connect_timeout: name === "backend" ? state.connectTimeout : "1s",
        eds_cluster_config: { eds_config: ads },
      }),
    ),
    ...clusters.map((name) =>
      typed("envoy.config.endpoint.v3.ClusterLoadAssignment", {
        cluster_name: name,
        endpoints: [
          {
            lb_endpoints: backendPorts
              .slice(0, state.endpoints)
              .map((port) => ({ endpoint: { address: address(port) } })),
          },
        ],
      }),
    ),
    typed("envoy.extensions.transport_sockets.tls.v3.Secret", {
      name: "certificate",
      tls_certificate: {
        certificate_chain: { inline_string: readFileSync(chain, "utf8") },
        private_key: { inline_string: readFileSync(key, "utf8") },
      },
    }),
    typed("envoy.service.runtime.v3.Runtime", { name: "swap", layer: { "swap.value": state.runtimeValue } }),
  ];
}

/** Clusters that nothing uses, each with one endpoint. */
export function manyClusters(count: number, port: number): Resource[] {
  return Array.from({ length: count }, (_, i) =>
    typed("envoy.config.cluster.v3.Cluster", {
      name: `many-${i}`,
      type: "STATIC",
      connect_timeout: "1s",
      load_assignment: {
        cluster_name: `many-${i}`,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
      },
    }),
  );
}

/** What the proxy starts with. */
export function bootstrap(xds: object, adminPort: number): object {
  return {
    admin: { address: address(adminPort) },
    node: { id: "swap", cluster: "bench" },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
      },
    },
    layered_runtime: { layers: [{ name: "swap", rtds_layer: { name: "swap", rtds_config: ads } }] },
    static_resources: { clusters: [xds] },
  };
}

function virtualHosts({ version, routes, virtualHosts: count }: SwapState): object[] {
  const extra = Array.from({ length: count - 1 }, (_, i) => ({
    name: `host-${i}`,
    domains: [`host-${i}.example`],
    routes: [{ match: { prefix: "/" }, route: { cluster: "backend" } }],
  }));
  const all = {
    name: "all",
    domains: ["*"],
    routes: [
      { match: { path: "/version" }, direct_response: { status: 200, body: { inline_string: version } } },
      // Every one of them is another one in each version.
      ...Array.from({ length: routes - 1 }, (_, i) => ({
        match: { prefix: `/service-${i}/` },
        route: { cluster: "backend", prefix_rewrite: `/v${version}/` },
      })),
      {
        match: { prefix: "/" },
        route: { cluster: "backend", timeout: "0s", upgrade_configs: [{ upgrade_type: "websocket" }] },
      },
    ],
  };
  return [...extra, all];
}

function listener(name: string, port: number, serverName: string, transportSocket?: object): Resource {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "swap",
    server_name: serverName,
    rds: { config_source: ads, route_config_name: "routes" },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  return typed("envoy.config.listener.v3.Listener", {
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
        ...(transportSocket === undefined ? {} : { transport_socket: transportSocket }),
      },
    ],
  });
}

function typed(type: string, value: object): Resource {
  return { "@type": `type.googleapis.com/${type}`, ...value };
}

const ads = { ads: {}, resource_api_version: "V3" };
