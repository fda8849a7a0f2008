import { certs } from "./certs.ts";
import { clusters } from "./clusters.ts";
import { configDiff } from "./config-diff.ts";
import { configDump } from "./config-dump.ts";
import { configHistory } from "./config-history.ts";
import { configStatus } from "./config-status.ts";
import type { Endpoint } from "./endpoint.ts";
import { explain } from "./explain.ts";
import { helpEndpoint } from "./help.ts";
import { homeEndpoint } from "./home.ts";
import { initDump } from "./init-dump.ts";
import { listeners } from "./listeners.ts";
import { logging } from "./logging.ts";
import { memory, memoryTcmalloc } from "./memory.ts";
import { drainListeners, healthcheckFail, healthcheckOk, quitquitquit, reopenLogs } from "./orders.ts";
import { allocProfiler, cpuProfiler, heapDump, heapProfiler, peakHeapDump } from "./profilers.ts";
import { ready } from "./ready.ts";
import { recentLookups, recentLookupsClear, recentLookupsDisable, recentLookupsEnable } from "./recent-lookups.ts";
import { runtime, runtimeModify } from "./runtime.ts";
import { serverInfo } from "./server-info.ts";
import { contention, hotRestartVersion } from "./small-dumps.ts";
import { resetCounters, stats, statsPrometheus } from "./stats.ts";

/** Every endpoint, sorted by path as /help lists them. */
export const endpoints: readonly Endpoint[] = [
  homeEndpoint(() => endpoints),
  helpEndpoint(() => endpoints),
  allocProfiler,
  certs,
  clusters,
  configDiff,
  configDump,
  configHistory,
  configStatus,
  contention,
  cpuProfiler,
  drainListeners,
  explain,
  healthcheckFail,
  healthcheckOk,
  heapDump,
  heapProfiler,
  hotRestartVersion,
  initDump,
  listeners,
  logging,
  memory,
  memoryTcmalloc,
  peakHeapDump,
  quitquitquit,
  ready,
  recentLookups,
  recentLookupsClear,
  recentLookupsDisable,
  recentLookupsEnable,
  reopenLogs,
  resetCounters,
  runtime,
  runtimeModify,
  serverInfo,
  stats,
  statsPrometheus,
].sort((a, b) => (a.path < b.path ? -1 : 1));
