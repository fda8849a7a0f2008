import { parentPort, workerData } from "node:worker_threads";
import { WorkerRuntime } from "../proxy/worker-runtime.ts";
import { serveWorker } from "./worker-loop.ts";

if (parentPort === null) throw new Error("worker.ts runs in a worker thread only");
serveWorker(
  parentPort,
  workerData,
  (init, slab, report) => new WorkerRuntime({ ...init.extra, index: init.index, slab, report }),
);
