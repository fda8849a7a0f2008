import type { DrainOrder } from "./messages.ts";

/** What draining acts on. */
interface DrainTarget {
  /** Settles when no connection is left. */
  drain(order: DrainOrder): Promise<void>;
}

/** How a shutdown behaves. */
export interface DrainOptions {
  target: DrainTarget;
  /** Most seconds a signal may drain for; 0 exits at once, as Envoy does on SIGTERM. */
  signalDrainS: number;
  /** --drain-time-s: how long POST /drain_listeners?graceful goes on accepting. */
  drainTimeS: number;
  /** Flushes, ends the workers and exits. Called once. */
  exit: (code: number) => void;
  log: (level: "info" | "warning", message: string) => void;
}

/**
 * The end of the process, and draining without an end.
 *
 *     serving --signal--> draining --no connection left, or time over--> exit(0)
 *        |                   \--second signal--> exit(0) at once
 *        \--quitquitquit--> exit(0)
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
    const timer = setTimeout(() => {
      this.options.log("warning", `drain time of ${seconds} s is over; closing what is left`);
      this.quit();
    }, seconds * 1000);
    void this.options.target.drain({ stopListeners: true, inboundOnly: false }).then(() => {
      clearTimeout(timer);
      this.quit();
    });
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
