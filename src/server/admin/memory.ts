import { getHeapStatistics } from "node:v8";
import { type Endpoint, json } from "./endpoint.ts";

export const memory: Endpoint = {
  path: "/memory",
  help: "print current allocation/heap usage",
  mutates: false,
  params: [],
  handle() {
    const usage = process.memoryUsage();
    const heap = getHeapStatistics();
    return json({
      allocated: String(usage.heapUsed + usage.external),
      heap_size: String(usage.heapTotal + usage.external),
      pageheap_unmapped: "0",
      pageheap_free: String(heap.total_available_size),
      total_thread_cache: "0",
      total_physical_bytes: String(usage.rss),
    });
  },
};

export const memoryTcmalloc: Endpoint = {
  path: "/memory/tcmalloc",
  help: "print TCMalloc stats",
  mutates: false,
  params: [],
  handle() {
    const lines = Object.entries(getHeapStatistics()).map(
      ([name, value]) => `V8: ${String(value).padStart(14)} ${name}`,
    );
    return { status: 200, contentType: "text/plain", body: `${lines.join("\n")}\n` };
  },
};
