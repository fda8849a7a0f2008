import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { fileSource, fileText, type Resource, TestResources } from "./test-resources.ts";

// Config from files of path_config_source, changed under load and broken, on Nuncio and on real Envoy.

const root = mkdtempSync(join(tmpdir(), "nuncio-files-"));
const backends: Server[] = [];
const backendPorts: number[] = [];
const sides = [candidateCommand, peer("envoy")].map((command, i) => ({
  name: i === 0 ? "nuncio" : "envoy",
  command,
  folder: join(root, String(i)),
  port: 0,
  otherPort: 0,
  adminPort: 0,
  process: null as ProxyProcess | null,
}));
type Side = (typeof sides)[0];

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  for (const name of ["a", "b"]) {
    const backend = createServer((request, response) => response.end(`${name} ${request.headers["x-version"] ?? "-"}`));
    backends.push(backend);
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
    backendPorts.push((backend.address() as AddressInfo).port);
  }
  for (const side of sides) {
    if (side.command === null) continue;
    mkdirSync(side.folder);
    [side.port = 0, side.otherPort = 0, side.adminPort = 0] = await freePorts(3);
    const files = filesOf(side);
    put(side, "eds", files.endpoints(backendPorts[0] ?? 0));
    put(side, "rds", files.routes("1", "app"));
    put(side, "cds", files.clusters(["app"]));
    put(side, "lds", files.listeners([["main", side.port]]));
    side.process = await startProxy(
      side.command,
      files.bootstrap(side.adminPort),
      side.adminPort,
      side.folder,
      side.name,
    );
  }
});

afterAll(async () => {
  for (const side of sides) await side.process?.stop();
  for (const backend of backends) backend.close();
  rmSync(root, { recursive: true });
});

describe.each(sides)("$name", (side) => {
  const installed = test.skipIf(side.command === null);

  installed(
    "forty changes of every kind under load: nothing fails, and each is in force",
    { timeout: 60_000 },
    async () => {
      const files = filesOf(side);
      const load = new Load(side.port, { keepAlive: 8, newConnection: 4 });
      for (let i = 2; i < 12; i++) {
        put(side, "rds", files.routes(String(i), "app"));
        await until(async () => (await ask(side.port)).endsWith(` ${i}`));
        put(side, "eds", files.endpoints(backendPorts[i % 2] ?? 0));
        await until(async () => (await ask(side.port)).startsWith(i % 2 === 0 ? "a " : "b "));
        put(side, "cds", files.clusters(["app", `other-${i}`], `${i}s`));
        await until(async () => (await stat(side, "cluster_manager.cds.update_success")) >= i);
        put(side, "lds", files.listeners([["main", side.port]], `version-${i}`));
        await until(async () => (await ask(side.port, "server")) === `version-${i}`);
      }
      await load.stop();
      expect(load.sum("failed")).toBe(0);
      expect(load.sum("refused")).toBe(0);
      expect(load.clients.filter(({ answered }) => answered < 10)).toEqual([]);
    },
  );

  installed("a listener and its cluster come and go", async () => {
    const files = filesOf(side);
    put(
      side,
      "lds",
      files.listeners([
        ["main", side.port],
        ["other", side.otherPort],
      ]),
    );
    await until(async () => (await ask(side.otherPort)) !== "");
    put(side, "lds", files.listeners([["main", side.port]]));
    await until(async () => (await ask(side.otherPort)) === "");
    expect(await ask(side.port)).not.toBe("");
    put(side, "rds", files.routes("12", "gone"));
    await until(async () => (await ask(side.port)).startsWith("503"));
    put(side, "cds", files.clusters(["app", "gone"]));
    await until(async () => (await ask(side.port)).endsWith(" 12"));
    expect(await hasStats(side, "gone")).toBe(true);
    put(side, "cds", files.clusters(["app"]));
    await until(async () => (await ask(side.port)).startsWith("503"));
    await until(async () => !(await hasStats(side, "gone")));
    expect(await hasStats(side, "app")).toBe(true);
    put(side, "rds", files.routes("13", "app"));
    await until(async () => (await ask(side.port)).endsWith(" 13"));
  });

  const bad: {
    name: string;
    file: string;
    text: (files: TestResources) => readonly Resource[] | string;
    counter: string;
    why: RegExp | null;
  }[] = [
    {
      name: "text that is no YAML",
      file: "lds",
      text: () => "resources: [{",
      counter: "listener_manager.lds.update_failure",
      why: null,
    },
    {
      name: "a listener with an address that is none",
      file: "lds",
      text: (files) => fileText(files.listeners([["main", side.port]])).replace("127.0.0.1", "nowhere"),
      counter: "listener_manager.lds.update_rejected",
      why: /^address/,
    },
    {
      name: "a cluster with a time of nothing",
      file: "cds",
      text: (files) => files.clusters(["app"], "-1s"),
      counter: "cluster_manager.cds.update_rejected",
      why: /^connect_timeout/,
    },
    {
      name: "two virtual hosts of one name",
      file: "rds",
      text: (files) => files.routes("14", "app", 2),
      counter: "http.in.rds.routes.update_rejected",
      why: /^virtual_hosts\[1\]/,
    },
  ];
  for (const { name, file, text, counter, why } of bad) {
    installed(`${name} is refused and the last good one goes on`, async () => {
      const before = await stat(side, counter);
      put(side, file, text(filesOf(side)));
      await until(async () => (await stat(side, counter)) > before);
      expect(await ask(side.port)).toMatch(/^[ab] 13$/);
      if (side.name !== "nuncio" || why === null) return;
      const dump = await (await fetch(`http://127.0.0.1:${side.adminPort}/config_dump?include_eds`)).text();
      const details = [...dump.matchAll(/"details": "((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]);
      expect(details).toContainEqual(expect.stringMatching(why));
    });
  }
});

function filesOf(side: Side): TestResources {
  return new TestResources(fileSource(side.folder));
}

function put(side: Side, name: string, content: readonly Resource[] | string): void {
  const text = typeof content === "string" ? content : fileText(content);
  const file = join(side.folder, `${name}.yaml`);
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** The body, or the server field; "" where nobody listens, the status where it is not 200. */
function ask(port: number, what: "body" | "server" = "body"): Promise<string> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => {
        if (what === "server") resolve(String(response.headers.server));
        else resolve(response.statusCode === 200 ? body : String(response.statusCode));
      });
    }).on("error", () => resolve(""));
  });
}

async function stat(side: Side, name: string): Promise<number> {
  const text = await (
    await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=^${name.replaceAll(".", "\\.")}$`)
  ).text();
  return Number(/: (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

async function hasStats(side: Side, cluster: string): Promise<boolean> {
  const text = await (await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=^cluster\\.${cluster}\\.`)).text();
  return text.trim() !== "";
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await isSo()) return;
    await sleep(20);
  }
  throw new Error("it never came to be");
}
