import type { ContextCertificates } from "../../config/certificate-facts.ts";
import type { JournalEntry } from "../../config/dynamic/journal-entry.ts";
import type { WaitingResources } from "../../config/dynamic/waiting.ts";
import type { ExplainWorld } from "../../explain/world.ts";
import type { SocketAddress } from "../../net/address.ts";
import type { StatsQuery } from "../../observability/stats-query.ts";
import type { ConfigStatus } from "../config-status.ts";
import type { Flags } from "../flags.ts";
import type { RuntimeLayers } from "../runtime-layers.ts";

/** What the admin interface shows and what it can order: the process as seen from the main thread. */
export interface AdminState {
  flags: Flags;
  /** Worker threads. */
  concurrency: number;
  /** Milliseconds of Date.now() at the start. */
  startedAtMs: number;
  serverState(): ServerState;
  /** The node of the bootstrap with flags merged in, as JSON with snake_case names. */
  node(): Record<string, unknown>;
  configDump(includeEds: boolean): ConfigSnapshot;
  /** What is not in force yet, and why. */
  waiting(): WaitingResources;
  /** The config that comes from outside. */
  configStatus(): ConfigStatus;
  /** Its last updates, newest first; of one type by its short name, "" for all. */
  configHistory(type: string): JournalEntry[];
  /** The config of now, for POST /explain. */
  explainWorld(): ExplainWorld;
  /** Those of each TLS context. */
  certificates(): ContextCertificates[];
  listeners(): ListenerStatus[];
  clusters(): ClusterStatus[];
  stats: StatsSource;
  runtime: RuntimeLayers;
  /** Levels by logger name. */
  logLevels: LogLevels;
  /** POST /healthcheck/fail and /ok. */
  setHealthFailed(failed: boolean): void;
  drainListeners(graceful: boolean, skipExit: boolean, inboundOnly: boolean): void;
  reopenLogs(): void;
  quit(): void;
  /** admin.profile_path: profiles are written beside it, one a thread. */
  profilePath: string;
  /** Orders a profile in every worker. */
  profileWorkers(what: "cpu" | "heap", action: "start" | "stop", pathPrefix: string): void;
  /** A V8 heap snapshot of a worker; null where there is no such worker. */
  workerHeapSnapshot(index: number): Promise<NodeJS.ReadableStream> | null;
}

export type ServerState = "LIVE" | "DRAINING" | "PRE_INITIALIZING" | "INITIALIZING";

interface ListenerStatus {
  name: string;
  /** Where it listens: the first of its config first. */
  addresses: SocketAddress[];
}

/** One cluster as /clusters shows it. */
export interface ClusterStatus {
  name: string;
  observabilityName: string;
  addedViaApi: boolean;
  edsServiceName: string;
  defaultPriority: BreakerLimits;
  highPriority: BreakerLimits;
  hosts: HostStatus[];
}

export interface BreakerLimits {
  maxConnections: number;
  maxPendingRequests: number;
  maxRequests: number;
  maxRetries: number;
}

export interface HostStatus {
  address: SocketAddress;
  hostname: string;
  /** Host counters by Envoy's names: cx_connect_fail, cx_total, rq_error, rq_success, rq_timeout, rq_total. */
  counters: Record<string, number>;
  /** cx_active, rq_active, rq_pending_active. */
  gauges: Record<string, number>;
  /** Envoy's flags joined with "/", each starting so; empty: healthy. `/failed_active_hc`. */
  healthFlags: string;
  weight: number;
  region: string;
  zone: string;
  subZone: string;
  canary: boolean;
  priority: number;
  /** Percent; -1 where there are too few requests to tell. */
  successRate: number;
  localOriginSuccessRate: number;
}

/** Resources as /config_dump shows them: JSON with snake_case names and an "@type" of their own. */
export interface ConfigSnapshot {
  bootstrap: Record<string, unknown>;
  bootstrapAt: Date;
  clusters: DumpedResource[];
  listeners: DumpedResource[];
  /** Inline route configurations of static listeners. */
  routes: DumpedResource[];
  /** Scopes that stand in static listeners. */
  scopedRoutes: DumpedScopedRoutes[];
  /** Static secrets, already redacted. */
  secrets: DumpedResource[];
  /** Those that came by SDS, redacted too. */
  sdsSecrets: DumpedSdsSecret[];
  /** What came from outside, by type. */
  dynamic: DynamicDump;
  /** ClusterLoadAssignments; null unless they were asked for. */
  endpoints: Record<string, unknown>[] | null;
}

export interface DumpedResource {
  name: string;
  json: Record<string, unknown>;
  updatedAt: Date;
}

/** A resource that came from outside. */
export interface DumpedDynamic extends DumpedResource {
  versionInfo: string;
  /** Something that it needs has not come. */
  isWarming: boolean;
  /** `json` was accepted; false where none was yet. */
  isNative: boolean;
  /** What is in force as long as `json` is warming; null: nothing is. */
  before: DumpedVersion | null;
  /** Of the newest version; null when that is the accepted one. */
  refusal: DumpedRefusal | null;
}

/** A version that is in force while the next one is warming. */
export interface DumpedVersion {
  json: Record<string, unknown>;
  versionInfo: string;
  updatedAt: Date;
}

/** Why a version is not taken. */
export interface DumpedRefusal {
  version: string;
  details: string;
  at: Date;
  /** As it came; null where it cannot be read. */
  json: Record<string, unknown> | null;
}

export interface DynamicDump extends Record<"clusters" | "listeners" | "routes" | "endpoints", DumpedDynamic[]> {
  scopedRoutes: DumpedScopedRoutes[];
  /** null where no filter asks for its config. */
  filters: DumpedDynamic[] | null;
}

/** The scopes of a connection manager. */
export interface DumpedScopedRoutes {
  /** ScopedRoutes.name */
  name: string;
  versionInfo: string;
  updatedAt: Date;
  scopes: Record<string, unknown>[];
}

export interface DumpedSdsSecret extends DumpedResource {
  versionInfo: string;
  /** None has come yet. */
  isWarming: boolean;
  /** Of the newest one, redacted too; null when it is in use. */
  refusal: DumpedRefusal | null;
}

/** The stats of the process. */
export interface StatsSource {
  /** In the format the query asks for; HTML as its text. */
  render(query: StatsQuery): string;
  resetCounters(): void;
}

export interface LogLevels {
  /** Logger name and level, in Envoy's order. */
  list(): [string, string][];
  setAll(level: string): void;
  set(levels: Record<string, string>): void;
}
