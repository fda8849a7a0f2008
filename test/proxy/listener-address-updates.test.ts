import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { get, type RequestOptions } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { until } from "../until.ts";
import { Load } from "./load.ts";
import { startNuncio } from "./nuncio.ts";
import { chain, listener, manager } from "./sides.ts";

// Envoy opens new sockets for all addresses when one of them changes, and has all connections of the listener drain.

const folder = mkdtempSync(join(tmpdir(), "nuncio-address-updates-"));
const socketPath = join(folder, "a.sock");
const direct = { match: { prefix: "/" }, direct_response: { status: 200 } };
const served = chain(manager([{ match: { prefix: "/slow" }, route: { cluster: "backend" } }, direct]), null);

afterAll(() => rmSync(folder, { recursive: true }));

test("addresses come and go under load: nobody at the others is reset, refused or told to go", {
  timeout: 60_000,
}, async () => {
  const waiting: Socket[] = [];
  const slow = createServer((socket) => socket.once("data", () => waiting.push(socket)).on("error", () => {}));
  await once(slow.listen(0, "127.0.0.1"), "listening");
  const [first = 0, second = 0, third = 0] = await freePorts(3);
  const put = (more: object[]) => putListener({ ...listener("by LDS", first, [served]), additional_addresses: more });
  put([tcp(second), pipe]);
  const nuncio = await startNuncio({
    backendPort: (slow.address() as AddressInfo).port,
    args: ["--concurrency", "2", "--drain-strategy", "immediate"],
    bootstrap: {
      node: { id: "a", cluster: "b" },
      dynamic_resources: { lds_config: { path_config_source: { path: join(folder, "lds.json") } } },
    },
  });
  const isListed = async (port: number) =>
    (await nuncio.admin("/listeners")).body.includes(`by LDS::127.0.0.1:${port}\n`);
  try {
    const inFlight = [first, second].map((port) => answer({ port, path: "/slow" }));
    await until(async () => waiting.length === 2);
    const kept = await opened(first);
    const load = new Load(first, { keepAlive: 4, newConnection: 4 });
    for (let i = 0; i < 20; i++) {
      put(i % 2 === 0 ? [tcp(third), pipe] : [pipe]);
      await until(async () => (await isListed(third)) === (i % 2 === 0));
      expect(await answer({ socketPath })).toEqual([200, "close"]);
    }
    await until(async () => !(await isListed(second)));
    await load.stop();
    expect(load.sum("failed") + load.sum("refused")).toBe(0);
    expect(load.clients.filter(({ answered }) => answered < 10)).toEqual([]);
    await expect(opened(second)).rejects.toThrow("ECONNREFUSED");
    await expect(opened(third)).rejects.toThrow("ECONNREFUSED");
    for (const socket of waiting) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    // The address of the second one is gone: it has its answer, and is told to go.
    expect(await Promise.all(inFlight)).toEqual([
      [200, "keep-alive"],
      [200, "close"],
    ]);
    kept.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const [head] = await once(kept, "data");
    expect(String(head)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(String(head)).not.toMatch(/connection: close/);
    kept.destroy();
  } finally {
    for (const socket of waiting) socket.destroy();
    await nuncio.stop();
    slow.close();
  }
});

test("a Unix socket is served where there are two workers, and where a process that was killed left its file", async () => {
  for (let i = 0; i < 2; i++) {
    const nuncio = await startNuncio({
      backendPort: 9,
      args: ["--concurrency", "2"],
      listener: { ...pipe, filter_chains: [served] },
    });
    for (let n = 0; n < 4; n++) expect((await answer({ socketPath }))[0]).toBe(200);
    await nuncio.stop();
  }
});

const pipe = { address: { pipe: { path: socketPath } } };

function tcp(port: number): object {
  return { address: { socket_address: { address: "127.0.0.1", port_value: port } } };
}

function putListener(resource: object): void {
  const type = "type.googleapis.com/envoy.config.listener.v3.Listener";
  const file = join(folder, "lds.json");
  writeFileSync(`${file}.new`, JSON.stringify({ resources: [{ "@type": type, ...resource }] }));
  renameSync(`${file}.new`, file);
}

/** The status and what the answer says of the connection. */
function answer(to: RequestOptions): Promise<[number, string]> {
  const headers = to.path === undefined ? { connection: "close" } : { connection: "keep-alive" };
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", ...to, headers, agent: false }, (response) => {
      response.resume();
      resolve([response.statusCode ?? 0, response.headers.connection ?? "keep-alive"]);
    }).on("error", reject);
  });
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}
