/** What the signals of Envoy's contract do. */
export interface SignalActions {
  terminate: (signal: "SIGTERM" | "SIGINT") => void;
  reopenLogs: () => void;
  log: (level: "info" | "warning", message: string) => void;
}

/** Handles SIGTERM, SIGINT, SIGUSR1 and SIGHUP for the rest of the process's life. */
export function handleSignals(actions: SignalActions): void {
  process.on("SIGTERM", () => actions.terminate("SIGTERM"));
  process.on("SIGINT", () => actions.terminate("SIGINT"));
  // Node opens its debugger on SIGUSR1 unless somebody listens; with this listener the signal is Envoy's.
  process.on("SIGUSR1", () => {
    actions.log("info", "caught SIGUSR1. Reopening access logs.");
    actions.reopenLogs();
  });
  process.on("SIGHUP", () => {
    actions.log("warning", "caught and eating SIGHUP. See documentation for how to hot restart.");
  });
}
