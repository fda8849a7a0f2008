import { createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { serveWorker } from "./worker-loop.ts";

/**
 * A worker for tests: its runtime greets each connection with its index, and a line "crash", "hang", "stuck" or "exit" on it does
 * what it says.
 */
if (parentPort !== null) {
  serveWorker(parentPort, workerData, (init, slab, report) => {
    let active = 0;
    const activeGauge = slab.gauge("listener.main.downstream_cx_active");
    const servers = new Map<string, ReturnType<typeof createServer>>();
    return {
      *apply(update) {
        for (const listener of update.listeners) {
          const server = createServer((socket) => {
            active++;
            slab.values[activeGauge]++;
            socket.write(`worker ${init.index}\n`);
            socket.on("close", () => {
              active--;
              slab.values[activeGauge]--;
            });
            socket.on("error", () => {});
            socket.on("data", (bytes) => act(bytes.toString().trim()));
          });
          servers.set(listener.name, server);
          const [{ address }] = listener.addresses;
          const { host, port } = address;
          server.on("error", (error: NodeJS.ErrnoException) => {
            report({
              kind: "listenFailed",
              listener: listener.name,
              address,
              code: error.code ?? "",
              message: error.message,
            });
          });
          server.listen({ host, port, reusePort: true }, () => {
            report({ kind: "listening", listener: listener.name });
          });
        }
      },
      startDraining(order) {
        if (order.stopListeners) for (const server of servers.values()) server.close();
      },
      applyHosts() {},
      applyTls() {},
      onHostsCame() {},
      setHealthFailed() {},
      updateRuntime() {},
      reopenLogs() {},
      syncStats() {},
      async close() {},
      get activeConnections() {
        return active;
      },
    };
  });
}

function act(order: string): void {
  if (order === "crash") throw new Error("crashed as asked");
  if (order === "exit") process.exit(7);
  if (order === "stuck") for (;;);
  if (order === "hang") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
}
