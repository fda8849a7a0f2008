import { flushCompileCache } from "node:module";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { StatsSlab } from "../observability/stats.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import { finish, type Slices } from "../router/slices.ts";
import type { HostUpdate } from "../upstream/spec.ts";
import type { ConfigUpdate, DrainOrder, FromWorker, ToWorker, WorkerInit } from "./messages.ts";
import { wrappedNowMs } from "./messages.ts";
import { SlicedOrders } from "./sliced-orders.ts";

/** What serves traffic in a worker, as its thread drives it. */
interface WorkerRuntime {
  /** Swaps the configuration. Listeners report themselves through `report`. */
  apply(update: ConfigUpdate, nextPart: (() => unknown) | null): Slices<void>;
  applyHosts(update: HostUpdate): void;
  applyTls(update: TlsContextSpec<unknown>): void;
  onHostsCame(names: readonly string[]): void;
  startDraining(order: DrainOrder): void;
  setHealthFailed(failed: boolean): void;
  reopenLogs(): void;
  /** Called in front of each look at the stats. */
  syncStats(): void;
  updateRuntime(changes: Record<string, RuntimeEntry | null>): void;
  /** Flushes what is buffered; the thread ends after it. */
  close(): Promise<void>;
  /** Downstream connections open now. */
  readonly activeConnections: number;
}

/** Makes a runtime that counts in `slab`. `report` carries listening, listenFailed and log to the main thread. */
export type RuntimeFactory = (
  init: WorkerInit,
  slab: StatsSlab,
  report: (message: FromWorker) => void,
) => WorkerRuntime;

/**
 * The life of a worker thread: heartbeat, first configuration, orders from the main thread. An exception that nobody
 * catches ends the thread, and the supervisor starts another.
 */
export function serveWorker(port: MessagePort, init: WorkerInit, createRuntime: RuntimeFactory): void {
  const beats = new Int32Array(init.heartbeat);
  const report = (message: FromWorker) => port.postMessage(message);
  const slab = new StatsSlab(init.slab);
  const announceStats = () => {
    runtime?.syncStats();
    const announcements = slab.takeAnnouncements();
    if (announcements.length > 0) report({ kind: "stats", announcements });
  };
  const beat = () => {
    Atomics.store(beats, init.index, wrappedNowMs());
    announceStats();
  };
  let runtime: WorkerRuntime | null = null;
  beat();
  setInterval(beat, heartbeatMs);

  const waitingFor = new Set(init.config.listeners.map((listener) => listener.name));
  let ready = false;
  const settled = (name: string) => {
    waitingFor.delete(name);
    if (ready || waitingFor.size > 0) return;
    ready = true;
    announceStats();
    report({ kind: "ready" });
    setImmediate(flushCompileCache);
  };
  runtime = createRuntime(init, slab, (message) => {
    report(message);
    if (message.kind === "listening" || message.kind === "listenFailed") settled(message.listener);
  });
  finish(runtime.apply(init.config, null));
  settled("");

  let drainWatch: NodeJS.Timeout | null = null;
  const watchDrain = () => {
    if (runtime.activeConnections > 0 || drainWatch === null) return;
    clearInterval(drainWatch);
    drainWatch = null;
    report({ kind: "drained" });
  };
  const orders = new SlicedOrders<ToWorker>((message) => {
    switch (message.kind) {
      case "config": {
        const { update, parts } = message;
        return runtime.apply(update, parts === null ? null : () => nextPart(parts));
      }
      case "hosts":
        runtime.applyHosts(message.update);
        return undefined;
      case "tls":
        runtime.applyTls(message.update);
        return undefined;
      case "hostsCame":
        runtime.onHostsCame(message.names);
        return undefined;
      case "drain":
        runtime.startDraining(message.order);
        // Not before the next turn: what waits in the accept queue is still to come.
        if (message.order.stopListeners) drainWatch ??= setInterval(watchDrain, drainPollMs);
        return undefined;
      case "healthFailed":
        runtime.setHealthFailed(message.failed);
        return undefined;
      case "reopenLogs":
        runtime.reopenLogs();
        return undefined;
      case "runtime":
        runtime.updateRuntime(message.changes);
        return undefined;
      case "profile":
        import("./profile.ts")
          .then((profile) => profile.run(message.what, message.action, message.path))
          .catch((error: unknown) => report({ kind: "log", level: "error", logger: "admin", message: String(error) }));
        return undefined;
      case "stop":
        void runtime.close().finally(() => process.exit(0));
        return undefined;
    }
  });
  port.on("message", (message: ToWorker) => orders.push(message));
}

/** Undefined behind the last one; a port that is left open stays for ever. */
function nextPart(parts: MessagePort): unknown {
  const part = receiveMessageOnPort(parts);
  if (part === undefined) parts.close();
  return part?.message;
}

const heartbeatMs = 50;
const drainPollMs = 20;
