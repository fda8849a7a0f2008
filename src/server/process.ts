import { writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import type { ContextCertificates } from "../config/certificate-facts.ts";
import type { ExplainWorld } from "../explain/world.ts";
import { addressText, type SocketAddress } from "../net/address.ts";
import { errnoText } from "../net/errno.ts";
import { nativeStreams } from "../net/native-streams.ts";
import { daysUntil } from "./admin/certs.ts";
import type { AdminServer } from "./admin/server.ts";
import type { AdminState, ClusterStatus, ConfigSnapshot, ServerState } from "./admin/state.ts";
import { Drain } from "./drain.ts";
import type { Flags } from "./flags.ts";
import type { ConfigUpdate, DrainOrder, WorkerInit } from "./messages.ts";
import type { ProcessStats } from "./process-stats.ts";
import type { RuntimeLayers } from "./runtime-layers.ts";
import type { ServerLog } from "./server-log.ts";
import { handleSignals } from "./signals.ts";
import { releaseStartMemory } from "./start-memory.ts";
import { Supervisor, type WorkerHandle } from "./supervisor.ts";

export interface ServerOptions {
  flags: Flags;
  log: ServerLog;
  concurrency: number;
  config: ConfigUpdate;
  /** null: no admin interface. */
  admin: { address: SocketAddress; profilePath: string } | null;
  node: () => Record<string, unknown>;
  snapshot: (includeEds: boolean) => ConfigSnapshot;
  runtime: RuntimeLayers;
  clusters: () => ClusterStatus[];
  /** Gets what the workers need first: clusters and listeners by xDS. */
  initialize: () => Promise<void>;
  /** Virtual hosts that requests of a worker wait for. */
  hosts: { want(worker: number, name: string, isWanted: boolean): void; forgetWorker(worker: number): void };
  /** The config that comes from outside. */
  dynamic: Pick<AdminState, "waiting" | "configStatus" | "configHistory">;
  /** What POST /explain looks at, by the config of now. */
  explainWorld: (config: ConfigUpdate) => ExplainWorld;
  /** Those of each TLS context. */
  certificates: () => ContextCertificates[];
  stats: ProcessStats;
  /** Unknown fields in the bootstrap that were let pass. */
  staticUnknownFields: number;
  spawn: (init: WorkerInit) => WorkerHandle & { getHeapSnapshot?: () => Promise<NodeJS.ReadableStream> };
  workerExtra: (index: number) => Record<string, unknown>;
  exit: (code: number) => void;
}

/** The running process: supervisor, admin interface, drain and signals, joined. */
export class ServerProcess {
  /** Where the admin interface listens; null before start() and without one. */
  adminAddress: SocketAddress | null = null;
  readonly supervisor: Supervisor;
  private readonly options: ServerOptions;
  private readonly drain: Drain;
  private readonly startedAtMs = Date.now();
  private admin: AdminServer | null = null;
  private phase: "PRE_INITIALIZING" | "INITIALIZING" | "LIVE" = "PRE_INITIALIZING";
  private healthFailed = false;
  /** Listeners that accept no more. */
  private readonly stopped = new Set<string>();
  private readonly mainThread = { watchdogMiss: 0, watchdogMegaMiss: 0 };

  constructor(options: ServerOptions) {
    this.options = options;
    const { flags, log } = options;
    this.supervisor = new Supervisor({
      concurrency: options.concurrency,
      spawn: options.spawn,
      slab: (index) => options.stats.newWorkerSlab(index),
      extra: options.workerExtra,
      log: (level, message) => log.log(level, "main", message),
      onMessage: (index, message) => {
        if (message.kind === "log") log.log(message.level, message.logger, message.message);
        else if (message.kind === "stats") options.stats.announce(index, message.announcements);
        else if (message.kind === "host") options.hosts.want(index, message.name, message.isWanted);
      },
      onGone: (index) => {
        options.stats.retireWorker(index);
        options.hosts.forgetWorker(index);
      },
    });
    options.runtime.connect((changes) => this.supervisor.broadcast({ kind: "runtime", changes }));
    this.drain = new Drain({
      target: { drain: (order) => this.drainWorkers(order) },
      signalDrainS: flags.drainOnSigtermS ?? flags.drainTimeS,
      drainTimeS: flags.drainStrategy === "immediate" ? 0 : flags.drainTimeS,
      connections: () => options.stats.connections(),
      exit: (code) => void this.stop().then(() => options.exit(code)),
      log: (level, message) => log.log(level, "main", message),
    });
  }

  /** Settles when every worker listens. Rejects when an address is taken. */
  async start(): Promise<void> {
    const { log, config, stats } = this.options;
    const { serverStats } = stats;
    handleSignals({
      terminate: (signal) => this.drain.onSignal(signal),
      reopenLogs: () => this.reopenLogs(),
      log: (level, message) => log.log(level, "main", message),
    });
    if (nativeStreams === null) log.log("warning", "main", publicStreams);
    this.watchMainThread();
    await this.startAdmin();
    this.phase = "INITIALIZING";
    for (const _ of config.clusters) serverStats.count("cluster_manager.cluster_added");
    for (const listener of config.listeners) {
      this.supervisor.claim(listener);
      serverStats.count("listener_manager.listener_added");
    }
    await this.options.initialize();
    log.log("info", "config", "all dependencies initialized. starting workers");
    await this.supervisor.start(config);
    for (const _ of config.listeners) serverStats.count("listener_manager.listener_create_success");
    serverStats.recordInitialization(performance.now());
    this.phase = "LIVE";
    log.log("info", "main", "starting main dispatch loop");
    // A process that is killed later would leave no compile cache behind; the next start is several times faster with it.
    setImmediate(flushCompileCache);
    releaseStartMemory();
  }

  /** Ends the workers and the admin interface; the process can exit after it. */
  async stop(): Promise<void> {
    const haveEnded = await this.supervisor.stop();
    this.admin?.close();
    if (!haveEnded) {
      this.options.log.log("critical", "main", "a worker does not end; killing the process");
      process.kill(process.pid, "SIGKILL");
    }
    this.options.log.log("info", "main", "exiting");
  }

  /** Brings the main thread's stats up to date. Called before stats are read. */
  refreshStats(): void {
    const { flags, stats } = this.options;
    const waiting = this.options.dynamic.waiting();
    stats.refresh({
      totalConnections: stats.connections().open,
      daysUntilFirstCertExpiring: this.daysUntilFirstExpiry(),
      secondsUntilFirstOcspExpiring: this.secondsUntilFirstOcspExpiry(),
      staticUnknownFields: this.options.staticUnknownFields,
      concurrency: this.options.concurrency,
      isLive: !this.isDraining,
      state: stateNumbers[this.state()],
      uptimeS: Math.floor((Date.now() - this.startedAtMs) / 1000),
      restartEpoch: Number(flags.accepted["restart-epoch"] ?? 0),
      workersStarted: this.phase === "LIVE",
      listenersActive: this.supervisor.listenerSpecs.length,
      // Before the workers start Envoy has them all as active ones.
      listenersWarming: waiting.isServing ? waiting.listeners.length : 0,
      listenersDraining: 0,
      clustersActive: this.supervisor.clusterCount,
      clustersWarming: waiting.clusters.length,
      workers: this.supervisor.counters,
      mainThread: this.mainThread,
    });
  }

  private daysUntilFirstExpiry(): number | null {
    const all = this.options.certificates().flatMap(({ authorities, leaves }) => [...authorities, ...leaves]);
    return all.length === 0 ? null : Math.min(...all.map(({ validTo }) => daysUntil(validTo)));
  }

  private secondsUntilFirstOcspExpiry(): number | null {
    const ends = this.options.certificates().flatMap(({ leaves }) => leaves.flatMap(({ ocsp }) => ocsp?.validTo ?? []));
    const first = Math.min(...ends.map((end) => end.getTime()));
    return ends.length === 0 ? null : Math.max(0, Math.floor((first - Date.now()) / 1000));
  }

  private drainWorkers(order: DrainOrder): Promise<void> {
    if (order.stopListeners) {
      for (const { name, trafficDirection } of this.supervisor.listenerSpecs) {
        if ((order.inboundOnly && trafficDirection !== "INBOUND") || this.stopped.has(name)) continue;
        this.stopped.add(name);
        this.options.stats.serverStats.count("listener_manager.listener_stopped");
      }
    }
    return this.supervisor.drain(order);
  }

  private get isDraining(): boolean {
    return this.healthFailed || this.drain.isShuttingDown;
  }

  private state(): ServerState {
    return this.isDraining ? "DRAINING" : this.phase;
  }

  private async startAdmin(): Promise<void> {
    const { admin, flags, log } = this.options;
    if (admin === null) {
      log.log("warning", "main", "No admin address given, so no admin HTTP server started.");
      return;
    }
    const { AdminServer } = await import("./admin/server.ts");
    this.admin = new AdminServer(this.adminState(admin.profilePath), this.options.stats.newAdmin());
    try {
      this.adminAddress = await this.admin.listen(admin.address);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      throw new Error(`cannot bind '${addressText(admin.address)}': ${errnoText(code)}`);
    }
    log.log("info", "main", `admin address: ${addressText(this.adminAddress)}`);
    if (flags.adminAddressPath === "") return;
    try {
      // func-e and others read host:port from it, without a line break.
      writeFileSync(flags.adminAddressPath, addressText(this.adminAddress));
    } catch {
      const fault = `cannot open admin address output file ${flags.adminAddressPath} for writing.`;
      log.log("critical", "main", fault);
    }
  }

  private adminState(profilePath: string): AdminState {
    const { options, supervisor } = this;
    return {
      flags: options.flags,
      concurrency: options.concurrency,
      startedAtMs: this.startedAtMs,
      serverState: () => this.state(),
      node: options.node,
      configDump: options.snapshot,
      ...options.dynamic,
      explainWorld: () => options.explainWorld(supervisor.config),
      certificates: options.certificates,
      listeners: () =>
        supervisor.listenerSpecs.map(({ name, addresses }) => ({
          name,
          addresses: addresses.map(({ address }) => address),
        })),
      clusters: options.clusters,
      stats: {
        render: (query) => {
          this.refreshStats();
          return options.stats.render(query);
        },
        resetCounters: () => options.stats.resetCounters(),
      },
      runtime: options.runtime,
      logLevels: {
        list: () => options.log.list(),
        setAll: (level) => options.log.setAll(level),
        set: (levels) => options.log.set(levels),
      },
      setHealthFailed: (failed) => {
        this.healthFailed = failed;
        supervisor.setHealthFailed(failed);
      },
      drainListeners: (graceful, skipExit, inboundOnly) => this.drain.drainListeners(graceful, skipExit, inboundOnly),
      reopenLogs: () => this.reopenLogs(),
      quit: () => this.drain.quit(),
      profilePath,
      profileWorkers: (what, action, prefix) => {
        for (let index = 0; index < supervisor.concurrency; index++) {
          const path = `${prefix}.worker_${index}.${what}profile`;
          supervisor.send(index, { kind: "profile", what, action, path });
        }
      },
      workerHeapSnapshot: (index) => {
        const worker: ReturnType<ServerOptions["spawn"]> | null = supervisor.worker(index);
        return worker?.getHeapSnapshot?.() ?? null;
      },
    };
  }

  private reopenLogs(): void {
    this.options.log.reopen();
    this.supervisor.broadcast({ kind: "reopenLogs" });
  }

  /** A timer that comes late says how long the main thread was stuck; Envoy's limits are 200 ms and 1 s. */
  private watchMainThread(): void {
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      const lateMs = now - last - watchdogPeriodMs;
      last = now;
      if (lateMs > 200) this.mainThread.watchdogMiss++;
      if (lateMs > 1000) this.mainThread.watchdogMegaMiss++;
    }, watchdogPeriodMs).unref();
  }
}

const stateNumbers = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const;
const watchdogPeriodMs = 100;
const publicStreams = `Node ${process.version} does not give its inner streams: each connection costs more, and no listener can have TLS. Node 26 does, without its flag --permission`;
