import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlPlane, xdsCluster } from "../../test/control-planes/control-plane.ts";
import { type Child, freePorts, startChild } from "../children.ts";
import { treeUsage } from "../process-tree.ts";
import type { ProxyProgram } from "../proxies.ts";
import { median } from "../stats.ts";
import type { Kind, Tally } from "./load.ts";
import { LoadProcess } from "./load-process.ts";
import type { SwapOptions } from "./options.ts";
import { bootstrap, changes, firstState, manyClusters, resourcesOf, type SwapBed, type SwapState } from "./state.ts";

/** What one proxy made of it. */
export interface SwapResult {
  proxy: string;
  /** Small changes of every kind, 4 a second. */
  small: Record<Kind, Tally>;
  /** A table of many routes replaced, once a second. */
  large: Record<Kind, Tally>;
  /** From the control plane's sending to the first answer by the new routes, median of all. */
  liveMillis: { small: number; large: number };
  /** Resident memory of many clusters, all together. */
  clusterBytes: number;
}

/** Changes the config of one proxy under load. Throws when a change never comes to be. */
export async function runSwap(
  proxy: ProxyProgram,
  controlPlaneProgram: string,
  options: SwapOptions,
  bed: Omit<SwapBed, "ports"> & { folder: string },
  progress: (text: string) => void,
): Promise<SwapResult> {
  const [http, https, extra, admin] = await freePorts(4);
  const folder = join(bed.folder, proxy.name);
  mkdirSync(folder);
  const swapBed = { ...bed, ports: { http, https, extra } };
  const controlPlane = new ControlPlane(controlPlaneProgram, "ads");
  const config = join(folder, "envoy.json");
  writeFileSync(config, JSON.stringify(bootstrap(xdsCluster(await controlPlane.port), admin)));
  const send = async (version: string, state: SwapState, clusters = 0): Promise<void> => {
    const more = manyClusters(clusters, bed.backendPorts[0]);
    await controlPlane.hold(version, [...resourcesOf(state, swapBed), ...more]);
    await controlPlane.sendHeld(version);
  };
  const start = async (): Promise<Child> => {
    const envoyOnly = proxy.name === "envoy" ? ["--use-dynamic-base-id", "-l", "error"] : [];
    const args = ["-c", config, "--concurrency", "1", ...envoyOnly];
    const child = startChild(proxy.command, args, 0, join(folder, "log"));
    try {
      await isLive(http, "0", child);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return child;
  };
  /** Makes all ready, then sends one each `everyMillis`; what took each new version of the routes to be live. */
  const sendAll = async (name: string, states: readonly SwapState[], everyMillis: number, child: Child) => {
    progress(`${proxy.name}: ${name}`);
    for (const [i, state] of states.entries()) await controlPlane.hold(`${name} ${i}`, resourcesOf(state, swapBed));
    const taken: number[] = [];
    let due = performance.now();
    for (const [i, { version }] of states.entries()) {
      await controlPlane.sendHeld(`${name} ${i}`);
      if (version !== states[i - 1]?.version) taken.push(await isLive(http, version, child));
      due = Math.max(due + everyMillis, performance.now());
      await sleep(Math.max(0, due - performance.now()));
    }
    return taken;
  };

  let child: Child | null = null;
  let load: LoadProcess | null = null;
  try {
    await send("first", firstState);
    child = await start();
    load = await LoadProcess.start([http, https]);
    await sleep(2_000);
    await load.take();
    const states = smallStates(options.changes);
    const smallMillis = await sendAll("small", states, 250, child);
    const small = await load.take();

    const last = states.at(-1) ?? firstState;
    await send("large", { ...last, routes: options.routes, version: "large" });
    await isLive(http, "large", child);
    const largeStates = Array.from({ length: 10 }, (_, i) => ({
      ...last,
      routes: options.routes,
      version: `large-${i}`,
    }));
    const preparing = sendAll("large", largeStates, 1_000, child);
    await load.take();
    const largeMillis = await preparing;
    const large = await load.take();
    await load.stop();
    load = null;
    await child.stop();

    progress(`${proxy.name}: ${options.clusters} clusters`);
    await send("few", firstState);
    child = await start();
    await sleep(2_000);
    const before = treeUsage(child.pid).residentBytes;
    await send("many", firstState, options.clusters);
    await haveClusters(admin, options.clusters, child);
    const clusterBytes = treeUsage(child.pid).residentBytes - before;
    const liveMillis = { small: median(smallMillis), large: median(largeMillis) };
    return { proxy: proxy.name, small, large, liveMillis, clusterBytes };
  } finally {
    await load?.stop();
    await child?.stop();
    await controlPlane.stop();
  }
}

/** One kind after the other, over and over. */
function smallStates(count: number): SwapState[] {
  const states: SwapState[] = [];
  let state = firstState;
  for (let i = 0; i < count; i++) {
    const [kind, change] = changes[i % changes.length];
    state = { ...state, ...change(state, i + 1), ...(kind === "route" ? { version: String(i + 1) } : {}) };
    states.push(state);
  }
  return states;
}

/** Waits until /version answers `version`; how many ms it took. */
async function isLive(port: number, version: string, child: Child): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const start = performance.now();
  try {
    while ((await text(port, "/version", agent)) !== version) {
      if (child.hasExited()) throw new Error(`it ended\n${child.logTail()}`);
      if (performance.now() - start > 30_000)
        throw new Error(`version ${version} never came to be\n${child.logTail()}`);
      await sleep(2);
    }
    return performance.now() - start;
  } finally {
    agent.destroy();
  }
}

async function haveClusters(admin: number, count: number, child: Child): Promise<void> {
  const active = async () =>
    Number(/active_clusters: (\d+)/.exec(await text(admin, "/stats?filter=active_clusters"))?.[1] ?? 0);
  for (let i = 0; (await active()) < count; i++) {
    if (child.hasExited() || i > 300) throw new Error(`${count} clusters never came to be\n${child.logTail()}`);
    await sleep(100);
  }
  await sleep(3_000);
}

/** The body; "" where nobody answers. */
function text(port: number, path: string, agent: Agent | false = false): Promise<string> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, agent }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(body));
      response.on("error", () => resolve(""));
    }).on("error", () => resolve(""));
  });
}
