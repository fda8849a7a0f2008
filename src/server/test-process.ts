import { Worker } from "node:worker_threads";
import { TagExtractor } from "../observability/tags.ts";
import { parseFlags } from "./flags.ts";
import { ServerProcess } from "./process.ts";
import { ProcessStats } from "./process-stats.ts";
import { RuntimeLayers } from "./runtime-layers.ts";
import { ServerLog } from "./server-log.ts";

/** A whole process for tests, its workers those of test-runtime.ts. Takes the flags; prints its ports as JSON when it serves. */
const parsed = parseFlags(process.argv.slice(2));
if (parsed.kind === "exit") throw new Error(parsed.stderr);
const concurrency = parsed.flags.concurrency ?? 1;
const any = { host: "127.0.0.1", port: 0, path: null };
const server = new ServerProcess({
  flags: parsed.flags,
  log: new ServerLog("info", {}),
  concurrency,
  config: {
    listeners: [{ name: "main", addresses: [{ address: any }] }],
    clusters: [],
    routes: [],
    scopes: [],
    filterConfigs: [],
    removedListeners: [],
    removedClusters: [],
  },
  admin: { address: any, profilePath: "" },
  node: () => ({}),
  snapshot: () => {
    throw new Error("not asked for");
  },
  runtime: new RuntimeLayers([]),
  clusters: () => [],
  initialize: () => Promise.resolve(),
  hosts: { want: () => {}, forgetWorker: () => {} },
  dynamic: {
    waiting: () => ({ isServing: true, listeners: [], clusters: [] }),
    configStatus: () => ({ isServing: true, types: [] }),
    configHistory: () => [],
  },
  explainWorld: () => {
    throw new Error("not asked for");
  },
  certificates: () => [],
  stats: new ProcessStats(concurrency, new TagExtractor()),
  staticUnknownFields: 0,
  spawn: (init) => new Worker(new URL("./test-runtime.ts", import.meta.url), { workerData: init }),
  workerExtra: () => ({}),
  exit: (code) => process.exit(code),
});
await server.start();
const ports = {
  admin: server.adminAddress?.port,
  main: server.supervisor.listenerSpecs[0]?.addresses[0]?.address.port,
};
process.stdout.write(`${JSON.stringify(ports)}\n`);
