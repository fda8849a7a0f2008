import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BackendPorts } from "./backend.ts";
import { type BenchCase, isHttp2, variesPath } from "./cases.ts";
import type { CertificateFiles } from "./certificate.ts";
import { type Child, freePorts } from "./children.ts";
import type { Endpoints } from "./configs/endpoints.ts";
import { openIdleConnections } from "./idle-connections.ts";
import { benchToken } from "./jwt.ts";
import { type LoadResult, type LoadSpec, runLoad } from "./load.ts";
import type { Options } from "./options.ts";
import { treeUsage } from "./process-tree.ts";
import { canServe, type ProxyProgram, startProxy } from "./proxies.ts";
import { type CaseResult, type Metric, summarize } from "./results.ts";

/** Where a case runs, and whom it tells how far it is. */
export interface Bed {
  backendPorts: BackendPorts;
  certificate: CertificateFiles;
  /** A folder for the case's files. */
  folder: string;
  progress: (text: string) => void;
}

type Round = Partial<Record<Metric, number>>;

/** A proxy in the course of a case. */
interface Contestant {
  proxy: ProxyProgram;
  endpoints: Endpoints;
  child: Child;
  startBytes: number;
  endBytes: number;
  errors: number;
  rounds: Round[];
}

/** Measures every proxy in one case, round by round in turns, so that what disturbs the machine disturbs all. A proxy that fails is named and left out. */
export async function runCase(
  benchCase: BenchCase,
  proxies: readonly ProxyProgram[],
  options: Options,
  bed: Bed,
): Promise<CaseResult> {
  const failures: CaseResult["failures"] = [];
  let contestants: Contestant[] = [];

  /** Does something with each that has not failed, one after the other, beginning with another one each time. */
  const inTurns = async (turn: number, what: (contestant: Contestant) => Promise<void>) => {
    const order = contestants.map((_, i) => contestants[(i + turn) % contestants.length]);
    for (const contestant of order) {
      try {
        await what(contestant);
      } catch (error) {
        failures.push({ proxy: contestant.proxy.name, reason: `${reasonOf(error)}\n${contestant.child.logTail()}` });
        contestants = contestants.filter((one) => one !== contestant);
        await contestant.child.stop();
      }
    }
  };

  for (const proxy of proxies) {
    if (!canServe(proxy.name, benchCase)) continue;
    bed.progress(`${benchCase.name}: starting ${proxy.name}`);
    try {
      contestants.push(await start(proxy, benchCase, bed));
    } catch (error) {
      failures.push({ proxy: proxy.name, reason: reasonOf(error) });
    }
  }
  let ratePerSecond: number | null = null;
  try {
    const capacities = new Map<string, number>();
    await inTurns(0, async (contestant) => {
      bed.progress(`${benchCase.name}: warming up ${contestant.proxy.name}`);
      capacities.set(contestant.proxy.name, await warmUp(loadSpec(benchCase, contestant, options, null)));
    });
    if (benchCase.load === "fixed-rate") {
      ratePerSecond = Math.round(partOfCapacity * (capacities.get("envoy") ?? Math.min(...capacities.values())));
    }
    for (let turn = 0; turn < options.rounds; turn++) {
      await inTurns(turn, async (contestant) => {
        bed.progress(`${benchCase.name}: round ${turn + 1} of ${options.rounds}, ${contestant.proxy.name}`);
        const round =
          benchCase.load === "idle-connections"
            ? await measureIdle(benchCase, contestant, bed, turn > 0)
            : await measureLoad(contestant, loadSpec(benchCase, contestant, options, ratePerSecond));
        contestant.rounds.push(round);
        contestant.endBytes = treeUsage(contestant.child.pid).residentBytes;
      });
    }
  } finally {
    await Promise.all(contestants.map(({ child }) => child.stop()));
  }
  return {
    name: benchCase.name,
    title: benchCase.title,
    headline: headlines[benchCase.load],
    ratePerSecond,
    proxies: contestants.map(({ proxy, rounds, errors, startBytes, endBytes }) => ({
      proxy: proxy.name,
      metrics: summarize(rounds),
      errors,
      startBytes,
      endBytes,
    })),
    failures,
  };
}

async function start(proxy: ProxyProgram, benchCase: BenchCase, bed: Bed): Promise<Contestant> {
  const [listenPort] = await freePorts(1);
  const folder = join(bed.folder, proxy.name);
  const endpoints = {
    listenPort,
    backendPort: bed.backendPorts[benchCase.upstream],
    folder,
    accessLogFile: join(folder, "access.log"),
    certificate: bed.certificate,
  };
  const child = await startProxy(proxy, benchCase, endpoints);
  const startBytes = treeUsage(child.pid).residentBytes;
  return { proxy, endpoints, child, startBytes, endBytes: startBytes, errors: 0, rounds: [] };
}

function loadSpec(
  benchCase: BenchCase,
  { endpoints }: Contestant,
  options: Options,
  ratePerSecond: number | null,
): LoadSpec {
  return {
    url: `${benchCase.isTls ? "https" : "http"}://127.0.0.1:${endpoints.listenPort}${benchCase.path}`,
    connections: isHttp2(benchCase) ? http2Connections : options.connections,
    seconds: options.seconds,
    isConnectionEach: benchCase.load === "new-connections",
    variesPath: variesPath(benchCase),
    ratePerSecond,
    streams: isHttp2(benchCase) ? http2Streams : 0,
    isGrpc: benchCase.load === "grpc",
    authorization: benchCase.hasFilters ? `Bearer ${benchToken()}` : "",
  };
}

/** Sends load until a just-in-time compiler has seen enough of it, which counts calls and not seconds. Gives requests a second. */
async function warmUp(spec: LoadSpec): Promise<number> {
  let requests = 0;
  let rate = 0;
  for (let turn = 0; turn < warmUpTurns && requests < warmUpRequests; turn++) {
    const result = await runLoad({ ...spec, seconds: warmUpSeconds });
    requests += result.requests;
    rate = result.requests / result.seconds;
  }
  return rate;
}

async function measureLoad(contestant: Contestant, spec: LoadSpec): Promise<Round> {
  const before = treeUsage(contestant.child.pid).cpuMicros;
  const load: LoadResult = await runLoad(spec);
  const cpuMicros = treeUsage(contestant.child.pid).cpuMicros - before;
  if (load.requests === 0) throw new Error("no request was answered");
  contestant.errors += load.errors;
  return {
    cpuMicros: cpuMicros / load.requests,
    requestsPerSecond: load.requests / load.seconds,
    p50Micros: load.p50Micros,
    p99Micros: load.p99Micros,
    p999Micros: load.p999Micros,
  };
}

/** A proxy that once held many connections keeps their memory, so each round but the first begins with a new process, warmed up like the first. */
async function measureIdle(benchCase: BenchCase, contestant: Contestant, bed: Bed, isStale: boolean): Promise<Round> {
  if (isStale) {
    await contestant.child.stop();
    Object.assign(contestant, { ...(await start(contestant.proxy, benchCase, bed)), rounds: contestant.rounds });
    await runLoad({
      url: `http://127.0.0.1:${contestant.endpoints.listenPort}${benchCase.path}`,
      connections: 64,
      seconds: warmUpSeconds,
      isConnectionEach: false,
      variesPath: false,
      ratePerSecond: null,
      streams: 0,
      isGrpc: false,
      authorization: "",
    });
  }
  await sleep(settleMillis);
  const before = treeUsage(contestant.child.pid).residentBytes;
  const closeAll = await openIdleConnections(contestant.endpoints.listenPort, benchCase.path, idleConnections);
  await sleep(settleMillis);
  const after = treeUsage(contestant.child.pid).residentBytes;
  closeAll();
  return { idleBytes: (after - before) / idleConnections };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const headlines: Record<BenchCase["load"], Metric> = {
  "closed-loop": "cpuMicros",
  "new-connections": "cpuMicros",
  "fixed-rate": "p99Micros",
  "idle-connections": "idleBytes",
  http2: "cpuMicros",
  grpc: "cpuMicros",
};
const http2Connections = 16;
const http2Streams = 8;
const warmUpSeconds = 2;
const warmUpRequests = 10_000;
const warmUpTurns = 6;
const partOfCapacity = 0.4;
const idleConnections = 2_000;
const settleMillis = 1_000;
