import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { Load } from "./load.ts";
import { type Nuncio, type NuncioOptions, startNuncio } from "./nuncio.ts";

test("a worker that dies under load takes its own connections and no other", async () => {
  const fault = new URL("./fault.mjs", import.meta.url).href;
  const faultFile = newFaultFile();
  const { nuncio } = await start(answer, {
    args: ["--concurrency", "2"],
    env: { NODE_OPTIONS: `--import=${fault}`, FAULT_FILE: faultFile },
  });
  const load = new Load(nuncio.port, { keepAlive: 24, newConnection: 0 });
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(500), 10_000);
  writeFileSync(`${faultFile}.done`, "");
  writeFileSync(faultFile, "");
  await vi.waitFor(async () => expect(await nuncio.stat("server.worker_crashes")).toBe(1), 10_000);
  const before = load.sum("answered");
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(before + 500), 10_000);
  await load.stop();
  const hurt = load.clients.filter((client) => client.failed > 0);
  expect(hurt.length).toBeGreaterThan(0);
  expect(hurt.length).toBeLessThan(24);
  // Each lost the one request it had on its way, and was served again.
  expect(hurt.map((client) => client.failed)).toEqual(hurt.map(() => 1));
  expect(load.sum("refused")).toBe(0);
  expect(nuncio.output()).toMatch(/worker 0 died after \d+ ms \(Error: fault asked for/);
  expect((await nuncio.admin("/ready")).body).toBe("LIVE\n");
});

test("a worker that runs out of memory is replaced, the other serves on", async () => {
  const fault = new URL("./fault.mjs", import.meta.url).href;
  const faultFile = newFaultFile();
  const { nuncio } = await start(answer, {
    args: ["--concurrency", "2"],
    env: {
      NODE_OPTIONS: `--max-old-space-size=150 --import=${fault}`,
      FAULT_FILE: faultFile,
      FAULT_KIND: "memory",
    },
  });
  writeFileSync(`${faultFile}.done`, "");
  writeFileSync(faultFile, "");
  await vi.waitFor(async () => expect(await nuncio.stat("server.worker_crashes")).toBe(1), 15_000);
  await vi.waitFor(() => expect(nuncio.output()).toContain("worker 0 died"), 5000);
  expect(nuncio.output()).toContain("ERR_WORKER_OUT_OF_MEMORY");
  const load = new Load(nuncio.port, { keepAlive: 0, newConnection: 8 });
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(200), 10_000);
  await load.stop();
  expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
});

test("SIGTERM under load fails no request of a load balancer that asks /ready", async () => {
  const { nuncio } = await start(answer, { args: ["--concurrency", "2"] });
  const load = new Load(nuncio.port, { keepAlive: 16, newConnection: 4 });
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(1000), 10_000);
  const before = load.sum("answered");
  nuncio.child.kill("SIGTERM");
  await vi.waitFor(async () => expect((await nuncio.admin("/ready")).status).toBe(503));
  // What it learned takes a while to reach every client.
  await sleep(1000);
  await load.stop();
  expect(load.sum("answered")).toBeGreaterThan(before);
  expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
  expect(await nuncio.exited).toBe(0);
});

test("SIGTERM lets a request in flight finish, tells it to close, and takes connections meanwhile", async () => {
  const { nuncio } = await start((_request, response) => void setTimeout(() => response.end("late"), 2000));
  const inFlight = fetch(`http://127.0.0.1:${nuncio.port}/`);
  await vi.waitFor(async () => expect(await nuncio.stat("http.in.downstream_rq_active")).toBe(1));
  nuncio.child.kill("SIGTERM");
  await vi.waitFor(async () => expect(await nuncio.admin("/ready")).toEqual({ status: 503, body: "DRAINING\n" }));
  const late = await fetch(`http://127.0.0.1:${nuncio.port}/`);
  expect(late.headers.get("connection")).toBe("close");
  expect(await late.text()).toBe("late");
  const answered = await inFlight;
  expect([answered.status, answered.headers.get("connection"), await answered.text()]).toEqual([200, "close", "late"]);
  expect(await nuncio.exited).toBe(0);
});

test("an idle connection is closed by a drain, and does not keep the process", async () => {
  const { nuncio } = await start(answer);
  const socket = connect(nuncio.port, "127.0.0.1");
  const ended = new Promise<string>((resolve) => {
    socket.on("end", () => resolve("FIN"));
    socket.on("error", (error) => resolve(error.message));
  });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  nuncio.child.kill("SIGTERM");
  expect(await ended).toBe("FIN");
  socket.end();
  expect(await nuncio.exited).toBe(0);
});

test("a second SIGTERM ends the process with requests in flight", async () => {
  const { nuncio } = await start(() => {});
  const lost = fetch(`http://127.0.0.1:${nuncio.port}/`).catch((error: unknown) => error);
  await vi.waitFor(async () => expect(await nuncio.stat("http.in.downstream_rq_active")).toBe(1));
  nuncio.child.kill("SIGTERM");
  await vi.waitFor(() => expect(nuncio.output()).toContain("caught ENVOY_SIGTERM"));
  nuncio.child.kill("SIGTERM");
  expect(await nuncio.exited).toBe(0);
  expect(await lost).toBeInstanceOf(Error);
});

test("SIGUSR1 reopens the access log under load and loses no line", async () => {
  const { nuncio } = await start(answer, { accessLog: "access.log", args: ["--file-flush-interval-msec", "20"] });
  const file = join(nuncio.folder, "access.log");
  const load = new Load(nuncio.port, { keepAlive: 4, newConnection: 0 });
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(200), 10_000);
  renameSync(file, `${file}.1`);
  nuncio.child.kill("SIGUSR1");
  await vi.waitFor(() => expect(lines(file)).toBeGreaterThan(0), 5000);
  await load.stop();
  await vi.waitFor(() => expect(lines(file) + lines(`${file}.1`)).toBe(load.sum("answered")), 5000);
  expect(load.sum("failed")).toBe(0);
});

test("SIGHUP changes nothing", async () => {
  const { nuncio } = await start(answer);
  nuncio.child.kill("SIGHUP");
  await sleep(100);
  expect((await fetch(`http://127.0.0.1:${nuncio.port}/`)).status).toBe(200);
});

test("a port that is taken ends the start with Envoy's sentence and exit code 1", async () => {
  const { nuncio } = await start(answer);
  const text = readFileSync(join(nuncio.folder, "bootstrap.json"), "utf8");
  const second = JSON.parse(text);
  second.admin.address.socket_address.port_value = 0;
  second.static_resources.listeners[0].name = "second";
  // Without SO_REUSEPORT on the other side the kernel refuses the address.
  const blocker = createServer().listen(0, "127.0.0.1");
  servers.push(blocker);
  second.static_resources.listeners[0].address.socket_address.port_value = await portOf(blocker);
  writeFileSync(join(nuncio.folder, "second.json"), JSON.stringify(second));
  const { spawnSync } = await import("node:child_process");
  const run = spawnSync(
    new URL("../../bin/nuncio", import.meta.url).pathname,
    ["-c", join(nuncio.folder, "second.json")],
    {
      encoding: "utf8",
      timeout: 20_000,
    },
  );
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(
    /error adding listener named 'second': cannot bind '127\.0\.0\.1:\d+': Address already in use\n/,
  );
});

const running: Nuncio[] = [];
const folders: string[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function start(handler: Handler, options: Omit<NuncioOptions, "backendPort"> = {}): Promise<{ nuncio: Nuncio }> {
  const backend = createServer({ keepAliveTimeout: 60_000 }, handler).listen(0, "127.0.0.1");
  servers.push(backend);
  const nuncio = await startNuncio({ backendPort: await portOf(backend), args: ["--concurrency", "1"], ...options });
  running.push(nuncio);
  return { nuncio };
}

/** For fault.mjs. */
function newFaultFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-fault-"));
  folders.push(folder);
  return join(folder, "now");
}

function answer(_request: IncomingMessage, response: ServerResponse): void {
  setTimeout(() => response.end("hello"), 2);
}

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

function lines(file: string): number {
  try {
    return readFileSync(file, "latin1").split("\n").length - 1;
  } catch {
    return 0;
  }
}
