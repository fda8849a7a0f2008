import { randomInt } from "node:crypto";
import autocannon from "autocannon";
import type { LoadResult, LoadSpec } from "./load.ts";

// The load where wrk is not installed: `autocannon-load.ts LOADSPEC-JSON`, on its own so that it can be pinned to a core.

const spec: LoadSpec = JSON.parse(process.argv[2]);
// autocannon's own rate sends a second's requests at once and then waits, which measures a queue of its own making;
// with its reconnectRate 1, or when the server closes, it loses count of the answers.
if (spec.ratePerSecond !== null || spec.isConnectionEach) throw new Error("a fixed rate and new connections need wrk");

const path = new URL(spec.url).pathname;
const { requests, duration, errors, timeouts, non2xx, latency } = await autocannon({
  url: spec.url,
  connections: spec.connections,
  duration: spec.seconds,
  ...(spec.authorization === "" ? {} : { headers: { authorization: spec.authorization } }),
  ...(spec.variesPath
    ? { requests: [{ setupRequest: (request) => ({ ...request, path: path + randomInt(1e9) }) }] }
    : {}),
});
const result: LoadResult = {
  requests: requests.total,
  seconds: duration,
  errors: errors + timeouts + non2xx,
  p50Micros: latency.p50 * 1000,
  p99Micros: latency.p99 * 1000,
  p999Micros: latency.p99_9 * 1000,
};
console.log(JSON.stringify(result));
