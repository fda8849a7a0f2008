import type { DescMessage, Message } from "@bufbuild/protobuf";
import { DynamicConfig, type DynamicTarget } from "../config/dynamic/dynamic-config.ts";
import type { JournalEntry } from "../config/dynamic/journal-entry.ts";
import type { ResourceRecord, ResourceRecords } from "../config/dynamic/records.ts";
import { resourceTypes } from "../config/dynamic/resource-types.ts";
import type { WaitingResources } from "../config/dynamic/waiting.ts";
import { typedJson } from "../config/resource-json.ts";
import type { ServerSpec } from "../config/resources.ts";
import type { RuntimeLayerSpec } from "../config/runtime-layers.ts";
import type { SecretStore } from "../config/secret-store.ts";
import { errnoText } from "../net/errno.ts";
import type { Bootstrap } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { ClusterSchema } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { TypedExtensionConfigSchema } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import { ClusterLoadAssignmentSchema } from "../proto/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { ScopedRouteConfigurationSchema } from "../proto/generated/envoy/config/route/v3/scoped_route_pb.ts";
import { splitRoutes } from "../router/route-parts.ts";
import type { DumpedDynamic, DynamicDump } from "./admin/state.ts";
import { type ConfigStatus, configStatus } from "./config-status.ts";
import { ControlPlanes } from "./control-planes.ts";
import { dumpedRefusal } from "./dumped-refusal.ts";
import type { MainClusters } from "./main-clusters.ts";
import { noChange } from "./messages.ts";
import type { ProcessStats } from "./process-stats.ts";
import type { RuntimeLayers } from "./runtime-layers.ts";
import type { Supervisor } from "./supervisor.ts";

/** The parts of the process that config from outside changes. */
export interface DynamicProcessOptions {
  bootstrap: Bootstrap;
  specs: ServerSpec;
  runtimeSpecs: readonly RuntimeLayerSpec[];
  runtime: RuntimeLayers;
  node: Node;
  secrets: SecretStore;
  clusters: MainClusters;
  stats: ProcessStats;
  /** All who share counters. */
  workers: number;
  leniency: boolean;
  supervisor: () => Supervisor;
  log: (level: "info" | "warning", message: string) => void;
}

/** Joins the control planes, the config they send, and who carries it out. */
export class DynamicProcess {
  readonly config: DynamicConfig;
  readonly #planes: ControlPlanes;
  readonly #secrets: SecretStore;

  constructor(options: DynamicProcessOptions) {
    const { bootstrap, specs, runtimeSpecs, node, secrets, clusters, stats, workers, leniency, log } = options;
    this.#secrets = secrets;
    this.#planes = new ControlPlanes({ node, cluster: (name) => clusters.live(name), contexts: secrets, log });
    const parseOptions = { workers, leniency, contexts: secrets };
    this.config = new DynamicConfig(specs, bootstrap, runtimeSpecs, parseOptions, this.#planes.open, target(options));
    const setTextReadout = (name: string, value: string) => stats.aggregate.setTextReadout(name, value);
    stats.keepSynced({
      sync: () => {
        this.#planes.sync(stats.mainSlab, setTextReadout);
        this.config.sync(stats.mainSlab, setTextReadout);
      },
    });
  }

  /** What came, for /config_dump. */
  dump(): DynamicDump {
    const { clusters, listeners } = this.config;
    const of = (records: ResourceRecords, schema: DescMessage) => records.all().map((record) => dumped(record, schema));
    return {
      clusters: of(clusters.records, ClusterSchema),
      listeners: of(listeners.records, ListenerSchema),
      routes: of(listeners.routes.records, RouteConfigurationSchema),
      scopedRoutes: listeners.scopes.dump().map(({ name, version, updatedAt, messages }) => ({
        name,
        versionInfo: version,
        updatedAt,
        scopes: messages.map((message) => typedJson(ScopedRouteConfigurationSchema, message)),
      })),
      filters: listeners.filters.isAsked ? of(listeners.filters.records, TypedExtensionConfigSchema) : null,
      endpoints: of(clusters.endpoints.records, ClusterLoadAssignmentSchema),
    };
  }

  /** A worker has requests that wait for a virtual host, or has none any more. */
  wantHost(worker: number, name: string, isWanted: boolean): void {
    this.config.listeners.routes.hosts.want(worker, name, isWanted);
  }

  /** A worker died. */
  forgetWorker(worker: number): void {
    this.config.listeners.routes.hosts.forgetWorker(worker);
  }

  /** What serves, what is refused and why, what is waited for. */
  status(): ConfigStatus {
    return configStatus(this.config, this.#secrets, this.#planes);
  }

  /** The last updates, newest first; of one type by its short name, "" for all. */
  history(short: string): JournalEntry[] {
    const types = resourceTypes.filter((type) => short === "" || type.short === short);
    return types.flatMap(({ typeUrl }) => this.config.journal.entries(typeUrl)).sort((a, b) => b.number - a.number);
  }

  /** What is not in force yet, and why. */
  waiting(): WaitingResources {
    return this.config.waiting();
  }

  /** Settles when the workers may start. */
  start(): Promise<void> {
    return this.config.start();
  }
}

function dumped(record: ResourceRecord, schema: DescMessage): DumpedDynamic {
  const { name, message, version, updatedAt, isWarming, before, refusal } = record;
  const json = (message: Message | null) => (message === null ? {} : typedJson(schema, message));
  return {
    name,
    json: json(message?.() ?? null),
    versionInfo: version,
    updatedAt,
    isWarming,
    isNative: message !== null,
    before:
      isWarming && before !== null
        ? { json: json(before.message?.() ?? null), versionInfo: before.version, updatedAt: before.updatedAt }
        : null,
    refusal: refusal && dumpedRefusal(refusal, json),
  };
}

function target({ clusters, runtime, stats, supervisor, log }: DynamicProcessOptions): DynamicTarget {
  return {
    async putCluster(spec) {
      clusters.add(spec, true);
      await clusters.warm(spec.name);
      supervisor().update({ ...noChange, clusters: [spec] });
      const localities = clusters.localities(spec.name);
      if (localities !== undefined && localities !== spec.localities)
        supervisor().updateHosts({ cluster: spec.name, localities });
    },
    removeCluster(name) {
      clusters.remove(name);
      supervisor().update({ ...noChange, removedClusters: [name] });
    },
    putHosts: (update) => clusters.setHosts(update),
    reserveAddresses(spec) {
      const fault = supervisor().reserve(spec);
      return fault && { index: fault.index, reason: errnoText(fault.code) };
    },
    putListener: (spec) => supervisor().update({ ...noChange, listeners: [spec] }),
    removeListener: (name) => supervisor().update({ ...noChange, removedListeners: [name] }),
    setRuntimeLayer: (name, entries) => runtime.set(name, entries),
    putFilterConfig: (config) => supervisor().update({ ...noChange, filterConfigs: [config] }),
    putScopes: (set) => supervisor().update({ ...noChange, scopes: [set] }),
    hostsCame: (names) => supervisor().broadcast({ kind: "hostsCame", names }),
    isolatesBadRoutes: () => runtime.isTrue("nuncio.isolate_bad_routes"),
    putRoutes(spec) {
      const large = splitRoutes(spec);
      if (large === null) supervisor().update({ ...noChange, routes: [spec] });
      else supervisor().updateRoutes(spec, large);
    },
    log,
    count: (name) => stats.serverStats.count(name),
  };
}
