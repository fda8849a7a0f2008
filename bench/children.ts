import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A program of ours that runs on one core until it is stopped. */
export interface Child {
  pid: number;
  /** Its log, for an error message: the last lines of stdout and stderr. */
  logTail: () => string;
  hasExited: () => boolean;
  stop: () => Promise<void>;
}

/** Starts a long-running program on a core, its output in a file. It is the leader of its own process group. */
export function startChild(command: string, args: string[], core: number, logFile: string): Child {
  const log = openSync(logFile, "a");
  const child = spawnPinned(command, args, core, ["ignore", log, log]);
  closeSync(log);
  const { pid = 0 } = child;
  const exited = exitOf(child);
  exited.catch(() => {}); // Seen by hasExited; stop() must not fail for it.
  return {
    pid,
    logTail: () => readFileSync(logFile, "utf8").trim().split("\n").slice(-8).join("\n"),
    hasExited: () => !running.has(child),
    stop: async () => {
      signalGroup(child, "SIGTERM");
      const ended = exited.then(
        () => true,
        () => true,
      );
      if (!(await Promise.race([ended, sleep(stopMillis, false, { ref: false })]))) {
        signalGroup(child, "SIGKILL");
        await ended;
      }
    },
  };
}

/** Runs a program on a core to its end and gives its stdout. Throws when it fails or takes longer than `limitSeconds`. */
export async function runToEnd(command: string, args: string[], core: number, limitSeconds: number): Promise<string> {
  const child = spawnPinned(command, args, core, ["ignore", "pipe", "pipe"]);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    signalGroup(child, "SIGKILL");
  }, limitSeconds * 1000);
  const code = await exitOf(child).finally(() => clearTimeout(limit));
  if (isLate) throw new Error(`${command} did not end within ${limitSeconds} s`);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

/** Ends everything this module started that still runs, at once. For the way out: signals and errors. */
export function killAll(): void {
  for (const child of running) signalGroup(child, "SIGKILL");
}

/** Ports of the loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on("error", reject).listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether programs can be pinned to a core here. */
export function canPin(): boolean {
  return isThere("taskset");
}

/** Keeps this process, and what it starts without a core of its own, on one core. */
export function pinSelf(core: number): void {
  const command = "taskset";
  if (canPin()) spawnSync(command, ["-cp", String(core), String(process.pid)]);
}

function spawnPinned(
  command: string,
  args: string[],
  core: number,
  stdio: ("ignore" | "pipe" | number)[],
): ChildProcess {
  // setpriv and taskset exec the program: its pid is the one we get. With setpriv it ends even when we are killed outright.
  const wrapped = [
    ...(isThere("setpriv") ? ["setpriv", "--pdeathsig", "TERM"] : []),
    ...(isThere("taskset") ? ["taskset", "-c", String(core)] : []),
    command,
    ...args,
  ];
  const child = spawn(wrapped[0], wrapped.slice(1), { stdio, detached: true });
  running.add(child);
  return child;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      running.delete(child);
      reject(error);
    });
    child.on("close", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
}

/** A proxy may be several processes: they share the group that startChild made for it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || !running.has(child)) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group ended by itself.
  }
}

function isThere(command: string): boolean {
  let known = commandsThere.get(command);
  if (known === undefined) {
    known = spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
    commandsThere.set(command, known);
  }
  return known;
}

const running = new Set<ChildProcess>();
const commandsThere = new Map<string, boolean>();
const stopMillis = 3_000;
