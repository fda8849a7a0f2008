import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";

test("SIGTERM fails /ready at once, waits for what is open and exits 0", async () => {
  const server = await start();
  const client = await open(server.ports.main);
  server.child.kill("SIGTERM");
  await vi.waitFor(async () => expect(await get(server, "/ready")).toEqual([503, "DRAINING\n"]));
  expect(server.child.exitCode).toBe(null);
  client.destroy();
  expect(await server.exited).toEqual([0, null]);
});

test("a second SIGTERM exits at once", async () => {
  const server = await start();
  await open(server.ports.main);
  server.child.kill("SIGTERM");
  await vi.waitFor(() => expect(server.log()).toContain("caught ENVOY_SIGTERM"));
  server.child.kill("SIGTERM");
  expect(await server.exited).toEqual([0, null]);
});

test("the drain time ends what is still open", async () => {
  const server = await start("--drain-time-s", "1");
  await open(server.ports.main);
  server.child.kill("SIGINT");
  expect(await server.exited).toEqual([0, null]);
  expect(server.log()).toContain("drain time of 1 s is over");
});

test("--drain-on-sigterm=0 is Envoy's immediate exit", async () => {
  const server = await start("--drain-on-sigterm=0");
  await open(server.ports.main);
  server.child.kill("SIGTERM");
  expect(await server.exited).toEqual([0, null]);
});

test("SIGHUP and SIGUSR1 are logged in Envoy's words and end nothing", async () => {
  const server = await start();
  server.child.kill("SIGHUP");
  await vi.waitFor(() => {
    expect(server.log()).toContain("caught and eating SIGHUP. See documentation for how to hot restart.");
  });
  server.child.kill("SIGUSR1");
  await vi.waitFor(() => expect(server.log()).toContain("caught SIGUSR1. Reopening access logs."));
  expect(server.log()).not.toContain("Debugger listening");
  expect(await get(server, "/ready")).toEqual([200, "LIVE\n"]);
});

test("POST /quitquitquit answers OK and exits 0 without a drain", async () => {
  const server = await start();
  await open(server.ports.main);
  expect(await get(server, "/quitquitquit", "POST")).toEqual([200, "OK\n"]);
  expect(await server.exited).toEqual([0, null]);
});

test("--admin-address-path gets host:port without a line break", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-process-"));
  const server = await start("--admin-address-path", join(folder, "admin"));
  expect(readFileSync(join(folder, "admin"), "utf8")).toBe(`127.0.0.1:${server.ports.admin}`);
  rmSync(folder, { recursive: true });
});

test("the stats of the server say its state; a crashed worker is counted", async () => {
  const server = await start("--concurrency", "2");
  const [, before] = await get(server, "/stats?usedonly");
  for (const line of [
    "server.state: 0",
    "server.live: 1",
    "server.concurrency: 2",
    "listener_manager.workers_started: 1",
    "listener_manager.listener_create_success: 1",
    "listener_manager.total_listeners_active: 1",
  ]) {
    expect(before).toContain(`${line}\n`);
  }
  const idle = await open(server.ports.main);
  expect((await get(server, "/stats?filter=total_connections"))[1]).toBe("server.total_connections: 1\n");
  idle.destroy();
  (await open(server.ports.main)).end("crash\n");
  await vi.waitFor(async () => {
    expect((await get(server, "/stats?filter=worker_crashes"))[1]).toBe("server.worker_crashes: 1\n");
  });
  await get(server, "/healthcheck/fail", "POST");
  expect((await get(server, "/stats?filter=^server.(live|state)$"))[1]).toBe("server.live: 0\nserver.state: 1\n");
});

interface Running {
  child: ChildProcess;
  ports: { admin: number; main: number };
  exited: Promise<[number | null, string | null]>;
  log: () => string;
}

async function start(...flags: string[]): Promise<Running> {
  const script = new URL("./test-process.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const exited = new Promise<[number | null, string | null]>((resolve) => {
    child.on("exit", (code, signal) => resolve([code, signal]));
  });
  let log = "";
  child.stderr.on("data", (bytes) => {
    log += bytes;
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (bytes) => resolve(String(bytes)));
    child.once("exit", () => reject(new Error(log)));
  });
  return { child, ports: JSON.parse(line), exited, log: () => log };
}

async function get(server: Running, path: string, method = "GET"): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${server.ports.admin}${path}`, { method });
  return [response.status, await response.text()];
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.once("data", () => resolve(socket));
  });
}

afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
});

const children: ChildProcess[] = [];
