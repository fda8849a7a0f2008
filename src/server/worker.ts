import { parentPort, workerData } from "node:worker_threads";
import type { RuntimeOptions } from "../proxy/worker-runtime.ts";
import { WorkerRuntime } from "../proxy/worker-runtime.ts";
import { serveWorker } from "./worker-loop.ts";

if (parentPort === null) throw new Error("worker.ts runs in a worker thread only");
serveWorker(parentPort, workerData, (init, slab, report) => {
  const extra = init.extra as Omit<RuntimeOptions, "index" | "slab" | "report">;
  return new WorkerRuntime({ ...extra, index: init.index, slab, report });
});
