import { getHeapSnapshot } from "node:v8";
import { type AdminReply, type AdminRequest, type Endpoint, select, text } from "./endpoint.ts";
import type { AdminState } from "./state.ts";

/** Writes <profile_path>.main.cpuprofile and .worker_N.cpuprofile; Chrome DevTools opens them. */
export const cpuProfiler: Endpoint = {
  path: "/cpuprofiler",
  help: "enable/disable the CPU profiler",
  mutates: true,
  params: [select("enable", "enables the CPU profiler", ["y", "n"])],
  handle: (request, state) => profile("cpu", request, state),
};

/** Writes <profile_path>.main.heapprofile and .worker_N.heapprofile: a sampled allocation profile. */
export const heapProfiler: Endpoint = {
  path: "/heapprofiler",
  help: "enable/disable the heap profiler",
  mutates: true,
  params: [select("enable", "enable/disable the heap profiler", ["y", "n"])],
  handle: (request, state) => profile("heap", request, state),
};

/** The same sampling as /heapprofiler: V8 has one allocation profiler. */
export const allocProfiler: Endpoint = {
  path: "/allocprofiler",
  help: "enable/disable the allocation profiler (if supported)",
  mutates: true,
  params: [select("enable", "enable/disable the allocation profiler", ["y", "n"])],
  handle: (request, state) => profile("heap", request, state),
};

/** A V8 heap snapshot of the main thread, or with `?worker=N` of a worker. */
export const heapDump = snapshot("/heap_dump", "dump current Envoy heap (if supported)");

/** V8 keeps no snapshot of its peak: the present one. */
export const peakHeapDump = snapshot("/peak_heap_dump", "dump peak Envoy heap (if supported)");

async function profile(what: "cpu" | "heap", { query }: AdminRequest, state: AdminState): Promise<AdminReply> {
  const enable = query.get("enable");
  if (query.size !== 1 || (enable !== "y" && enable !== "n")) return text("?enable=<y|n>\n", 400);
  const { run } = await import("../profile.ts");
  const action = enable === "y" ? "start" : "stop";
  try {
    await run(what, action, `${state.profilePath}.main.${what}profile`);
  } catch (error) {
    return text(`failure to write the profile: ${error instanceof Error ? error.message : String(error)}`, 500);
  }
  state.profileWorkers(what, action, state.profilePath);
  return text("OK\n");
}

function snapshot(path: string, help: string): Endpoint {
  return {
    path,
    help,
    mutates: false,
    params: [],
    async handle({ query }, state) {
      const worker = query.get("worker");
      const body = worker === undefined ? getHeapSnapshot() : await state.workerHeapSnapshot(Number(worker));
      if (body === null) return text(`no worker ${worker}\n`, 404);
      return { status: 200, contentType: "application/json", body };
    },
  };
}
