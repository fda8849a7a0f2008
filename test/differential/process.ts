import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** A running proxy. */
export interface ProxyProcess {
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
    "error",
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
  return { stop: () => stop(child) };
}

/**
 * Free loopback ports below the ephemeral range, so that no outgoing connection takes one meanwhile. Test processes that run at the
 * same time take them from different parts of it.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 12_000 + portSlot * slotSize + Math.floor(Math.random() * slotSize);
    if (!ports.includes(port) && (await canListen(port))) ports.push(port);
  }
  return ports;
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

const readyTimeoutMs = 20_000;

const slotSize = 1_500;
const portSlot = process.pid % 12;
