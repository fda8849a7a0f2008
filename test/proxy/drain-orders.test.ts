import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { Load } from "./load.ts";
import { type Nuncio, startNuncio } from "./nuncio.ts";

test("POST /healthcheck/fail sends each connection away with its next answer and takes others; /ok ends it", async () => {
  const nuncio = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await ask(nuncio, agent)).toEqual([200, "keep-alive"]);
  expect(await nuncio.admin("/healthcheck/fail", "POST")).toEqual({ status: 200, body: "OK\n" });
  expect(await nuncio.admin("/ready")).toEqual({ status: 503, body: "DRAINING\n" });
  await vi.waitFor(async () => expect(await ask(nuncio, agent)).toEqual([200, "close"]));
  expect(await ask(nuncio, agent)).toEqual([200, "close"]);
  expect(await nuncio.stat("http.in.downstream_cx_drain_close")).toBe(2);
  await nuncio.admin("/healthcheck/ok", "POST");
  expect(await nuncio.admin("/ready")).toEqual({ status: 200, body: "LIVE\n" });
  await vi.waitFor(async () => expect(await ask(nuncio, agent)).toEqual([200, "keep-alive"]));
  agent.destroy();
});

test("drain_type MODIFY_ONLY keeps connections through a failed health check", async () => {
  const nuncio = await start({ listener: { drain_type: "MODIFY_ONLY" } });
  await nuncio.admin("/healthcheck/fail", "POST");
  const agent = new Agent({ keepAlive: true });
  for (let i = 0; i < 20; i++) expect(await ask(nuncio, agent)).toEqual([200, "keep-alive"]);
  agent.destroy();
});

test("POST /drain_listeners listens no more; what is open is answered, and the process goes on", async () => {
  const nuncio = await start();
  const open = connect(nuncio.port, "127.0.0.1");
  await once(open, "connect");
  expect(await nuncio.admin("/drain_listeners", "POST")).toEqual({ status: 200, body: "OK\n" });
  await vi.waitFor(async () => expect(await canConnect(nuncio.port)).toBe(false));
  open.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const [answer] = await once(open, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)*connection: close\r\n/i);
  expect(await nuncio.stat("listener_manager.listener_stopped")).toBe(1);
  expect(await nuncio.admin("/ready")).toEqual({ status: 200, body: "LIVE\n" });
});

test("POST /drain_listeners?graceful goes on accepting for the drain time", async () => {
  const nuncio = await start({ args: ["--concurrency", "1", "--drain-time-s", "1"] });
  await nuncio.admin("/drain_listeners?graceful", "POST");
  expect(await ask(nuncio, new Agent())).toEqual([200, "close"]);
  await vi.waitFor(async () => expect(await canConnect(nuncio.port)).toBe(false), 5000);
});

test("the shutdown of Envoy Gateway's pods: no request fails, connections go down to none, SIGTERM ends at once", async () => {
  const nuncio = await start({ args: ["--concurrency", "2"] });
  const load = new Load(nuncio.port, { keepAlive: 8, newConnection: 2 });
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(200), 10_000);
  await nuncio.admin("/healthcheck/fail", "POST");
  await nuncio.admin("/drain_listeners?graceful&skip_exit", "POST");
  const before = load.sum("answered");
  await vi.waitFor(() => expect(load.sum("answered")).toBeGreaterThan(before + 200), 10_000);
  await load.stop();
  await vi.waitFor(async () => expect(await openConnections(nuncio)).toEqual([0]), 10_000);
  expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
  expect(await canConnect(nuncio.port)).toBe(true);
  nuncio.child.kill("SIGTERM");
  expect(await nuncio.exited).toBe(0);
});

test("POST /quitquitquit ends the process with requests in flight", async () => {
  const nuncio = await start({}, () => {});
  const lost = fetch(`http://127.0.0.1:${nuncio.port}/`).catch((error: unknown) => error);
  await vi.waitFor(async () => expect(await nuncio.stat("http.in.downstream_rq_active")).toBe(1));
  expect(await nuncio.admin("/quitquitquit", "POST")).toEqual({ status: 200, body: "OK\n" });
  expect(await nuncio.exited).toBe(0);
  expect(await lost).toBeInstanceOf(Error);
});

test("--drain-on-sigterm=0 exits at once, as Envoy", async () => {
  const nuncio = await start({ args: ["--concurrency", "1", "--drain-on-sigterm=0"] }, () => {});
  const lost = fetch(`http://127.0.0.1:${nuncio.port}/`).catch((error: unknown) => error);
  await vi.waitFor(async () => expect(await nuncio.stat("http.in.downstream_rq_active")).toBe(1));
  nuncio.child.kill("SIGTERM");
  expect(await nuncio.exited).toBe(0);
  expect(await lost).toBeInstanceOf(Error);
});

test("workers that cannot start end the start, with the cause and exit code 1", async () => {
  const nuncio = await start();
  const run = spawnSync(binary, ["-c", join(nuncio.folder, "bootstrap.json"), "--config-yaml", adminAnywhere], {
    encoding: "utf8",
    timeout: 20_000,
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=${new URL("./fault.mjs", import.meta.url).href}`,
      FAULT_AT_START: "1",
    },
  });
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(/worker \d cannot start: Error: no worker today/);
  expect(run.stderr).not.toContain("starting main dispatch loop");
});

const adminAnywhere = "admin: {address: {socket_address: {port_value: 0}}}";
const binary = new URL("../../bin/nuncio", import.meta.url).pathname;
const running: Nuncio[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function start(
  options: Partial<Parameters<typeof startNuncio>[0]> = {},
  handler: NonNullable<Parameters<typeof createServer>[1]> = (_request, response) => response.end("hello"),
): Promise<Nuncio> {
  const backend = createServer({ keepAliveTimeout: 60_000 }, handler as never).listen(0, "127.0.0.1");
  servers.push(backend);
  await once(backend, "listening");
  const backendPort = (backend.address() as AddressInfo).port;
  const nuncio = await startNuncio({ args: ["--concurrency", "1"], ...options, backendPort });
  running.push(nuncio);
  return nuncio;
}

/** Status and what becomes of the connection. */
async function ask(nuncio: Nuncio, agent: Agent): Promise<[number | undefined, string]> {
  const request = get({ host: "127.0.0.1", port: nuncio.port, agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return [response.statusCode, response.headers.connection ?? "keep-alive"];
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}

/** As Envoy Gateway's shutdown manager asks, double slash included, and without the connections that it leaves out. */
async function openConnections(nuncio: Nuncio): Promise<number[]> {
  const { body } = await nuncio.admin("//stats?filter=^listener\\..*\\.downstream_cx_active$&format=json");
  const { stats } = JSON.parse(body) as { stats: { name: string; value: number }[] };
  return stats.filter(({ name }) => !/admin|19001|19003|worker/.test(name)).map(({ value }) => value);
}
