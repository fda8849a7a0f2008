import type { StatsSlab } from "../observability/stats.ts";
import type { WorkerCounters } from "./supervisor.ts";
import { versionGauge } from "./version.ts";

/** What the process knows of itself at this moment. */
export interface ServerFacts {
  concurrency: number;
  isLive: boolean;
  /** Envoy's numbers: 0 live, 1 draining, 2 pre-initializing, 3 initializing. */
  state: 0 | 1 | 2 | 3;
  uptimeS: number;
  restartEpoch: number;
  /** Downstream connections of all workers. */
  totalConnections: number;
  workersStarted: boolean;
  listenersActive: number;
  listenersWarming: number;
  listenersDraining: number;
  clustersActive: number;
  clustersWarming: number;
  /** Whole days; null without a certificate. */
  daysUntilFirstCertExpiring: number | null;
  /** Of an OCSP response; null without one. */
  secondsUntilFirstOcspExpiring: number | null;
  staticUnknownFields: number;
  workers: readonly WorkerCounters[];
  mainThread: { watchdogMiss: number; watchdogMegaMiss: number };
}

/** Counters of the managers, counted where things happen. */
export type ManagerCounter = (typeof managerCounters)[number];

/**
 * The server.*, listener_manager.* and cluster_manager.* stats. They live on the main thread's own slab and are brought up
 * to date by refresh() when somebody reads stats, so nothing ticks for them.
 */
export class ServerStats {
  private readonly slab: StatsSlab;
  private readonly initializationTime: number;

  constructor(slab: StatsSlab, concurrency: number) {
    this.slab = slab;
    for (const name of [...managerCounters, ...idleCounters]) slab.counter(name);
    for (const name of idleGauges) slab.gauge(name);
    // Envoy has these three among the used ones from the start.
    for (const name of alwaysUsed) slab.values[slab.counter(name)] += 0;
    for (const scope of watchdogScopes(concurrency)) {
      slab.counter(`${scope}.watchdog_miss`);
      slab.counter(`${scope}.watchdog_mega_miss`);
    }
    slab.counter("server.worker_crashes");
    this.initializationTime = slab.histogram("server.initialization_time_ms");
  }

  /** Called once, when the workers listen. */
  recordInitialization(ms: number): void {
    this.slab.record(this.initializationTime, ms);
  }

  count(counter: ManagerCounter): void {
    this.slab.values[this.slab.counter(counter)]++;
  }

  /** Writes what is true now into the slab. */
  refresh(facts: ServerFacts): void {
    const memory = process.memoryUsage();
    this.gauge("server.concurrency", facts.concurrency);
    this.gauge("server.live", facts.isLive ? 1 : 0);
    this.gauge("server.state", facts.state);
    this.gauge("server.uptime", facts.uptimeS);
    this.gauge("server.version", versionGauge());
    this.gauge("server.hot_restart_epoch", facts.restartEpoch);
    this.gauge("server.hot_restart_generation", facts.restartEpoch + 1);
    this.gauge("server.parent_connections", 0);
    this.gauge("server.total_connections", facts.totalConnections);
    this.gauge("server.memory_allocated", memory.heapUsed + memory.external);
    this.gauge("server.memory_heap_size", memory.heapTotal + memory.external);
    this.gauge("server.memory_physical_size", memory.rss);
    this.gauge("server.days_until_first_cert_expiring", facts.daysUntilFirstCertExpiring ?? 0xffff_ffff);
    if (facts.secondsUntilFirstOcspExpiring !== null)
      this.gauge("server.seconds_until_first_ocsp_response_expiring", facts.secondsUntilFirstOcspExpiring);
    this.gauge("server.stats_recent_lookups", 0);
    this.gauge("server.compilation_settings.fips_mode", 0);
    this.gauge("listener_manager.workers_started", facts.workersStarted ? 1 : 0);
    this.gauge("listener_manager.total_listeners_active", facts.listenersActive);
    this.gauge("listener_manager.total_listeners_warming", facts.listenersWarming);
    if (facts.listenersDraining > 0 || this.wasWritten("listener_manager.total_listeners_draining")) {
      this.gauge("listener_manager.total_listeners_draining", facts.listenersDraining);
    }
    this.gauge("cluster_manager.active_clusters", facts.clustersActive);
    this.gauge("cluster_manager.warming_clusters", facts.clustersWarming);
    this.counter("server.static_unknown_fields", facts.staticUnknownFields);
    this.refreshWatchdogs(facts);
  }

  private refreshWatchdogs(facts: ServerFacts): void {
    let miss = 0;
    let megaMiss = 0;
    let crashes = 0;
    for (const [index, worker] of facts.workers.entries()) {
      this.watchdog(`server.worker_${index}`, worker.watchdogMiss, worker.watchdogMegaMiss);
      miss += worker.watchdogMiss;
      megaMiss += worker.watchdogMegaMiss;
      crashes += worker.crashes;
    }
    this.watchdog("workers", miss, megaMiss);
    for (const scope of ["server.main_thread", "main_thread"]) {
      this.watchdog(scope, facts.mainThread.watchdogMiss, facts.mainThread.watchdogMegaMiss);
    }
    this.counter("server.worker_crashes", crashes);
  }

  private watchdog(scope: string, miss: number, megaMiss: number): void {
    this.counter(`${scope}.watchdog_miss`, miss);
    this.counter(`${scope}.watchdog_mega_miss`, megaMiss);
  }

  private gauge(name: string, value: number): void {
    this.slab.values[this.slab.gauge(name)] = value;
  }

  /** A counter that never counted stays unwritten, so `usedonly` leaves it out. */
  private counter(name: string, value: number): void {
    const slot = this.slab.counter(name);
    if (value > 0) this.slab.values[slot] = value;
  }

  private wasWritten(name: string): boolean {
    return !Object.is(this.slab.values[this.slab.gauge(name)], -0);
  }
}

/** Envoy has a scope for each thread, one for all workers, and the main thread's twice. */
function watchdogScopes(concurrency: number): string[] {
  const scopes = ["main_thread", "workers", "server.main_thread"];
  for (let index = 0; index < concurrency; index++) scopes.push(`server.worker_${index}`);
  return scopes;
}

const managerCounters = [
  "listener_manager.listener_added",
  "listener_manager.listener_create_failure",
  "listener_manager.listener_create_success",
  "listener_manager.listener_in_place_updated",
  "listener_manager.listener_modified",
  "listener_manager.listener_removed",
  "listener_manager.listener_stopped",
  "cluster_manager.cluster_added",
  "cluster_manager.cluster_modified",
  "cluster_manager.cluster_removed",
  "cluster_manager.cluster_updated",
  "cluster_manager.cluster_updated_via_merge",
  "cluster_manager.update_merge_cancelled",
  "cluster_manager.update_out_of_merge_window",
  "server.dynamic_unknown_fields",
] as const;

/** Shown at zero, as Envoy shows them: what they count cannot happen here. */
const idleCounters = [
  "server.debug_assertion_failures",
  "server.dropped_stat_flushes",
  "server.envoy_bug_failures",
  "server.envoy_notifications",
  "server.static_unknown_fields",
  "server.wip_protos",
];

const idleGauges = [
  "server.seconds_until_first_ocsp_response_expiring",
  "listener_manager.total_filter_chains_draining",
  "listener_manager.total_listeners_draining",
  "listener_manager.workers_pinned",
];

const alwaysUsed = ["server.static_unknown_fields", "server.dynamic_unknown_fields", "server.wip_protos"];
