import { existsSync } from "node:fs";
import { isMainThread, workerData } from "node:worker_threads";

// With FAULT_AT_START every worker throws before it serves.
if (!isMainThread && process.env.FAULT_AT_START) throw new Error("no worker today");

// Loaded by `node --import` in front of Nuncio, in every thread: worker 0 throws once the file FAULT_FILE is there, or takes all memory (FAULT_KIND=memory).
if (!isMainThread && workerData?.index === 0 && process.env.FAULT_FILE) {
  const isFirst = !existsSync(`${process.env.FAULT_FILE}.done`);
  const timer = setInterval(() => {
    if (!isFirst || !existsSync(process.env.FAULT_FILE)) return;
    clearInterval(timer);
    if (process.env.FAULT_KIND === "memory")
      for (const all = []; ; ) all.push({ more: [all.length, `text ${all.length}`] });
    throw new Error("fault asked for");
  }, 20);
  timer.unref();
}
