import { join } from "node:path";
import type { Json, Setup } from "./setup.ts";

/** One listener with a backend and a log of its own, so that cases in different lanes cannot touch each other. */
export interface Lane {
  port: number;
  backendPort: number;
  /** 0 without one. */
  servicePort: number;
  logFile: string;
}

/** The Envoy bootstrap of a setup: each lane is a copy of it, with `{lane}` and `{port}` filled in. */
export function bootstrapOf(setup: Setup, adminPort: number, lanes: readonly Lane[]): object {
  const parts = lanes.map((lane, index) => laneOf(setup, lane, `_L${index}`));
  return {
    node: { id: "differential", cluster: "differential-cluster", ...setup.node },
    admin: { address: address(adminPort) },
    ...(setup.runtime === undefined
      ? {}
      : { layered_runtime: { layers: [{ name: "static", static_layer: setup.runtime }] } }),
    static_resources: {
      listeners: parts.map((part) => part.listener),
      clusters: parts.flatMap((part) => part.clusters),
      secrets: setup.secrets ?? [],
    },
  };
}

/** A lane's access log file in a folder. */
export function logFileOf(folder: string, setup: string, lane: number): string {
  return join(folder, `${setup}-${lane}.log`);
}

function laneOf(setup: Setup, lane: Lane, suffix: string): { listener: Json; clusters: Json[] } {
  const part = {
    listener: {
      name: "listener{lane}",
      address: address(lane.port),
      filter_chains: [
        {
          filters: [
            ...(setup.networkFilters ?? []),
            { name: "envoy.filters.network.http_connection_manager", typed_config: manager(setup, lane) },
          ],
        },
      ],
      ...setup.listener,
    },
    clusters: [cluster("backend", {}), ...(setup.clusters ?? [])],
  };
  const text = JSON.stringify(part)
    .replaceAll('"{port}"', String(lane.backendPort))
    .replaceAll('"{service}"', String(lane.servicePort))
    .replaceAll("{lane}", suffix);
  return JSON.parse(text);
}

function manager(setup: Setup, lane: Lane): Json {
  return {
    "@type": `${networkType}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "in{lane}",
    delayed_close_timeout: "0.1s",
    http_filters: [
      ...(setup.filters ?? []),
      { name: "envoy.filters.http.router", typed_config: { "@type": routerType, ...setup.router } },
    ],
    access_log: [
      {
        name: "envoy.access_loggers.file",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
          path: lane.logFile,
          log_format: { json_format: { ...logFields, ...setup.log } },
        },
      },
    ],
    route_config: { name: "routes{lane}", virtual_hosts: setup.virtualHosts ?? [catchAll], ...setup.routeConfig },
    ...setup.manager,
  };
}

/** A static cluster with one loopback endpoint; `name{lane}` in the proxy. */
export function cluster(name: string, more: Json, ports: readonly (number | string)[] = ["{port}"]): Json {
  return {
    name: `${name}{lane}`,
    connect_timeout: "1s",
    type: "STATIC",
    load_assignment: {
      cluster_name: `${name}{lane}`,
      endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }],
    },
    ...more,
  };
}

function address(port: number | string): Json {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

const networkType = "type.googleapis.com/envoy.extensions.filters.network";
const routerType = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const catchAll: Json = {
  name: "all",
  domains: ["*"],
  routes: [{ name: "all", match: { prefix: "/" }, route: { cluster: "backend{lane}" } }],
};

/** What the access log tells of each request; `client` only finds the lines of a connection. */
const logFields: Json = {
  client: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
  method: "%REQ(:METHOD)%",
  virtualCluster: "%VIRTUAL_CLUSTER_NAME%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  authority: "%REQ(:AUTHORITY)%",
  scheme: "%REQ(:SCHEME)%",
  protocol: "%PROTOCOL%",
  code: "%RESPONSE_CODE%",
  flags: "%RESPONSE_FLAGS%",
  details: "%RESPONSE_CODE_DETAILS%",
  termination: "%CONNECTION_TERMINATION_DETAILS%",
  received: "%BYTES_RECEIVED%",
  sent: "%BYTES_SENT%",
  cluster: "%UPSTREAM_CLUSTER%",
  host: "%UPSTREAM_HOST%",
  route: "%ROUTE_NAME%",
  failure: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
  hostsAttempted: "%UPSTREAM_HOSTS_ATTEMPTED%",
  upstreamProtocol: "%UPSTREAM_PROTOCOL%",
  localReply: "%LOCAL_REPLY_BODY%",
  remote: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
  requestId: "%REQ(X-REQUEST-ID)%",
  forwardedFor: "%REQ(X-FORWARDED-FOR)%",
  responseType: "%RESP(CONTENT-TYPE)%",
  trailer: "%TRAILER(X-T)%",
  calls: "%FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%",
  callsObject: "%FILTER_STATE(envoy.filters.http.grpc_stats)%",
  callsText: "of %FILTER_STATE(envoy.filters.http.grpc_stats:TYPED)%",
  callsField: "%FILTER_STATE(envoy.filters.http.grpc_stats:FIELD:request_message_count)%",
};
