import { join } from "node:path";

/** The types of resources that a test sends. */
type Kind = "lds" | "rds" | "cds" | "eds" | "rtds" | "ecds" | "srds" | "vhds";

/** A resource in JSON with its type. */
export type Resource = { "@type": string } & Record<string, unknown>;

/** Listeners, routes, clusters and endpoints that belong together, whatever way they come. */
export class TestResources {
  readonly #source: (kind: Kind) => object;

  /** `source`: the ConfigSource of a type. */
  constructor(source: (kind: Kind) => object) {
    this.#source = source;
  }

  bootstrap(adminPort: number): Record<string, object> {
    return {
      admin: { address: address(adminPort) },
      node: { id: "nuncio", cluster: "test" },
      dynamic_resources: { lds_config: this.#source("lds"), cds_config: this.#source("cds") },
    };
  }

  /** `more`: over the connection manager; `filters` stand in front of the router. */
  listeners(
    listeners: readonly (readonly [name: string, port: number])[],
    serverName = "files",
    filters: readonly object[] = [],
    more: object = {},
  ): Resource[] {
    const manager = {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      stat_prefix: "in",
      server_name: serverName,
      rds: { config_source: this.#source("rds"), route_config_name: "routes" },
      http_filters: [
        ...filters,
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        },
      ],
      ...more,
    };
    const networkFilters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
    return resources(
      "envoy.config.listener.v3.Listener",
      listeners.map(([name, port]) => ({ name, address: address(port), filter_chains: [{ filters: networkFilters }] })),
    );
  }

  /** Requests get `version` in x-version. `first` are tried before the route for all. */
  routes(version: string, cluster: string, hosts = 1, first: readonly object[] = []): Resource[] {
    const host = {
      name: "all",
      domains: ["*"],
      routes: [...first, { match: { prefix: "/" }, route: { cluster } }],
      request_headers_to_add: [{ header: { key: "x-version", value: version } }],
    };
    return resources("envoy.config.route.v3.RouteConfiguration", [
      { name: "routes", virtual_hosts: Array.from({ length: hosts }, () => host) },
    ]);
  }

  clusters(names: readonly string[], connectTimeout = "1s"): Resource[] {
    return resources(
      "envoy.config.cluster.v3.Cluster",
      names.map((name) => ({
        name,
        type: "EDS",
        connect_timeout: connectTimeout,
        eds_cluster_config: { service_name: "service", eds_config: this.#source("eds") },
      })),
    );
  }

  endpoints(port: number): Resource[] {
    return resources("envoy.config.endpoint.v3.ClusterLoadAssignment", [
      { cluster_name: "service", endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ]);
  }
}

/** As files of path_config_source in a folder: lds.yaml, rds.yaml, cds.yaml and eds.yaml. */
export function fileSource(folder: string): (kind: Kind) => object {
  return (kind) => ({ path_config_source: { path: join(folder, `${kind}.yaml`) }, resource_api_version: "V3" });
}

/** A file of resources. */
export function fileText(resources: readonly Resource[]): string {
  return JSON.stringify({ resources });
}

function resources(type: string, list: readonly object[]): Resource[] {
  return list.map((resource) => ({ "@type": `type.googleapis.com/${type}`, ...resource }));
}

/** On loopback. */
export function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
