import type { StreamOpener } from "../config/dynamic/sources.ts";
import { parseResources } from "../config/load.ts";
import { formatProblems } from "../config/report.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
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
import { GoogleTarget } from "./google-target.ts";

/** What control planes need of the process. */
export interface ControlPlaneDeps {
  node: Node;
  /** For the main thread's own requests; null when there is none of that name. */
  cluster: (name: string) => Cluster | null;
  /** Reads the clusters that google_grpc comes to. */
  contexts: TlsContexts;
  log: (level: "info" | "warning", message: string) => void;
}

/** How a stream to a control plane goes; of one that is polled, whether the last answer came. */
export interface StreamStatus {
  isOpen: boolean;
  /** When it opened, or ended. */
  since: Date;
  /** control_plane.identifier; "" before it told. */
  controlPlane: string;
  /** Why the last one ended, and when the next one comes; null before the first end. */
  lastEnd: { at: Date; text: string; retryAt: Date | null } | null;
}

/** Of one stream. */
interface StreamStats {
  /** "control_plane." for ADS; Envoy puts that of a type behind the name of its subscription. */
  readonly prefix: string;
  readonly client: XdsClient;
  readonly status: StreamStatus;
  /** Requests that had to wait. */
  limited: number;
}

/** The streams to control planes: one for ads_config, one for each api_config_source and type. */
export class ControlPlanes {
  readonly #deps: ControlPlaneDeps;
  readonly #streams = new Map<string, XdsSource>();
  readonly #statuses = new Map<string, StreamStatus>();
  readonly #stats: StreamStats[] = [];
  /** By their Specs in JSON. */
  readonly #google = new Map<string, GoogleTarget>();

  constructor(deps: ControlPlaneDeps) {
    this.#deps = deps;
  }

  readonly open: StreamOpener = (api, typeUrl) => {
    const key = keyOf(api, typeUrl);
    let client = this.#streams.get(key);
    if (client === undefined) {
      this.#streams.set(
        key,
        (client = api.rest === null ? this.#newClient(api, typeUrl) : this.#newRestClient(api, api.rest, typeUrl)),
      );
      // Not before what is asked for first is known: one turn.
      setImmediate(() => void this.#googleReady(api).then(() => client?.start()));
    }
    return client;
  };

  /** null where no such stream was asked for. */
  status(api: ApiSourceSpec, typeUrl: string | null): StreamStatus | null {
    return this.#statuses.get(keyOf(api, typeUrl)) ?? null;
  }

  stop(): void {
    for (const client of this.#streams.values()) client.stop();
  }

  /** Brings the stats into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const { prefix, client, status, limited } of this.#stats) {
      slab.values[slab.gauge(`${prefix}connected_state`)] = status.isOpen ? 1 : 0;
      slab.values[slab.gauge(`${prefix}pending_requests`)] = client.pendingRequests;
      slab.values[slab.counter(`${prefix}rate_limit_enforced`)] = limited;
      setTextReadout(`${prefix}identifier`, status.controlPlane);
    }
  }

  #newStatus(api: ApiSourceSpec, typeUrl: string | null): StreamStatus {
    const status: StreamStatus = { isOpen: false, since: new Date(), controlPlane: "", lastEnd: null };
    this.#statuses.set(keyOf(api, typeUrl), status);
    return status;
  }

  /** Settles when the name of google_grpc's server was looked up once; of others at once. */
  async #googleReady(api: ApiSourceSpec): Promise<void> {
    if (api.google === null) return;
    const key = JSON.stringify(api.google);
    let target = this.#google.get(key);
    if (target === undefined) {
      const { contexts, log } = this.#deps;
      target = new GoogleTarget(api.cluster, api.google, contexts, (message) => log("warning", message));
      this.#google.set(key, target);
    }
    await target.ready;
  }

  #newRestClient(api: ApiSourceSpec, { refreshMs, timeoutMs }: RestSpec, typeUrl: string | null): RestClient {
    const { node, cluster, log } = this.#deps;
    const status = this.#newStatus(api, typeUrl);
    return new RestClient({
      node,
      path: (typeUrl) => services[typeUrl]?.[2] ?? "",
      post: (path, body, sink) => {
        const live = cluster(api.cluster);
        if (live !== null) {
          const headers = [["content-type", "application/json"]] as const;
          const request = {
            cluster: live,
            method: "POST",
            path,
            authority: "",
            headers,
            body: Buffer.from(body),
            timeoutMs,
            isOwn: true,
          };
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
      onAnswered: () => setOpen(status, true),
      onFailure: (path, why) => {
        setOpen(status, false);
        status.lastEnd = { at: new Date(), text: why, retryAt: null };
        log("warning", `REST update for ${path} failed: ${why}`);
      },
    });
  }

  #newClient(api: ApiSourceSpec, typeUrl: string | null): XdsClient {
    const { node, cluster, log } = this.#deps;
    const status = this.#newStatus(api, typeUrl);
    const client = new XdsClient({
      protocol: api.isDelta ? deltaProtocol : sotwProtocol,
      path: pathOf(api.isDelta, typeUrl),
      node,
      isNodeOnFirstOnly: api.isNodeOnFirstOnly,
      rateLimit: api.rateLimit,
      transport: {
        open: (path, sink) => {
          const google = api.google === null ? null : this.#google.get(JSON.stringify(api.google));
          const live = google === null ? cluster(api.cluster) : (google?.cluster ?? null);
          if (live !== null) return new GrpcStream({ ...api, cluster: live, path }, sink);
          sink.onEnd(unavailable, `there is no cluster "${api.cluster}"`);
          return { send: () => {}, close: () => {} };
        },
      },
      clock,
      observer: {
        onConnected: (isOpen) => {
          setOpen(status, isOpen);
        },
        onControlPlane: (identifier) => {
          status.controlPlane = identifier;
        },
        onLimited: () => {
          stats.limited++;
        },
        onStreamEnd: (code, message, delayMs) => {
          const now = Date.now();
          status.lastEnd = { at: new Date(now), text: `${code}, ${message}`, retryAt: new Date(now + delayMs) };
          log(
            "warning",
            `${pathOf(api.isDelta, typeUrl).slice(1)} stream closed: ${code}, ${message}; again in ${delayMs} ms`,
          );
        },
      },
      baseDelayMs: 500,
      maxDelayMs: 30_000,
    });
    const stats = { prefix: services[typeUrl ?? ""]?.[3] ?? "", client, status, limited: 0 };
    if (stats.prefix !== "") this.#stats.push(stats);
    return client;
  }
}

const clock: XdsClock = {
  random: Math.random,
  now: () => performance.now(),
  schedule: (what, delayMs) => {
    const timer = setTimeout(what, delayMs);
    return () => clearTimeout(timer);
  },
};

function keyOf(api: ApiSourceSpec, typeUrl: string | null): string {
  return `${typeUrl ?? ""} ${JSON.stringify(api)}`;
}

function setOpen(status: StreamStatus, isOpen: boolean): void {
  if (status.isOpen !== isOpen) status.since = new Date();
  status.isOpen = isOpen;
}

/** The method of a stream: the aggregated one, or that of its type. */
function pathOf(isDelta: boolean, typeUrl: string | null): string {
  const [service = "", method = ""] = services[typeUrl ?? ""] ?? [];
  return `/${service}/${isDelta ? "Delta" : "Stream"}${method}`;
}

const type = (name: string) => `type.googleapis.com/${name}`;
/**
 * By type, "" is ADS: service, method without its variant, the path of REST (google.api.http in Envoy's API; "" for none), and in front of the
 * stream's stats (none where a stream carries many subscriptions that Envoy opens a stream each for).
 */
const services: Record<string, [service: string, method: string, restPath: string, statPrefix?: string]> = {
  "": ["envoy.service.discovery.v3.AggregatedDiscoveryService", "AggregatedResources", "", "control_plane."],
  [type("envoy.config.cluster.v3.Cluster")]: [
    "envoy.service.cluster.v3.ClusterDiscoveryService",
    "Clusters",
    "/v3/discovery:clusters",
    "cluster_manager.cds.control_plane.",
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
    "listener_manager.lds.control_plane.",
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
