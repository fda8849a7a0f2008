import { expect } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";

/** One of the proxies that a test compares, with ports of its own. */
export interface Side {
  name: "nuncio" | "envoy";
  ports: readonly number[];
  adminPort: number;
  process: ProxyProcess;
}

/**
 * Nuncio, then real Envoy where it is installed, each with one worker and the bootstrap made for its ports; `ports` is how many. Files
 * that a side writes go into `folder` under its name.
 */
export async function startSides(
  folder: string,
  ports: number,
  bootstrap: (ports: readonly number[], name: Side["name"]) => object,
): Promise<Side[]> {
  const envoy = peer("envoy");
  if (process.env.CI === "true") expect(envoy).not.toBe(null);
  const commands = envoy === null ? [candidateCommand] : [candidateCommand, envoy];
  return Promise.all(
    commands.map(async (command, i) => {
      const name = i === 0 ? "nuncio" : "envoy";
      const [adminPort = 0, ...own] = await freePorts(ports + 1);
      const config = { admin: { address: address(adminPort) }, ...bootstrap(own, name) };
      return { name, ports: own, adminPort, process: await startProxy(command, config, adminPort, folder, name) };
    }),
  );
}

/** What each side comes to, one after the other: [Nuncio's, Envoy's]. */
export async function onSides<T>(sides: readonly Side[], run: (side: Side) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const side of sides) results.push(await run(side));
  return results;
}

/** Counters and gauges that match, without those that are 0; a listener's have its place for its port: "listener.0". */
export async function statsOf(side: Side, filter: string): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=${encodeURIComponent(filter)}`);
  expect(answer.status, filter).toBe(200);
  const stats = new Map<string, number>();
  for (const line of (await answer.text()).split("\n")) {
    const [, name = "", value] = /^(\S+): (\d+)$/.exec(line) ?? [];
    if (value !== undefined && value !== "0") stats.set(placed(side, name), Number(value));
  }
  return stats;
}

function placed(side: Side, text: string): string {
  return side.ports.reduce((known, port, i) => known.replaceAll(`127.0.0.1_${port}`, String(i)), text);
}

/** A listener of one chain or several on loopback. */
export function listener(
  name: string,
  port: number,
  chains: readonly object[],
  filters: readonly object[] = [],
): object {
  return { name, address: address(port), listener_filters: filters, filter_chains: chains };
}

/** A filter chain: a connection manager, a transport socket or none, and what connections it is for. */
export function chain(manager: object, transportSocket: object | null, match: object | null = null): object {
  return {
    ...(match === null ? {} : { filter_chain_match: match }),
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
    ...(transportSocket === null ? {} : { transport_socket: transportSocket }),
  };
}

/** A connection manager with these routes for all hosts. */
export function manager(routes: readonly object[], more: object = {}): object {
  return {
    "@type": `${network}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "in",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    ...more,
  };
}

/** An access log in a file, a line a request. */
export function accessLog(path: string, format: string): object {
  return {
    name: "envoy.access_loggers.file",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
      path,
      log_format: { text_format_source: { inline_string: `${format}\n` } },
    },
  };
}

/** A static cluster with one loopback endpoint. */
export function cluster(name: string, port: number, more: object = {}): object {
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ...more,
  };
}

/** A TLS transport socket. */
export function tlsSocket(side: "Downstream" | "Upstream", context: object): object {
  const type = `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`;
  return { name: "tls", typed_config: { "@type": type, ...context } };
}

/** The listener filter that reads server names. */
export const tlsInspector: object = {
  name: "tls_inspector",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" },
};

/** A cluster's options for HTTP/2, or any of typed_extension_protocol_options. */
export function httpOptions(options: object): object {
  return {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        ...options,
      },
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

const network = "type.googleapis.com/envoy.extensions.filters.network";
