import type { StreamOpener } from "../config/dynamic/sources.ts";
import { parseResources } from "../config/load.ts";
import { formatProblems } from "../config/report.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { ApiSourceSpec, RestSpec } from "../proto/api-source.ts";
import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { GrpcStream } from "../upstream/grpc-stream.ts";
import { HttpFetch } from "../upstream/http-fetch.ts";
import { XdsClient } from "../xds-client/client.ts";
import { deltaProtocol, sotwProtocol } from "../xds-client/protocol.ts";
import { RestClient } from "../xds-client/rest-client.ts";
import type { XdsSource } from "../xds-client/source.ts";
import type { XdsClock } from "../xds-client/transport.ts";

/** What control planes need of the process. */
export interface ControlPlaneDeps {
  node: Node;
  /** For the main thread's own requests; null when there is none of that name. */
  cluster: (name: string) => Cluster | null;
  log: (level: "info" | "warning", message: string) => void;
}

/** The streams to control planes: one for ads_config, one for each api_config_source and type. They count `control_plane.*`. */
export class ControlPlanes {
  readonly #deps: ControlPlaneDeps;
  readonly #streams = new Map<string, XdsSource>();
  #connected = 0;
  #identifier = "";

  constructor(deps: ControlPlaneDeps) {
    this.#deps = deps;
  }

  readonly open: StreamOpener = (api, typeUrl) => {
    const key = `${typeUrl ?? ""} ${JSON.stringify(api)}`;
    let client = this.#streams.get(key);
    if (client === undefined) {
      this.#streams.set(
        key,
        (client = api.rest === null ? this.#newClient(api, typeUrl) : this.#newRestClient(api, api.rest)),
      );
      // Not before what is asked for first is known: one turn.
      setImmediate(() => client?.start());
    }
    return client;
  };

  stop(): void {
    for (const client of this.#streams.values()) client.stop();
  }

  /** Brings the stats into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    if (this.#streams.size === 0) return;
    slab.values[slab.gauge("control_plane.connected_state")] = this.#connected > 0 ? 1 : 0;
    slab.gauge("control_plane.pending_requests");
    slab.counter("control_plane.rate_limit_enforced");
    setTextReadout("control_plane.identifier", this.#identifier);
  }

  #newRestClient(api: ApiSourceSpec, { refreshMs, timeoutMs }: RestSpec): RestClient {
    const { node, cluster, log } = this.#deps;
    return new RestClient({
      node,
      path: (typeUrl) => services[typeUrl]?.[2] ?? "",
      post: (path, body, sink) => {
        const live = cluster(api.cluster);
        if (live !== null) {
          const headers = [["content-type", "application/json"]] as const;
          const request = { cluster: live, method: "POST", path, headers, body: Buffer.from(body), timeoutMs };
          const fetch = new HttpFetch(request, sink);
          return () => fetch.cancel();
        }
        return clock.schedule(() => sink.onFailure(`there is no cluster "${api.cluster}"`), 0);
      },
      read: (body) => {
        const { message, problems } = parseResources("the answer", body.toString());
        return (
          message ??
          formatProblems(
            problems.filter(({ severity }) => severity === "error"),
            () => null,
          )
        );
      },
      refreshMs,
      clock,
      onFailure: (path, why) => log("warning", `REST update for ${path} failed: ${why}`),
    });
  }

  #newClient(api: ApiSourceSpec, typeUrl: string | null): XdsClient {
    const { node, cluster, log } = this.#deps;
    let isConnected = false;
    return new XdsClient({
      protocol: api.isDelta ? deltaProtocol : sotwProtocol,
      path: pathOf(api.isDelta, typeUrl),
      node,
      isNodeOnFirstOnly: api.isNodeOnFirstOnly,
      transport: {
        open: (path, sink) => {
          const live = cluster(api.cluster);
          if (live !== null) return new GrpcStream({ ...api, cluster: live, path }, sink);
          sink.onEnd(unavailable, `there is no cluster "${api.cluster}"`);
          return { send: () => {}, close: () => {} };
        },
      },
      clock,
      observer: {
        onConnected: (isOpen) => {
          this.#connected += Number(isOpen) - Number(isConnected);
          isConnected = isOpen;
        },
        onControlPlane: (identifier) => {
          this.#identifier = identifier;
        },
        onStreamEnd: (status, message, delayMs) => {
          log(
            "warning",
            `${pathOf(api.isDelta, typeUrl).slice(1)} stream closed: ${status}, ${message}; again in ${delayMs} ms`,
          );
        },
      },
      baseDelayMs: 500,
      maxDelayMs: 30_000,
    });
  }
}

const clock: XdsClock = {
  random: Math.random,
  schedule: (what, delayMs) => {
    const timer = setTimeout(what, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The method of a stream: the aggregated one, or that of its type. */
function pathOf(isDelta: boolean, typeUrl: string | null): string {
  const [service = "", method = ""] = services[typeUrl ?? ""] ?? [];
  return `/${service}/${isDelta ? "Delta" : "Stream"}${method}`;
}

const type = (name: string) => `type.googleapis.com/${name}`;
/** By type: service, method without its variant, and the path of REST ("" for none); google.api.http in Envoy's API. "" is ADS. */
const services: Record<string, [service: string, method: string, restPath: string]> = {
  "": ["envoy.service.discovery.v3.AggregatedDiscoveryService", "AggregatedResources", ""],
  [type("envoy.config.cluster.v3.Cluster")]: [
    "envoy.service.cluster.v3.ClusterDiscoveryService",
    "Clusters",
    "/v3/discovery:clusters",
  ],
  [type("envoy.config.endpoint.v3.ClusterLoadAssignment")]: [
    "envoy.service.endpoint.v3.EndpointDiscoveryService",
    "Endpoints",
    "/v3/discovery:endpoints",
  ],
  [type("envoy.config.listener.v3.Listener")]: [
    "envoy.service.listener.v3.ListenerDiscoveryService",
    "Listeners",
    "/v3/discovery:listeners",
  ],
  [type("envoy.config.route.v3.RouteConfiguration")]: [
    "envoy.service.route.v3.RouteDiscoveryService",
    "Routes",
    "/v3/discovery:routes",
  ],
  [type("envoy.config.core.v3.TypedExtensionConfig")]: [
    "envoy.service.extension.v3.ExtensionConfigDiscoveryService",
    "ExtensionConfigs",
    "/v3/discovery:extension_configs",
  ],
  [type("envoy.service.runtime.v3.Runtime")]: [
    "envoy.service.runtime.v3.RuntimeDiscoveryService",
    "Runtime",
    "/v3/discovery:runtime",
  ],
  [type("envoy.config.route.v3.VirtualHost")]: [
    "envoy.service.route.v3.VirtualHostDiscoveryService",
    "VirtualHosts",
    "",
  ],
  [type("envoy.config.route.v3.ScopedRouteConfiguration")]: [
    "envoy.service.route.v3.ScopedRoutesDiscoveryService",
    "ScopedRoutes",
    "/v3/discovery:scoped-routes",
  ],
  [type("envoy.extensions.transport_sockets.tls.v3.Secret")]: [
    "envoy.service.secret.v3.SecretDiscoveryService",
    "Secrets",
    "/v3/discovery:secrets",
  ],
};
/** gRPC UNAVAILABLE. */
const unavailable = 14;
