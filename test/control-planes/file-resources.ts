import { join } from "node:path";

/** Resources as files of path_config_source in a folder: lds, rds, cds and eds. */
export class FileResources {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  bootstrap(adminPort: number): object {
    return {
      admin: { address: address(adminPort) },
      node: { id: "files", cluster: "test" },
      dynamic_resources: { lds_config: this.#source("lds"), cds_config: this.#source("cds") },
    };
  }

  listeners(listeners: readonly (readonly [name: string, port: number])[], serverName = "files"): string {
    const manager = {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      stat_prefix: "in",
      server_name: serverName,
      rds: { config_source: this.#source("rds"), route_config_name: "routes" },
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        },
      ],
    };
    const filters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
    return resources(
      "envoy.config.listener.v3.Listener",
      listeners.map(([name, port]) => ({ name, address: address(port), filter_chains: [{ filters }] })),
    );
  }

  /** Requests get `version` in x-version. */
  routes(version: string, cluster: string, hosts = 1): string {
    const host = {
      name: "all",
      domains: ["*"],
      routes: [{ match: { prefix: "/" }, route: { cluster } }],
      request_headers_to_add: [{ header: { key: "x-version", value: version } }],
    };
    return resources("envoy.config.route.v3.RouteConfiguration", [
      { name: "routes", virtual_hosts: Array.from({ length: hosts }, () => host) },
    ]);
  }

  clusters(names: readonly string[], connectTimeout = "1s"): string {
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

  endpoints(port: number): string {
    return resources("envoy.config.endpoint.v3.ClusterLoadAssignment", [
      { cluster_name: "service", endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ]);
  }

  #source(name: string): object {
    return { path_config_source: { path: join(this.#folder, `${name}.yaml`) }, resource_api_version: "V3" };
  }
}

function resources(type: string, list: readonly object[]): string {
  const typed = list.map((resource) => ({ "@type": `type.googleapis.com/${type}`, ...resource }));
  return JSON.stringify({ resources: typed });
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
