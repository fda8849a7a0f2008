import type { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { addressText, type SocketAddress } from "../net/address.ts";
import { errnoText } from "../net/errno.ts";
import type { HostUpdate } from "../upstream/spec.ts";
import { AddressBook, type BindFault } from "./address-book.ts";
import type { ConfigUpdate, FromWorker, NamedListener, NamedSpec, ToWorker, WorkerInit } from "./messages.ts";
import { noChange, wrappedNowMs } from "./messages.ts";

/** A worker thread, as far as the supervisor needs it: node:worker_threads' Worker, or a stand-in in tests. */
export interface WorkerHandle extends Pick<EventEmitter, "on"> {
  postMessage(message: ToWorker, transfer?: readonly MessagePort[]): void;
  terminate(): Promise<unknown>;
}

export interface SupervisorOptions {
  concurrency: number;
  spawn: (init: WorkerInit) => WorkerHandle;
  /** Memory for the stats of a worker that is about to start, or start again. */
  slab: (index: number) => SharedArrayBuffer;
  /** Whatever else the runtime of a worker needs. */
  extra: (index: number) => Record<string, unknown>;
  log: (level: "info" | "warning" | "error", message: string) => void;
  /** Messages of workers that are not about their life: stats announcements, log lines. */
  onMessage: (index: number, message: FromWorker) => void;
  /** A worker is gone: its stats slab can be folded into the retired sums. */
  onGone: (index: number) => void;
}

/** Counters the supervisor keeps, read by the stats of the main thread. */
export interface WorkerCounters {
  watchdogMiss: number;
  watchdogMegaMiss: number;
  crashes: number;
}

/**
 * Keeps `concurrency` workers alive and on the same configuration.
 *
 *     starting --ready--> serving --exit--> backing off --timer--> starting
 *                            \--stop ordered, exit--> gone
 *
 * A worker that dies is replaced at once; one that dies again soon after waits 0.1 s, 0.2 s, ... up to 10 s.
 */
export class Supervisor {
  readonly counters: WorkerCounters[];
  private readonly options: SupervisorOptions;
  private readonly workers: WorkerSlot[];
  private readonly heartbeat: SharedArrayBuffer;
  private readonly beats: Int32Array;
  private readonly listeners = new Map<string, NamedListener>();
  private readonly clusters = new Map<string, NamedSpec>();
  private readonly routes = new Map<string, NamedSpec>();
  private readonly scopes = new Map<string, NamedSpec>();
  private readonly filterConfigs = new Map<string, NamedSpec>();
  private readonly hosts = new Map<string, HostUpdate>();
  private readonly addresses = new AddressBook();
  private readonly failures: string[] = [];
  private watchdog: NodeJS.Timeout | null = null;
  private isStopping = false;
  private lastDrain: ToWorker | null = null;
  private healthFailed = false;
  private onDrained: (() => void) | null = null;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.heartbeat = new SharedArrayBuffer(4 * options.concurrency);
    this.beats = new Int32Array(this.heartbeat);
    this.counters = [];
    this.workers = [];
    for (let index = 0; index < options.concurrency; index++) {
      this.counters.push({ watchdogMiss: 0, watchdogMegaMiss: 0, crashes: 0 });
      this.workers.push(new WorkerSlot(index));
    }
  }

  /** Starts all workers; settles when each has bound its listeners. Rejects when an address cannot be bound or a worker dies again and again. */
  async start(config: ConfigUpdate): Promise<void> {
    for (const listener of config.listeners) this.claim(listener);
    this.keep(config);
    this.watchdog = setInterval(() => this.checkHeartbeats(), watchdogPeriodMs);
    this.watchdog.unref();
    for (const slot of this.workers) this.launch(slot);
    await Promise.all(this.workers.map((slot) => slot.started.promise));
    if (this.failures.length > 0) throw new Error(this.failures[0]);
  }

  /** Has the listener's addresses for it, and for those it had before, until the next update of it; null where all can be had. */
  reserve(listener: NamedListener): BindFault | null {
    return this.addresses.reserve(listener);
  }

  /** The same for one that must be there: throws Envoy's sentence, which operators grep for. */
  claim(listener: NamedListener): void {
    const fault = this.reserve(listener);
    if (fault !== null) throw new Error(bindFaultText(listener.name, fault.address, errnoText(fault.code)));
  }

  /** Sends a change to every worker and keeps it for those to come. */
  update(update: ConfigUpdate): void {
    this.keep(update);
    const listeners = update.listeners.map((listener) => this.addresses.resolve(listener));
    this.broadcast({ kind: "config", update: { ...update, listeners }, parts: null });
  }

  /** The same for routes that workers take a part at a time; `head` is what `parts` are of. */
  updateRoutes(routes: NamedSpec, { head, parts }: { head: NamedSpec; parts: readonly unknown[] }): void {
    this.keep({ ...noChange, routes: [routes] });
    for (const { worker } of this.workers) {
      if (worker === null) continue;
      const { port1, port2 } = new MessageChannel();
      for (const part of parts) port1.postMessage(part);
      worker.postMessage({ kind: "config", update: { ...noChange, routes: [head] }, parts: port2 }, [port2]);
    }
  }

  /** Sends new endpoints to every worker and keeps them for those to come. */
  updateHosts(update: HostUpdate): void {
    this.hosts.set(update.cluster, update);
    this.broadcast({ kind: "hosts", update });
  }

  /** Has every worker drain. With stopListeners it settles when none has a connection left, else at once. Never rejects. */
  drain(order: { stopListeners: boolean; inboundOnly: boolean }): Promise<void> {
    this.lastDrain = { kind: "drain", order };
    if (!order.stopListeners) {
      this.broadcast(this.lastDrain);
      return Promise.resolve();
    }
    for (const slot of this.workers) slot.isDrained = slot.worker === null;
    this.broadcast(this.lastDrain);
    return new Promise((resolve) => {
      this.onDrained = resolve;
      this.checkDrained();
    });
  }

  setHealthFailed(failed: boolean): void {
    this.healthFailed = failed;
    this.broadcast({ kind: "healthFailed", failed });
  }

  broadcast(message: ToWorker): void {
    for (const slot of this.workers) slot.worker?.postMessage(message);
  }

  /** Sends to one worker; for orders that carry a path of their own. */
  send(index: number, message: ToWorker): void {
    this.workers[index]?.worker?.postMessage(message);
  }

  /** Ends every worker: asks, waits `graceMs`, then terminates. False when one is stuck outside of JavaScript: process.exit would wait for it. */
  async stop(graceMs = 500): Promise<boolean> {
    this.isStopping = true;
    if (this.watchdog !== null) clearInterval(this.watchdog);
    const ended = await Promise.all(
      this.workers.map(async (slot) => {
        if (slot.timer !== null) clearTimeout(slot.timer);
        const worker = slot.worker;
        if (worker === null) return true;
        const gone = new Promise<true>((resolve) => worker.on("exit", () => resolve(true)));
        worker.postMessage({ kind: "stop" });
        if (await Promise.race([gone, sleep(graceMs, false)])) return true;
        void worker.terminate();
        return Promise.race([gone, sleep(terminateMs, false)]);
      }),
    );
    return !ended.includes(false);
  }

  /** Those of the config of now, where they listen. */
  get listenerSpecs(): NamedListener[] {
    return [...this.listeners.values()].map((listener) => this.addresses.resolve(listener));
  }

  /** All of it, as a worker that starts gets it. */
  get config(): ConfigUpdate {
    return {
      listeners: this.listenerSpecs,
      clusters: [...this.clusters.values()],
      routes: [...this.routes.values()],
      scopes: [...this.scopes.values()],
      filterConfigs: [...this.filterConfigs.values()],
      removedListeners: [],
      removedClusters: [],
    };
  }

  get clusterCount(): number {
    return this.clusters.size;
  }

  get concurrency(): number {
    return this.options.concurrency;
  }

  /** Workers that have bound their listeners. */
  get readyCount(): number {
    return this.workers.filter((slot) => slot.isReady).length;
  }

  /** The worker thread itself, for a heap snapshot; null while it is being replaced. */
  worker(index: number): WorkerHandle | null {
    return this.workers[index]?.worker ?? null;
  }

  private launch(slot: WorkerSlot): void {
    slot.startedAtMs = wrappedNowMs();
    slot.isReady = false;
    slot.isMissed = false;
    slot.isMegaMissed = false;
    slot.cause = "";
    Atomics.store(this.beats, slot.index, 0);
    const { spawn, slab, extra } = this.options;
    const worker = spawn({
      index: slot.index,
      heartbeat: this.heartbeat,
      config: this.config,
      slab: slab(slot.index),
      extra: extra(slot.index),
    });
    slot.worker = worker;
    for (const update of this.hosts.values()) worker.postMessage({ kind: "hosts", update });
    if (this.healthFailed) worker.postMessage({ kind: "healthFailed", failed: true });
    if (this.lastDrain !== null) worker.postMessage(this.lastDrain);
    worker.on("message", (message: FromWorker) => this.receive(slot, message));
    worker.on("error", (error: unknown) => {
      slot.cause = causeText(error);
    });
    worker.on("exit", (code: number) => this.gone(slot, code));
  }

  private receive(slot: WorkerSlot, message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        slot.isReady = true;
        slot.hasServed = true;
        slot.started.resolve();
        return;
      case "listening":
        return;
      case "listenFailed":
        this.failures.push(
          bindFaultText(
            message.listener,
            message.address,
            message.code === "" ? message.message : errnoText(message.code),
          ),
        );
        // start() rejects with the first one.
        if (slot.hasServed) this.options.log("error", this.failures[this.failures.length - 1]);
        return;
      case "drained":
        slot.isDrained = true;
        this.checkDrained();
        return;
      case "host":
      case "stats":
      case "log":
        this.options.onMessage(slot.index, message);
        return;
    }
  }

  private gone(slot: WorkerSlot, code: number): void {
    const wasReady = slot.isReady;
    slot.worker = null;
    slot.isReady = false;
    slot.isDrained = true;
    this.options.onGone(slot.index);
    this.checkDrained();
    if (this.isStopping) return;
    this.counters[slot.index].crashes++;
    const livedMs = (wrappedNowMs() - slot.startedAtMs) | 0;
    slot.crashesInRow = wasReady && livedMs > stableAfterMs ? 1 : slot.crashesInRow + 1;
    const delayMs = slot.crashesInRow === 1 ? 0 : Math.min(maxBackoffMs, 50 * 2 ** (slot.crashesInRow - 1));
    const cause = slot.cause === "" ? `exit code ${code}` : slot.cause;
    if (!slot.hasServed && slot.crashesInRow >= maxStartTries) {
      slot.started.reject(new Error(`worker ${slot.index} cannot start: ${cause}`));
      return;
    }
    const next = delayMs === 0 ? "replacing it" : `replacing it in ${delayMs} ms`;
    this.options.log("error", `worker ${slot.index} died after ${livedMs} ms (${cause}); ${next}`);
    slot.timer = setTimeout(() => {
      slot.timer = null;
      this.launch(slot);
    }, delayMs);
  }

  private checkDrained(): void {
    if (this.onDrained === null || !this.workers.every((slot) => slot.isDrained)) return;
    const resolve = this.onDrained;
    this.onDrained = null;
    resolve();
  }

  /** Envoy's watchdog: a miss after 200 ms without a sign, a mega miss after 1 s; each once per silence. */
  private checkHeartbeats(): void {
    const now = wrappedNowMs();
    for (const slot of this.workers) {
      const last = Atomics.load(this.beats, slot.index);
      if (slot.worker === null || !slot.isReady || last === 0) continue;
      const silentMs = (now - last) | 0;
      if (silentMs <= missMs) {
        slot.isMissed = false;
        slot.isMegaMissed = false;
        continue;
      }
      if (silentMs > hungMs && !slot.isDrained) {
        // It will not say that it is drained; what it holds is lost.
        slot.isDrained = true;
        this.checkDrained();
      }
      if (!slot.isMissed) this.counters[slot.index].watchdogMiss++;
      slot.isMissed = true;
      if (silentMs <= megaMissMs || slot.isMegaMissed) continue;
      slot.isMegaMissed = true;
      this.counters[slot.index].watchdogMegaMiss++;
      this.options.log("warning", `worker ${slot.index} has not answered for ${silentMs} ms`);
    }
  }

  private keep(update: ConfigUpdate): void {
    for (const listener of update.listeners) {
      this.addresses.settle(listener);
      this.listeners.set(listener.name, listener);
    }
    for (const cluster of update.clusters) this.clusters.set(cluster.name, cluster);
    for (const routes of update.routes) this.routes.set(routes.name, routes);
    for (const set of update.scopes) this.scopes.set(set.name, set);
    for (const config of update.filterConfigs) this.filterConfigs.set(config.name, config);
    for (const name of update.removedListeners) {
      this.listeners.delete(name);
      this.addresses.remove(name);
    }
    for (const name of update.removedClusters) {
      this.clusters.delete(name);
      this.hosts.delete(name);
    }
  }
}

class WorkerSlot {
  readonly index: number;
  worker: WorkerHandle | null = null;
  isReady = false;
  /** It was ready once. */
  hasServed = false;
  /** Settles when it is ready for the first time, rejects when it cannot start. */
  readonly started: PromiseWithResolvers<void> = Promise.withResolvers();
  isDrained = false;
  isMissed = false;
  isMegaMissed = false;
  startedAtMs = 0;
  crashesInRow = 0;
  cause = "";
  timer: NodeJS.Timeout | null = null;

  constructor(index: number) {
    this.index = index;
  }
}

function bindFaultText(listener: string, address: SocketAddress, why: string): string {
  return `error adding listener named '${listener}': cannot bind '${addressText(address)}': ${why}`;
}

function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string"
    ? `${error.code}: ${error.message}`
    : (error.stack ?? error.message);
}

const watchdogPeriodMs = 100;
const missMs = 200;
const megaMissMs = 1000;
const hungMs = 3000;
const terminateMs = 2000;
const maxStartTries = 3;
const stableAfterMs = 5000;
const maxBackoffMs = 10_000;
