import type { FilterConfigSpec } from "../filters/http-filters.ts";
import type { SocketAddress } from "../net/address.ts";
import { eventClock } from "../net/event-clock.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { AccessLogSinks } from "../observability/access-log-sink.ts";
import type { NodeFacts } from "../observability/facts.ts";
import { Http2Stats } from "../observability/http2-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { joinRoutes } from "../router/route-parts.ts";
import type { RouteTable } from "../router/route-table.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import type { Slices } from "../router/slices.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import { Cluster } from "../upstream/cluster.ts";
import { realEnvironment, type UpstreamEnvironment } from "../upstream/environment.ts";
import { GoneStats } from "../upstream/gone-stats.ts";
import { LocalZone, type LocalZoneSpec } from "../upstream/local-zone.ts";
import type { ClusterSpec, HostUpdate, LocalitySpec } from "../upstream/spec.ts";
import { TokenSources } from "../upstream/token-source.ts";
import type { DrainPlan } from "./drain-plan.ts";
import { linkChains } from "./linked-chain.ts";
import { Listener } from "./listener.ts";
import { type ListenFault, ListeningSockets } from "./listening-sockets.ts";
import { RuntimeValues } from "./runtime-values.ts";
import type { ListenerSpec, ScopeSetSpec, ScopeSpec } from "./spec.ts";
import { WaitingHosts } from "./waiting-hosts.ts";

/** A filter's config by ECDS. */
export interface NamedFilterConfig extends FilterConfigSpec {
  /** Of the resource, which is the filter's. */
  name: string;
}

/** A change of configuration, as the main thread posts it. */
export interface RuntimeUpdate {
  listeners: readonly ListenerSpec[];
  clusters: readonly ClusterSpec[];
  /** By RDS. */
  routes: readonly RouteConfigSpec[];
  /** By SRDS. */
  scopes: readonly ScopeSetSpec[];
  /** By ECDS; of type "" where none is left. */
  filterConfigs: readonly NamedFilterConfig[];
  removedListeners: readonly string[];
  removedClusters: readonly string[];
}

/** What a runtime tells the main thread. */
export type RuntimeReport =
  | { kind: "listening"; listener: string }
  | { kind: "listenFailed"; listener: string; address: SocketAddress; code: string; message: string }
  /** Requests wait for a virtual host, or none does any more. */
  | { kind: "host"; name: string; isWanted: boolean }
  | { kind: "log"; level: string; logger: string; message: string };

export interface RuntimeOptions {
  index: number;
  slab: StatsSlab;
  report: (report: RuntimeReport) => void;
  fileFlushIntervalMs: number;
  /** 0: Envoy's default of 64. */
  fileFlushMinSizeKb: number;
  node: NodeFacts;
  localZone: LocalZoneSpec;
  drainTimeS: number;
  drainStrategy: string;
  /** Runtime keys at the start. */
  runtime: Record<string, RuntimeEntry>;
}

/** Everything that serves traffic in one worker: clusters by name, listeners by name. */
export class WorkerRuntime {
  readonly #index: number;
  readonly #slab: StatsSlab;
  readonly #report: (report: RuntimeReport) => void;
  readonly #clusters = new Map<string, Cluster>();
  readonly #gone = new GoneStats();
  readonly #listeners = new Map<string, Listener>();
  readonly #sockets: ListeningSockets;
  /** Removed ones whose connections drain. */
  readonly #leaving = new Set<Listener>();
  /** By RDS, by name. */
  readonly #routes = new Map<string, RouteConfigSpec>();
  readonly #tables = new WeakMap<RouteConfigSpec, RouteTable>();
  /** By SRDS, by source. */
  readonly #scopes = new Map<string, readonly ScopeSpec[]>();
  /** By ECDS, by name. */
  readonly #filterConfigs = new Map<string, NamedFilterConfig>();
  /** By the id of their contexts: those that have changed. */
  readonly #secretTexts = new Map<number, string>();
  readonly #values: RuntimeValues;
  readonly #waitingHosts: WaitingHosts;
  readonly #logs: AccessLogSinks;
  readonly #environment: UpstreamEnvironment;
  readonly #tokens: TokenSources;
  readonly #http2: Http2Stats;
  readonly #node: NodeFacts;
  readonly #drainPlan: DrainPlan;
  readonly #localZone: LocalZone;
  #isHealthFailed = false;

  constructor(options: RuntimeOptions) {
    this.#index = options.index;
    this.#slab = options.slab;
    this.#sockets = new ListeningSockets(options.index === 0);
    this.#report = options.report;
    this.#node = options.node;
    this.#localZone = new LocalZone(options.localZone);
    this.#drainPlan = { isGradual: options.drainStrategy !== "immediate", timeMs: options.drainTimeS * 1000 };
    this.#values = new RuntimeValues(options.runtime);
    this.#waitingHosts = new WaitingHosts((name, isWanted) => this.#report({ kind: "host", name, isWanted }));
    this.#http2 = new Http2Stats(options.slab, "");
    this.#logs = new AccessLogSinks(options.slab, {
      intervalMs: options.fileFlushIntervalMs,
      minBytes: (options.fileFlushMinSizeKb || 64) * 1024,
    });
    this.#tokens = new TokenSources(options.slab, (name) => this.#clusters.get(name) ?? null);
    this.#environment = { ...realEnvironment, logs: this.#logs, tokens: this.#tokens };
  }

  get activeConnections(): number {
    let sum = 0;
    for (const listener of this.#listeners.values()) sum += listener.activeConnections;
    for (const listener of this.#leaving) {
      if (listener.activeConnections === 0) this.#leaving.delete(listener);
      sum += listener.activeConnections;
    }
    return sum;
  }

  /**
   * Clusters first, then routes: those name clusters, and listeners both. `nextPart` gives the parts of routes that came without their
   * virtual hosts (RouteParts); null where none did.
   */
  *apply(update: RuntimeUpdate, nextPart: (() => unknown) | null): Slices<void> {
    // Names of a cluster that comes back are new ones.
    if (update.clusters.length > 0) this.#forgetGone();
    for (const spec of update.clusters) {
      this.#clusters.get(spec.name)?.close();
      this.#clusters.set(spec.name, new Cluster(spec, this.#slab, this.#index, this.#environment, this.#localZone));
      this.#onLocalHosts(spec.name, spec.localities);
    }
    for (const head of update.routes) {
      const spec = nextPart === null ? head : yield* joinRoutes(head, nextPart);
      this.#routes.set(spec.name, spec);
      const usesRoutes = (setId: string) =>
        this.#scopes.get(setId)?.some(({ routeConfigName }) => routeConfigName === spec.name) === true;
      for (const listener of this.#listeners.values()) yield* listener.onRoutes(spec.name, usesRoutes);
    }
    for (const { name, scopes } of update.scopes) {
      this.#scopes.set(name, scopes);
      for (const listener of this.#listeners.values()) yield* listener.onScopes(name);
    }
    for (const config of update.filterConfigs) {
      if (config.type === "") this.#filterConfigs.delete(config.name);
      else this.#filterConfigs.set(config.name, config);
      for (const listener of this.#listeners.values()) listener.onFilterConfig(config.name);
    }
    for (const spec of update.listeners) this.#applyListener(spec);
    for (const name of update.removedListeners) {
      const listener = this.#listeners.get(name);
      if (listener !== undefined) this.#remove(listener);
      this.#listeners.delete(name);
    }
    for (const name of update.removedClusters) {
      const cluster = this.#clusters.get(name);
      if (cluster === undefined) continue;
      cluster.close();
      this.#gone.add(cluster.spec.observabilityName);
      this.#clusters.delete(name);
    }
  }

  applyHosts(update: HostUpdate): void {
    this.#clusters.get(update.cluster)?.updateHosts(update.localities);
    this.#onLocalHosts(update.cluster, update.localities);
  }

  /** The secrets of a TLS context came or changed. */
  applyTls(update: TlsContextSpec<unknown>): void {
    if (typeof update.spec === "string") this.#secretTexts.set(update.id, update.spec);
    for (const listener of this.#listeners.values()) listener.onTlsUpdate(update, this.#logs);
    for (const cluster of this.#clusters.values()) cluster.onTlsUpdate(update);
  }

  startDraining(order: { stopListeners: boolean; inboundOnly: boolean }): void {
    eventClock.tick();
    const listeners = [...this.#listeners.values()].filter(
      (l) => !order.inboundOnly || l.spec.trafficDirection === "INBOUND",
    );
    for (const listener of listeners) {
      listener.drain();
      if (order.stopListeners) listener.close();
    }
  }

  setHealthFailed(failed: boolean): void {
    this.#isHealthFailed = failed;
    for (const listener of this.#listeners.values()) listener.setHealthFailed(failed);
  }

  /** Brings what is counted elsewhere into the slab. */
  syncStats(): void {
    this.#forgetGone();
    this.#http2.sync();
    for (const cluster of this.#clusters.values()) cluster.syncStats();
  }

  reopenLogs(): void {
    this.#logs.reopen();
  }

  /** Virtual hosts that requests may wait for came, or are said not to be there. */
  onHostsCame(names: readonly string[]): void {
    this.#waitingHosts.onCame(names);
  }

  /** null: no layer has the key any more. */
  updateRuntime(changes: Record<string, RuntimeEntry | null>): void {
    this.#values.update(changes);
  }

  async close(): Promise<void> {
    for (const listener of [...this.#listeners.values(), ...this.#leaving]) {
      listener.close();
      listener.destroyConnections();
    }
    await this.#logs.close();
  }

  /** Zone-aware routing of all clusters goes by the hosts of the local one. */
  #onLocalHosts(cluster: string, localities: readonly LocalitySpec[]): void {
    if (cluster !== this.#localZone.clusterName) return;
    this.#localZone.localities = localities;
    for (const other of this.#clusters.values()) other.onLocalHosts();
  }

  #forgetGone(): void {
    const isGone = this.#gone.take(this.#observabilityNames());
    if (isGone !== null) this.#slab.forget(isGone);
  }

  *#observabilityNames(): Generator<string> {
    for (const { spec } of this.#clusters.values()) yield spec.observabilityName;
  }

  #remove(listener: Listener): void {
    listener.remove(this.#drainPlan);
    this.#leaving.add(listener);
  }

  #applyListener(spec: ListenerSpec): void {
    const linked = linkChains(spec, {
      slab: this.#slab,
      node: this.#node,
      worker: this.#index,
      clusters: (name) => this.#clusters.get(name) ?? null,
      routes: (name) => this.#routes.get(name) ?? null,
      scopes: (setId) => this.#scopes.get(setId) ?? [],
      filterConfigs: (name) => this.#filterConfigs.get(name) ?? null,
      runtime: this.#values,
      logs: this.#logs,
      filters: {
        isHealthFailed: () => this.#isHealthFailed,
        nodeCluster: this.#node.cluster ?? "",
        nodeMetadata: this.#node.metadata ?? {},
        secretText: ({ id, spec }) => this.#secretTexts.get(id) ?? spec,
        slab: this.#slab,
        runtime: this.#values,
        tokens: this.#tokens,
        onDemand: this.#waitingHosts,
        clusters: (name) => this.#clusters.get(name) ?? null,
      },
      http2Counters: this.#http2.counters,
      tables: this.#tables,
    });
    const open = this.#listeners.get(spec.name);
    // Under another name of its stats it is another one, which takes the sockets.
    const isKept = open !== undefined && open.spec.statName === spec.statName;
    const listener = isKept ? open : new Listener(spec, linked, this.#slab, this.#sockets);
    if (isKept) open.replace(spec, linked, this.#drainPlan);
    else {
      listener.setHealthFailed(this.#isHealthFailed);
      this.#listeners.set(spec.name, listener);
    }
    void listener.open().then((fault) => this.#onOpened(spec.name, fault));
    if (!isKept && open !== undefined) this.#remove(open);
  }

  #onOpened(listener: string, fault: ListenFault | null): void {
    if (fault === null) {
      this.#report({ kind: "listening", listener });
      return;
    }
    const { at, error } = fault;
    const { code = "", message } = error;
    this.#report({ kind: "listenFailed", listener, address: at.address, code, message });
  }
}
