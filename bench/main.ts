import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "./backend.ts";
import { cases } from "./cases.ts";
import { makeCertificate } from "./certificate.ts";
import { canPin, freePorts, killAll } from "./children.ts";
import { loadGenerator } from "./load.ts";
import { helpText, type Options, parseOptions } from "./options.ts";
import { findProxy, type ProxyName, type ProxyProgram } from "./proxies.ts";
import type { CaseResult, RunResult } from "./results.ts";
import { runCase } from "./run-case.ts";
import { svgOf } from "./svg.ts";
import { benchSwap } from "./swap/bench.ts";
import { parseSwapOptions, type SwapOptions } from "./swap/options.ts";
import { formatCase } from "./table.ts";

/** `npm run bench`: proxies side by side in one run, what each pays for a request. Ends with 1 when a proxy could not be measured. */
async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2);
  let swap: SwapOptions | null = null;
  let options: Options | null = null;
  try {
    if (first === "swap") swap = parseSwapOptions(rest);
    else options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  if (swap === null && options === null) {
    console.log(helpText());
    return 0;
  }
  if (!existsSync("/proc/self/stat")) {
    console.error("bench: CPU time is read from /proc, which only Linux has");
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "nuncio-bench-"));
  // The last thing on every way out, Ctrl-C included: nothing of ours is left behind.
  process.on("exit", () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
  if (swap !== null) return await benchSwap(swap, folder, progress);
  return options === null ? 0 : await measure(options, folder);
}

async function measure(options: Options, folder: string): Promise<number> {
  const proxies = findProxies(options.proxyNames);
  const [http1, http2] = await freePorts(2);
  const backendPorts = { http1, http2 };
  const backend = startBackend(join(folder, "backend"), backendPorts);
  const certificate = makeCertificate(folder);
  const run: RunResult = {
    date: new Date().toISOString().slice(0, 10),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    machine: `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores`,
    load: loadGenerator(),
    backend: backend.kind,
    versions: Object.fromEntries(proxies.map(({ name, version }) => [name, version])),
    cases: [],
  };
  console.log(introduction(run, options));
  for (const name of options.caseNames) {
    const benchCase = cases.find((one) => one.name === name);
    if (benchCase === undefined) continue;
    if ((benchCase.load === "fixed-rate" || benchCase.load === "new-connections") && run.load !== "wrk") {
      console.log(`${name}: left out, it needs wrk (scripts/peers wrk)\n`);
      continue;
    }
    if (benchCase.upstream === "http2" && backend.kind !== "nginx") {
      console.log(`${name}: left out, its backend needs nginx (scripts/peers nginx)\n`);
      continue;
    }
    const bed = { backendPorts, certificate, folder: join(folder, name), progress };
    const result = await runCase(benchCase, proxies, options, bed);
    progress("");
    run.cases.push(result);
    console.log(formatCase(result));
  }
  await backend.child.stop();
  if (options.jsonFile !== null) writeFileSync(options.jsonFile, `${JSON.stringify(run, null, 2)}\n`);
  if (options.svgFile !== null) writeFileSync(options.svgFile, svgOf(run));
  return run.cases.some(hasFailed) ? 1 : 0;
}

function findProxies(names: readonly ProxyName[]): ProxyProgram[] {
  return names.flatMap((name) => {
    const proxy = findProxy(name);
    if (proxy === null)
      console.log(`bench: ${name} is not there and is left out${name === "nuncio" ? "" : ` (scripts/peers ${name})`}`);
    return proxy ?? [];
  });
}

function introduction(run: RunResult, { rounds, seconds, connections }: Options): string {
  const hasTwoCores = availableParallelism() > 1 && canPin();
  return [
    `${run.machine}; ${Object.entries(run.versions)
      .map((entry) => entry.join(" "))
      .join(", ")}`,
    `Load ${run.load}, ${connections} connections, backend ${run.backend}; ${rounds} rounds of ${seconds} s each in turns; medians, spread = (greatest - least) / median.`,
    hasTwoCores
      ? "One worker of each proxy on core 0; load and backend on core 1."
      : "WARNING: no two cores to pin to (or no taskset): load, backend and proxy share what there is.",
    "",
  ].join("\n");
}

function hasFailed({ failures }: CaseResult): boolean {
  return failures.length > 0;
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

process.exit(await main());
