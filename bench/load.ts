import { fileURLToPath } from "node:url";
import { peer } from "../test/peers.ts";
import { runToEnd } from "./children.ts";
import { loadCore } from "./proxies.ts";

/** What to send, from the load's core. */
export interface LoadSpec {
  url: string;
  connections: number;
  seconds: number;
  /** A new connection for each request. Needs wrk. */
  isConnectionEach: boolean;
  /** A random number is added to each request's path: a proxy that remembers what it decided for a path (HAProxy does) decides each time. */
  variesPath: boolean;
  /** Requests a second of all connections together, or null for as many as go through. Needs wrk. */
  ratePerSecond: number | null;
}

/** What came back. Latencies are µs; errors are answers that were not 2xx or 3xx, and broken or timed-out connections. */
export interface LoadResult {
  requests: number;
  seconds: number;
  errors: number;
  p50Micros: number;
  p99Micros: number;
  p999Micros: number;
}

/** The load generator in use. autocannon costs its core several times more than wrk, and knows latencies only to the millisecond. */
export function loadGenerator(): "wrk" | "autocannon" {
  return peer("wrk") === null ? "autocannon" : "wrk";
}

/** Sends load and waits for its end. */
export async function runLoad(spec: LoadSpec): Promise<LoadResult> {
  const limitSeconds = spec.seconds + 15;
  const wrk = peer("wrk");
  if (wrk !== null) return parseResult(await runToEnd(wrk, wrkArguments(spec), loadCore, limitSeconds));
  const program = fileURLToPath(new URL("./autocannon-load.ts", import.meta.url));
  return parseResult(await runToEnd(process.execPath, [program, JSON.stringify(spec)], loadCore, limitSeconds));
}

/**
 * The mean pause between two requests of one connection that gives a rate. wrk has no rate of its own; each connection waits a random time,
 * 0 to twice the mean, after each answer. With many connections the arrivals are close to random ones, and as long as an answer
 * takes far less than the pause, a slow answer delays few requests (little coordinated omission) and the rate is the same for all.
 */
export function meanPauseMillis(connections: number, ratePerSecond: number): number {
  return (connections / ratePerSecond) * 1000;
}

/** Reads the line that wrk.lua and autocannon-load.ts print. */
export function parseResult(stdout: string): LoadResult {
  const line = stdout.split("\n").find((one) => one.startsWith("{"));
  if (line === undefined) throw new Error(`the load generator reported nothing: ${stdout.slice(0, 500)}`);
  return JSON.parse(line);
}

function wrkArguments({ url, connections, seconds, isConnectionEach, variesPath, ratePerSecond }: LoadSpec): string[] {
  const script = fileURLToPath(new URL("./wrk.lua", import.meta.url));
  const pauseMillis = ratePerSecond === null ? 0 : meanPauseMillis(connections, ratePerSecond);
  const close = isConnectionEach ? ["-H", "Connection: close"] : [];
  const limits = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s"];
  return [...limits, "-s", script, ...close, url, "--", String(pauseMillis), String(variesPath)];
}
