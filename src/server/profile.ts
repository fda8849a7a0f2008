import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

/**
 * Starts or ends a profile of the calling thread. `path` is the file a stop writes: .cpuprofile and .heapprofile open in
 * Chrome DevTools. Answers whether there was something to start or stop.
 */
export async function run(what: "cpu" | "heap", action: "start" | "stop", path: string): Promise<boolean> {
  if (action === "start") {
    if (sessions.has(what)) return false;
    const session = new Session();
    session.connect();
    sessions.set(what, session);
    if (what === "cpu") {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
    } else {
      await session.post("HeapProfiler.startSampling");
    }
    return true;
  }
  const session = sessions.get(what);
  if (session === undefined) return false;
  sessions.delete(what);
  const post = what === "cpu" ? session.post("Profiler.stop") : session.post("HeapProfiler.stopSampling");
  const { profile } = await post;
  session.disconnect();
  writeFileSync(path, JSON.stringify(profile));
  return true;
}

const sessions = new Map<"cpu" | "heap", Session>();
