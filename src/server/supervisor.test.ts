import { EventEmitter } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { StatsSlab } from "../observability/stats.ts";
import type { ConfigUpdate } from "./messages.ts";
import { Supervisor } from "./supervisor.ts";

describe("with real worker threads", () => {
  test("a port 0 is chosen once and shared by all workers", async () => {
    const supervisor = await started(2);
    expect(supervisor.readyCount).toBe(2);
    expect(port(supervisor)).toBeGreaterThan(0);
    const greetings = new Set<string>();
    for (let i = 0; i < 40; i++) greetings.add(await ask(port(supervisor), ""));
    expect([...greetings].sort()).toEqual(["worker 0", "worker 1"]);
  });

  for (const { order, cause } of [
    { order: "crash", cause: /crashed as asked/ },
    { order: "exit", cause: /exit code 7/ },
  ]) {
    test(`a worker that dies by "${order}" is counted, logged with its cause and replaced`, async () => {
      const supervisor = await started(1);
      await ask(port(supervisor), order);
      await vi.waitFor(() => expect(supervisor.counters[0].crashes).toBe(1), 5000);
      await vi.waitFor(() => expect(supervisor.readyCount).toBe(1), 5000);
      expect(logged.join("\n")).toMatch(cause);
      expect(await ask(port(supervisor), "")).toBe("worker 0");
    });
  }

  test("a worker that hangs is a miss and a mega miss, once each", async () => {
    const supervisor = await started(1);
    await ask(port(supervisor), "hang");
    await vi.waitFor(() => expect(supervisor.counters[0].watchdogMegaMiss).toBe(1), 5000);
    expect(supervisor.counters[0].watchdogMiss).toBe(1);
    expect(supervisor.counters[0].crashes).toBe(0);
  });

  test("a drain does not wait for a worker that hangs", async () => {
    const supervisor = await started(2);
    await ask(port(supervisor), "stuck");
    await supervisor.drain({ stopListeners: true, inboundOnly: false });
    expect(supervisor.readyCount).toBe(2);
    expect(await supervisor.stop(50)).toBe(true);
  });

  test("an address that is taken rejects the start with Envoy's sentence", async () => {
    const first = await started(1);
    const taken: ConfigUpdate = {
      ...config,
      listeners: [{ name: "x", addresses: [{ address: { host: "1.2.3.4", port: 9, path: null } }] }],
    };
    await expect(supervisorOf(1).start(taken)).rejects.toThrow(
      /error adding listener named 'x'.*cannot bind '1.2.3.4:9'/,
    );
    expect(first.readyCount).toBe(1);
  });

  test("a drain settles when the last connection closes", async () => {
    const supervisor = await started(1);
    const socket = connect(port(supervisor), "127.0.0.1");
    await new Promise((resolve) => socket.once("data", resolve));
    let done = false;
    const drained = supervisor.drain({ stopListeners: true, inboundOnly: false }).then(() => {
      done = true;
    });
    await vi.waitFor(() => expect(ask(port(supervisor), "")).rejects.toThrow("ECONNREFUSED"), 5000);
    expect(done).toBe(false);
    socket.destroy();
    await drained;
  });
});

describe("with workers that die", () => {
  test("one that keeps dying waits longer each time", async () => {
    vi.useFakeTimers();
    const mortal = mortalWorkers({ isReadyOnce: true });
    await mortal.supervisor.start(config);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    const waits = logged.map((line) => /in (\d+) ms$/.exec(line)?.[1] ?? "0");
    expect(waits.slice(0, 10)).toEqual(["0", "100", "200", "400", "800", "1600", "3200", "6400", "10000", "10000"]);
    expect(mortal.starts()).toBe(logged.length);
    await mortal.supervisor.stop();
  });

  test("one that never becomes ready rejects the start with its cause", async () => {
    const mortal = mortalWorkers({ isReadyOnce: false });
    await expect(mortal.supervisor.start(config)).rejects.toThrow("worker 0 cannot start: ENOENT: no such module");
    expect(mortal.starts()).toBe(3);
    await mortal.supervisor.stop();
  });
});

/** One worker that dies as soon as it runs. */
function mortalWorkers(options: { isReadyOnce: boolean }): { supervisor: Supervisor; starts: () => number } {
  let starts = 0;
  const supervisor = new Supervisor({
    concurrency: 1,
    spawn: () => {
      starts++;
      const isReady = options.isReadyOnce && starts === 1;
      const worker = new EventEmitter();
      queueMicrotask(() => {
        if (isReady) worker.emit("message", { kind: "ready" });
        worker.emit("error", Object.assign(new Error("no such module"), { code: "ENOENT" }));
        worker.emit("exit", 1);
      });
      return Object.assign(worker, { postMessage() {}, terminate: () => Promise.resolve() });
    },
    slab: () => new SharedArrayBuffer(8),
    extra: () => ({}),
    log: (_level, message) => logged.push(message),
    onMessage: () => {},
    onGone: () => {},
  });
  return { supervisor, starts: () => starts };
}

afterEach(async () => {
  logged.length = 0;
  await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
});

async function started(concurrency: number): Promise<Supervisor> {
  const supervisor = supervisorOf(concurrency);
  await supervisor.start(config);
  return supervisor;
}

function supervisorOf(concurrency: number): Supervisor {
  const supervisor = new Supervisor({
    concurrency,
    spawn: (init) => new Worker(new URL("./test-runtime.ts", import.meta.url), { workerData: init }),
    slab: () => new StatsSlab().buffer,
    extra: () => ({}),
    log: (_level, message) => logged.push(message),
    onMessage: () => {},
    onGone: () => {},
  });
  running.push(supervisor);
  return supervisor;
}

/** Sends an order on a connection of its own; answers the greeting. */
function ask(toPort: number, order: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(toPort, "127.0.0.1");
    socket.on("error", reject);
    socket.once("data", (bytes) => {
      resolve(bytes.toString().trim());
      if (order === "") socket.destroy();
      else socket.end(`${order}\n`);
    });
  });
}

function port(supervisor: Supervisor): number {
  return supervisor.listenerSpecs[0]?.addresses[0]?.address.port ?? 0;
}

const config: ConfigUpdate = {
  listeners: [{ name: "main", addresses: [{ address: { host: "127.0.0.1", port: 0, path: null } }] }],
  clusters: [],
  routes: [],
  scopes: [],
  filterConfigs: [],
  removedListeners: [],
  removedClusters: [],
};
const running: Supervisor[] = [];
const logged: string[] = [];
