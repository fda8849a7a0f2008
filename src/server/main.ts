import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { TagSpec } from "../observability/tags.ts";
import type { CommandResult } from "./command-result.ts";
import { defaultLogFormat, type Flags, parseFlags } from "./flags.ts";
import type { ServerLog } from "./server-log.ts";

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

// For the heaps of the workers. V8 collects all of a heap whenever 32 MB outside of it were taken and given back, which TLS connections do
// all the time (bench tls-handshakes).
setFlagsFromString("--external-memory-accounted-in-global-limit");

// The path of a request is a chain of many small methods: V8 makes longer pieces of it one (three times its usual bound; bench http2-to-http2, small).
setFlagsFromString("--max-inlined-bytecode-size-cumulative=3000");

// Nothing heavy is imported before the flags are read: --version and a wrong flag answer at once.
process.exitCode = await main(process.argv.slice(2));

/** The exit code, or undefined when the process goes on serving. */
async function main(args: string[]): Promise<number | undefined> {
  const command = await commandOf(args[0]);
  if (command !== null) {
    const { code, stdout, stderr } = await command(args.slice(1));
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    return code;
  }
  const parsed = parseFlags(args);
  if (parsed.kind === "exit") {
    process.stdout.write(parsed.stdout);
    process.stderr.write(parsed.stderr);
    return parsed.code;
  }
  const { flags } = parsed;
  const { ServerLog } = await import("./server-log.ts");
  const isDemo = flags.command === "demo";
  const log = new ServerLog(
    isDemo ? "warning" : flags.logLevel,
    flags.componentLogLevels,
    logPath(flags),
    flags.logFormat === defaultLogFormat ? null : flags.logFormat,
  );
  for (const warning of parsed.warnings) log.log("warning", "main", warning);
  if (!isDemo) return run(flags, log);

  const { demoBanner, startDemo } = await import("./demo.ts");
  const demo = await startDemo();
  const code = await run({ ...flags, configYaml: demo.yaml }, log);
  if (code !== undefined) {
    demo.close();
    return code;
  }
  for (const note of demo.notes) process.stderr.write(`${note}\n`);
  process.stdout.write(`${demoBanner(demo.ports)}\n`);
  return undefined;
}

/** The commands that start no proxy; null for another word. */
async function commandOf(word: string | undefined): Promise<((args: string[]) => Promise<CommandResult>) | null> {
  if (word === "config") return (await import("./config-command.ts")).configCommand;
  if (word === "routes") return (await import("./routes-command.ts")).routesCommand;
  if (word === "route-check") return (await import("./route-check-command.ts")).routeCheckCommand;
  if (word === "explain") return (await import("./explain-command.ts")).explainCommand;
  return null;
}

async function run(flags: Flags, log: ServerLog): Promise<number | undefined> {
  const [
    { loadBootstrap },
    { formatProblems },
    { Problems },
    { bootstrapToSpecs },
    { bootConfig, localZoneOf, nodeJson, logPattern, nodeMessage, statsOptions },
    { parseRuntimeLayers },
    { RuntimeLayers },
    { SecretStore },
    { checkNode },
  ] = await Promise.all([
    import("../config/load.ts"),
    import("../config/report.ts"),
    import("../proto/problems.ts"),
    import("../config/resources.ts"),
    import("./boot-config.ts"),
    import("../config/runtime-layers.ts"),
    import("./runtime-layers.ts"),
    import("../config/secret-store.ts"),
    import("../config/node-check.ts"),
  ]);
  const concurrency = flags.concurrency ?? availableParallelism();
  const loaded = loadBootstrap({
    configPath: flags.configPath,
    configYaml: flags.configYaml,
    allowUnknownStaticFields: flags.allowUnknownStaticFields,
  });
  const bootstrap = loaded.message;
  const problems = new Problems("", loaded.problems);
  const nodeCluster = flags.serviceCluster || (bootstrap?.node?.cluster ?? "");
  const runtimeSpecs = bootstrap === null ? [] : parseRuntimeLayers(bootstrap, nodeCluster, problems);
  const runtime = new RuntimeLayers(runtimeSpecs);
  const leniency = runtime.isTrue("nuncio.http1_envoy_leniency");
  const secrets = new SecretStore();
  const specs = bootstrap === null ? null : bootstrapToSpecs(bootstrap, problems, concurrency + 1, leniency, secrets);
  const node = bootstrap === null ? null : nodeMessage(bootstrap, flags);
  if (node !== null && specs !== null) checkNode(node, specs, runtimeSpecs, secrets.sdsSecrets.length > 0, problems);
  const localZone = localZoneOf(bootstrap, node);
  const text = formatProblems(problems.list, (problem) => {
    return loaded.locations.get(problem) ?? (problem.path === "" ? null : loaded.locate(problem.path));
  });
  if (bootstrap === null || node === null || specs === null || problems.hasErrors) {
    process.stderr.write(`error initializing configuration '${flags.configPath}':\n${text}\n`);
    return 1;
  }
  if (text !== "") process.stderr.write(`${text}\n`);
  if (flags.mode === "validate") {
    process.stdout.write(`configuration '${flags.configPath}' OK\n`);
    return 0;
  }

  const [
    { ServerProcess },
    { ProcessStats },
    { TagExtractor },
    { MainClusters },
    { DynamicProcess },
    { noChange },
    { liveWorld },
  ] = await Promise.all([
    import("./process.ts"),
    import("./process-stats.ts"),
    import("../observability/tags.ts"),
    import("./main-clusters.ts"),
    import("./dynamic-process.ts"),
    import("./messages.ts"),
    import("./live-world.ts"),
  ]);
  const pattern = logPattern(bootstrap);
  if (pattern !== null) log.setPattern(pattern);
  const { tags, useAllDefaultTags, flushIntervalMs } = statsOptions(bootstrap);
  const extractor = new TagExtractor([...tags, ...fixedTags(flags)], useAllDefaultTags);
  const stats = new ProcessStats(concurrency, extractor, flushIntervalMs);
  const clusters = new MainClusters(concurrency + 1, stats);
  for (const spec of specs.clusters) clusters.add(spec, false);
  stats.keepSynced(clusters);
  stats.keepSynced({
    sync: () => secrets.sync(stats.mainSlab, (name, value) => stats.aggregate.setTextReadout(name, value)),
  });
  stats.keepSynced({ sync: () => runtime.sync(stats.mainSlab) });
  await Promise.all(specs.clusters.map(({ name }) => clusters.warm(name)));
  const dynamic = new DynamicProcess({
    bootstrap,
    specs,
    runtimeSpecs,
    runtime,
    node,
    secrets,
    clusters,
    stats,
    workers: concurrency + 1,
    leniency,
    supervisor: () => server.supervisor,
    log: (level, message) => log.log(level, "config", message),
  });
  const server = new ServerProcess({
    ...bootConfig(bootstrap, flags, secrets, () => dynamic.dump()),
    flags,
    log,
    concurrency,
    config: { ...noChange, listeners: specs.listeners, clusters: specs.clusters },
    runtime,
    clusters: () => clusters.statuses(),
    initialize: () => dynamic.start(),
    hosts: {
      want: (worker, name, isWanted) => dynamic.wantHost(worker, name, isWanted),
      forgetWorker: (worker) => dynamic.forgetWorker(worker),
    },
    dynamic: {
      waiting: () => dynamic.waiting(),
      configStatus: () => dynamic.status(),
      configHistory: (type) => dynamic.history(type),
    },
    explainWorld: (config) => liveWorld(config, clusters, runtime),
    certificates: () => secrets.certificates,
    stats,
    staticUnknownFields: problems.list.filter((problem) => problem.reason.startsWith("no such field")).length,
    spawn: (init) => new Worker(workerFile, { workerData: init }),
    workerExtra: () => ({
      concurrency,
      drainTimeS: flags.drainTimeS,
      drainStrategy: flags.drainStrategy,
      fileFlushIntervalMs: flags.fileFlushIntervalMs,
      fileFlushMinSizeKb: flags.fileFlushMinSizeKb,
      runtime: runtime.finalEntries(),
      node: nodeJson(bootstrap, flags),
      localZone,
    }),
    exit: (code) => process.exit(code),
  });
  secrets.connect({
    onTlsContext: (update) => {
      clusters.onTlsUpdate(update);
      server.supervisor.broadcast({ kind: "tls", update });
    },
    log: (level, message) => log.log(level, "config", message),
  });
  clusters.connect((update) => server.supervisor.updateHosts(update));
  try {
    await server.start();
  } catch (error) {
    log.log("critical", "main", error instanceof Error ? error.message : String(error));
    await server.stop();
    process.exit(1);
  }
  if (flags.mode === "init_only") {
    await server.stop();
    process.exit(0);
  }
  return undefined;
}

/** --stats-tag: tags on every stat. */
function fixedTags(flags: Flags): TagSpec[] {
  return flags.statsTags.map((tag) => {
    const colon = tag.indexOf(":");
    return { name: tag.slice(0, colon), regex: "", fixedValue: tag.slice(colon + 1) };
  });
}

/** Validation writes no log file, as Envoy's does not. */
function logPath(flags: Flags): string {
  return flags.mode === "validate" ? "" : flags.logPath;
}
