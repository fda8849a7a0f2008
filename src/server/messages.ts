import type { MessagePort } from "node:worker_threads";
import type { SocketAddress } from "../net/address.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { StatAnnouncement } from "../observability/stats.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import type { HostUpdate } from "../upstream/spec.ts";

/** Anything configured by name. The supervisor only needs the name; what else it carries is the worker's business. */
export interface NamedSpec {
  name: string;
}

/** A listener's spec, as far as the supervisor reads it: workers get it with the ports that were chosen for 0. */
export interface NamedListener extends NamedSpec {
  addresses: readonly { address: SocketAddress; ipv6Only?: boolean }[];
  /** False: nothing connects to it. */
  bindsToPort?: boolean;
  /** INBOUND: `inboundonly` drains mean it. */
  trafficDirection?: string;
}

/** A change of configuration. Specs named here replace those of the same name; the others stay. */
export interface ConfigUpdate<L extends NamedListener = NamedListener, C extends NamedSpec = NamedSpec> {
  listeners: readonly L[];
  clusters: readonly C[];
  /** Route configurations by RDS. */
  routes: readonly NamedSpec[];
  /** Scopes by SRDS. */
  scopes: readonly NamedSpec[];
  /** Filters' configs by ECDS. */
  filterConfigs: readonly NamedSpec[];
  removedListeners: readonly string[];
  removedClusters: readonly string[];
}

/** Nothing changes. */
export const noChange: ConfigUpdate = {
  listeners: [],
  clusters: [],
  routes: [],
  scopes: [],
  filterConfigs: [],
  removedListeners: [],
  removedClusters: [],
};

/** What a worker gets at its start, as `workerData`. */
export interface WorkerInit {
  /** 0 to concurrency - 1. A replacement takes the index of the worker it replaces. */
  index: number;
  /** One Int32 a worker: milliseconds of the process-wide monotonic clock, wrapped, stored by the worker's timer. */
  heartbeat: SharedArrayBuffer;
  /** The whole configuration of this moment; later changes come as messages. */
  config: ConfigUpdate;
  /** The memory of the worker's StatsSlab. */
  slab: SharedArrayBuffer;
  /** What the factory of the worker's runtime needs besides: shared tables, flags. Structured-cloneable. */
  extra: Record<string, unknown>;
}

/** How gently to drain. */
export interface DrainOrder {
  /** Stop accepting at once. Otherwise connections are still taken, and told to close after their response. */
  stopListeners: boolean;
  /** Only listeners whose traffic_direction is INBOUND. */
  inboundOnly: boolean;
}

export type ToWorker =
  /** `parts`: what gives the parts of its routes one after the other (RouteParts); null where they are whole. */
  | { kind: "config"; update: ConfigUpdate; parts: MessagePort | null }
  /** New endpoints of a cluster, from DNS. */
  | { kind: "hosts"; update: HostUpdate }
  /** The secrets of a TLS context came or changed. */
  | { kind: "tls"; update: TlsContextSpec<unknown> }
  /** Virtual hosts that were asked for came, or are said not to be there. */
  | { kind: "hostsCame"; names: string[] }
  | { kind: "drain"; order: DrainOrder }
  | { kind: "healthFailed"; failed: boolean }
  | { kind: "reopenLogs" }
  /** Runtime keys' final values; null where no layer has them any more. */
  | { kind: "runtime"; changes: Record<string, RuntimeEntry | null> }
  /** Writes a .cpuprofile or .heapprofile to `path` at "stop". */
  | { kind: "profile"; what: "cpu" | "heap"; action: "start" | "stop"; path: string }
  /** Flush logs and end. */
  | { kind: "stop" };

export type FromWorker =
  /** All listeners of the first configuration are bound. */
  | { kind: "ready" }
  | { kind: "listening"; listener: string }
  | { kind: "listenFailed"; listener: string; address: SocketAddress; code: string; message: string }
  /** A drain was ordered and no connection is left. */
  | { kind: "drained" }
  /** Requests wait for a virtual host (VHDS), or none does any more. */
  | { kind: "host"; name: string; isWanted: boolean }
  /** Names and slots of new stats in the worker's slab; read by the owner of the aggregate. */
  | { kind: "stats"; announcements: StatAnnouncement[] }
  | { kind: "log"; level: string; logger: string; message: string };

/** Milliseconds of the monotonic clock all threads of the process share, wrapped to 32 bits: compare with `(a - b) | 0`. */
export function wrappedNowMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n) | 0;
}
