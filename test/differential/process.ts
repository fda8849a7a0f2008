import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A running proxy. */
export interface ProxyProcess {
  /** The end of what it printed. */
  output(): string;
  /** Sends SIGTERM, and SIGKILL to one that has not gone after five seconds. */
  stop(): Promise<void>;
}

/** Starts `command -c bootstrap.json` with one worker and waits until the admin's /ready answers 200. Throws with what the process printed. */
export async function startProxy(
  command: string,
  bootstrap: object,
  adminPort: number,
  folder: string,
  name: string,
  logLevel = "error",
): Promise<ProxyProcess> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(bootstrap, null, 1));
  const [program = "", ...fixed] = command.split(" ");
  const options = [
    "-c",
    file,
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "--file-flush-interval-msec",
    "50",
    "-l",
    logLevel,
  ];
  const child = spawn(program, [...fixed, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (data: Buffer) => (output = (output + data.toString("latin1")).slice(-8000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("error", (error) => (output += String(error)));
  if (!(await isReady(child, adminPort))) {
    child.kill("SIGKILL");
    throw new Error(`${command} did not become ready with ${name}:\n${output}`);
  }
  return { output: () => output, stop: () => stop(child) };
}

/**
 * Free loopback ports below the ephemeral range, so that no outgoing connection takes one meanwhile. No test process of this machine gets
 * one that another has: proxies listen with SO_REUSEPORT, and two on one port would share its connections in silence.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort));
    if (reserve(port) && (await canListen(port))) ports.push(port);
  }
  return ports;
}

/** Takes a port for this process by a file with its id; false where a process that lives has it. */
function reserve(port: number): boolean {
  mkdirSync(reservations, { recursive: true });
  const file = join(reservations, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    if (reserved.length === 0) process.once("exit", releaseAll);
    reserved.push(file);
    return true;
  } catch {
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true });
    return false;
  }
}

function releaseAll(): void {
  for (const file of reserved) rmSync(file, { force: true });
}

/** Ourselves where it is gone already, or not written yet. */
function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8")) || process.pid;
  } catch {
    return process.pid;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isReady(child: ChildProcess, adminPort: number): Promise<boolean> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => null);
    await answer?.text();
    if (answer?.status === 200) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  // Nuncio drains after the first one; both leave at once after the second.
  setTimeout(() => child.kill("SIGTERM"), 20);
  const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(killer);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const readyTimeoutMs = 60_000;

// Envoy Gateway has ports of its own below.
const firstPort = 20_000;
const lastPort = 30_000;
const reservations = join(tmpdir(), "nuncio-test-ports");
const reserved: string[] = [];
