import { readFile } from "node:fs/promises";
import { type Backend, type Seen, startBackend } from "./backend.ts";
import { bootstrapOf, type Lane, logFileOf } from "./bootstrap.ts";
import { play, type Received, type Script } from "./client.ts";
import { playHttp2 } from "./client-http2.ts";
import { plainBody } from "./plain-body.ts";
import { freePorts, type ProxyProcess, startProxy } from "./process.ts";
import type { Case, Setup } from "./setup.ts";

/** All that one script brought out of one proxy. */
export interface Observation extends Received {
  seen: Seen[];
  log: LogLine[];
  /** Lines of /stats, for a case that asks for them. Histograms without their values. */
  stats: string[];
}

/** One access log line, or its text when it is no JSON. */
export type LogLine = Record<string, unknown>;

/**
 * Starts one proxy on a setup, plays the scripts and stops it. Scripts are dealt to the lanes in order, one at a time in each,
 * so that what a lane's connection pool has met before is the same for every proxy. Answers in the order of the scripts.
 */
export async function observe(
  command: string,
  name: string,
  setup: Setup,
  scripts: readonly (Script & Pick<Case, "stats">)[],
  folder: string,
): Promise<Observation[]> {
  const laneCount = Math.max(1, Math.min(maxLanes, Math.ceil(scripts.length / 3)));
  const backends = await Promise.all(Array.from({ length: laneCount }, () => startBackend()));
  const service = (await setup.service?.()) ?? null;
  let proxy: ProxyProcess | null = null;
  try {
    const [adminPort = 0, ...ports] = await freePorts(laneCount + 1);
    const lanes = backends.map((backend, index) => ({
      port: ports[index] ?? 0,
      backendPort: backend.port,
      servicePort: service?.port ?? 0,
      logFile: logFileOf(folder, name, index),
    }));
    proxy = await startProxy(command, bootstrapOf(setup, adminPort, lanes), adminPort, folder, name);
    for (const path of setup.admin ?? []) {
      await (await fetch(`http://127.0.0.1:${adminPort}${path}`, { method: "POST" })).text();
    }
    const observations: Observation[] = new Array(scripts.length);
    await Promise.all(
      lanes.map(async (lane, index) => {
        for (let at = index; at < scripts.length; at += laneCount) {
          if (scripts[at].stats === undefined)
            observations[at] = await observeOne(lane, backends[index], withPort(scripts[at], lane));
        }
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const [at, { stats }] of scripts.entries()) {
      if (stats !== undefined) observations[at] = { ...nothing, stats: await readStats(adminPort, stats) };
    }
    await proxy.stop();
    await Promise.all(
      lanes.map((lane, index) =>
        readLog(
          lane,
          observations.filter((_, at) => at % laneCount === index),
        ),
      ),
    );
    return observations;
  } finally {
    await proxy?.stop();
    service?.close();
    await Promise.all(backends.map((backend) => backend.close()));
  }
}

async function observeOne(lane: Lane, backend: Backend, script: Script): Promise<Observation> {
  backend.take();
  const received = script.isHttp2 ? await playHttp2(lane.port, script) : await play(lane.port, script);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const messages = received.messages.map(plainBody);
  return { ...received, messages, seen: backend.take().map(plainBody), log: [], stats: [] };
}

/** Scripts name the backend's port as setups do. */
function withPort(script: Script, { backendPort }: Lane): Script {
  const fill = (text: string): string => text.replaceAll("{port}", String(backendPort));
  return { ...script, send: typeof script.send === "string" ? fill(script.send) : script.send.map(fill) };
}

async function readStats(adminPort: number, filter: string): Promise<string[]> {
  const url = `http://127.0.0.1:${adminPort}/stats?filter=${encodeURIComponent(filter)}`;
  const read = async () => {
    const answer = await fetch(url);
    const text = await answer.text();
    // Two refusals would look alike.
    if (!answer.ok) throw new Error(`stats filter ${filter}: ${text}`);
    return text;
  };
  let text = await read();
  // New names come a little later than what they count.
  for (let before = ""; before !== text; text = await read()) {
    before = text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return text
    .trim()
    .split("\n")
    .map((line) => line.replace(/^listener\.127\.0\.0\.1_\d+\./, "listener.PORT."))
    .map((line) => (/: \d+$/.test(line) ? line : line.replace(/:.*/, ": histogram")))
    .map((line) => line.replace(/(\.total_compressed_bytes): [1-9]\d*$/, "$1: some"));
}

async function readLog(lane: Lane, observations: readonly Observation[]): Promise<void> {
  const text = await readFile(lane.logFile, "latin1").catch(() => "");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const parsed = parseLine(line);
    const port = Number(String(parsed.client).split(":").at(-1));
    const observation = observations.find((one) => one.localPort === port);
    // How long a compressed body is, is its compressor's affair.
    if (observation?.messages.some(({ body }) => body.startsWith("compressed: "))) delete parsed.sent;
    if (parsed.protocol === "HTTP/2") hideOwnFraming(parsed);
    observation?.log.push(parsed);
  }
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line);
  } catch {
    return { unreadable: line };
  }
}

/** How short a head is in HTTP/2, and in how many frames a body goes out, is each proxy's own affair. */
function hideOwnFraming(line: LogLine): void {
  const { wireSent, headerSent, sent } = line;
  if (typeof wireSent !== "number" || typeof headerSent !== "number") return;
  line.wireSent = (wireSent - headerSent - Number(sent)) % 9 === 0 ? "whole frames" : wireSent;
  line.headerSent = headerSent > 0 ? "some" : "none";
}

const nothing: Observation = { messages: [], rest: "", ending: "open", localPort: 0, seen: [], log: [], stats: [] };
const maxLanes = 8;
/** For the proxy to tell the backend of a client that has gone. */
const settleMs = 30;
