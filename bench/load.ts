import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peer } from "../test/peers.ts";
import { grpcMessage } from "./backend.ts";
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
  /** Streams at a time on each HTTP/2 connection; 0 is HTTP/1.1. Needs h2load. */
  streams: number;
  /** Each request carries a gRPC message. */
  isGrpc: boolean;
  /** The authorization field of each request; "" for none. HTTP/1.1 alone. */
  authorization: string;
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
  if (spec.streams > 0) return runH2load(spec, limitSeconds);
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

async function runH2load(
  { url, connections, seconds, streams, isGrpc }: LoadSpec,
  limitSeconds: number,
): Promise<LoadResult> {
  const h2load = peer("h2load");
  if (h2load === null) throw new Error("h2load is not installed: run scripts/peers nghttp2-client");
  const folder = mkdtempSync(join(tmpdir(), "nuncio-h2load-"));
  const log = join(folder, "log");
  try {
    const limits = ["-t1", `-c${connections}`, `-m${streams}`, `-D${seconds}`, `--log-file=${log}`];
    const message = join(folder, "message");
    writeFileSync(message, grpcMessage);
    const call = isGrpc ? ["-d", message, "-H", "content-type: application/grpc", "-H", "te: trailers"] : [];
    await runToEnd(h2load, [...limits, ...call, url], loadCore, limitSeconds);
    return parseH2loadLog(readFileSync(log, "latin1"), seconds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads h2load's log: start, status and µs of each request, between tabs. */
export function parseH2loadLog(text: string, seconds: number): LoadResult {
  const rows = text.split("\n").filter((line) => line !== "");
  const fields = rows.map((line) => line.split("\t"));
  const micros = Float64Array.from(fields, ([, , took]) => Number(took)).sort();
  const at = (part: number) => micros[Math.min(micros.length - 1, Math.floor(micros.length * part))] ?? 0;
  return {
    requests: rows.length,
    seconds,
    errors: fields.filter(([, status]) => !/^[23]\d\d$/.test(status ?? "")).length,
    p50Micros: at(0.5),
    p99Micros: at(0.99),
    p999Micros: at(0.999),
  };
}

/** Reads the line that wrk.lua and autocannon-load.ts print. */
export function parseResult(stdout: string): LoadResult {
  const line = stdout.split("\n").find((one) => one.startsWith("{"));
  if (line === undefined) throw new Error(`the load generator reported nothing: ${stdout.slice(0, 500)}`);
  return JSON.parse(line);
}

function wrkArguments(spec: LoadSpec): string[] {
  const { url, connections, seconds, isConnectionEach, variesPath, ratePerSecond, authorization } = spec;
  const script = fileURLToPath(new URL("./wrk.lua", import.meta.url));
  const pauseMillis = ratePerSecond === null ? 0 : meanPauseMillis(connections, ratePerSecond);
  const close = isConnectionEach ? ["-H", "Connection: close"] : [];
  const limits = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s"];
  const credentials = authorization === "" ? [] : ["-H", `Authorization: ${authorization}`];
  return [...limits, "-s", script, ...close, ...credentials, url, "--", String(pauseMillis), String(variesPath)];
}
