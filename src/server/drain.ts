import { setTimeout as sleep } from "node:timers/promises";
import type { DrainOrder } from "./messages.ts";

/** What draining acts on. */
interface DrainTarget {
  /** With stopListeners it settles when no connection is left, else at once. */
  drain(order: DrainOrder): Promise<void>;
}

/** Downstream connections of the process. */
export interface ConnectionCounts {
  open: number;
  /** Since the start. */
  total: number;
}

/** How a shutdown behaves. */
export interface DrainOptions {
  target: DrainTarget;
  /** Most seconds a signal may drain for; 0 exits at once, as Envoy does on SIGTERM. */
  signalDrainS: number;
  /** --drain-time-s: how long POST /drain_listeners?graceful goes on accepting. */
  drainTimeS: number;
  connections: () => ConnectionCounts;
  /** Flushes, ends the workers and exits. Called once. */
  exit: (code: number) => void;
  log: (level: "info" | "warning", message: string) => void;
}

/**
 * The end of the process, and draining without an end.
 *
 *     serving --signal--> draining, accepting --quiet, or lame duck over--> not accepting --no connection left--> exit(0)
 *        |                   \--second signal, or time over--> exit(0) at once
 *        \--quitquitquit--> exit(0)
 *
 * Made for a pod behind a load balancer, which learns from /ready (503 at once) or from the endpoints of the service that it
 * should send no more, and goes on sending for seconds. So connections are taken meanwhile, until none came and none was open for
 * half a second, but no longer than the lame duck: 10 s, or half the drain time, for what is taken last must end in time too. A
 * socket is closed after what waited in its accept queue was taken; only a handshake of that very moment can be reset.
 *
 * Responses say `Connection: close`, and a request that crosses one is answered still. A connection idle for a second is
 * closed by FIN: a client that sends at that moment reads the end in place of a response, knows that its request was not
 * looked at, and may send it again (RFC 9112 section 9.3.1).
 */
export class Drain {
  private readonly options: DrainOptions;
  private phase: "serving" | "draining" | "exiting" = "serving";
  private stopTimer: NodeJS.Timeout | null = null;

  constructor(options: DrainOptions) {
    this.options = options;
  }

  /** Whether the process is on its way out: /ready answers 503 DRAINING. */
  get isShuttingDown(): boolean {
    return this.phase !== "serving";
  }

  /** SIGTERM and SIGINT. */
  onSignal(signal: string): void {
    this.options.log("warning", `caught ENVOY_${signal}`);
    if (this.phase !== "serving" || this.options.signalDrainS === 0) {
      this.quit();
      return;
    }
    this.phase = "draining";
    const seconds = this.options.signalDrainS;
    this.options.log("info", `draining for at most ${seconds} s; a second signal exits at once`);
    setTimeout(() => {
      if (this.phase === "draining")
        this.options.log("warning", `drain time of ${seconds} s is over; closing what is left`);
      this.quit();
    }, seconds * 1000).unref();
    void this.drainToExit();
  }

  private async drainToExit(): Promise<void> {
    const { target } = this.options;
    void target.drain({ stopListeners: false, inboundOnly: false });
    await this.quiet();
    await target.drain({ stopListeners: true, inboundOnly: false });
    this.quit();
  }

  /** Settles when no connection came or was open for a while, and in any case when the lame duck is over. */
  private async quiet(): Promise<void> {
    const { connections, signalDrainS } = this.options;
    let last = connections().total;
    let quietMs = 0;
    const longestMs = Math.min(lameDuckMs, signalDrainS * 500);
    for (let passed = 0; passed < longestMs && quietMs < quietEnoughMs; passed += pollMs) {
      await sleep(pollMs);
      const { open, total } = connections();
      quietMs = open === 0 && total === last ? quietMs + pollMs : 0;
      last = total;
    }
  }

  /** POST /quitquitquit: no drain, as Envoy. */
  quit(): void {
    if (this.phase === "exiting") return;
    this.phase = "exiting";
    this.options.log("info", "shutting down server instance");
    this.options.exit(0);
  }

  /** POST /drain_listeners. The process goes on. */
  drainListeners(graceful: boolean, skipExit: boolean, inboundOnly: boolean): void {
    if (this.phase !== "serving") return;
    const { target, drainTimeS } = this.options;
    if (!graceful && !skipExit) {
      void target.drain({ stopListeners: true, inboundOnly });
      return;
    }
    void target.drain({ stopListeners: false, inboundOnly });
    if (skipExit || this.stopTimer !== null) return;
    this.stopTimer = setTimeout(() => void target.drain({ stopListeners: true, inboundOnly }), drainTimeS * 1000);
    this.stopTimer.unref();
  }
}

const lameDuckMs = 10_000;
const quietEnoughMs = 500;
const pollMs = 50;
