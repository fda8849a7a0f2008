import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { until } from "../until.ts";
import { FileSide } from "./file-side.ts";
import { fileText, type Resource, type TestResources } from "./test-resources.ts";

// Config from files of path_config_source, changed under load and broken, on Nuncio and on real Envoy.

const root = mkdtempSync(join(tmpdir(), "nuncio-files-"));
const backends: Server[] = [];
const backendPorts: number[] = [];
const sides = [new FileSide("nuncio", candidateCommand, root), new FileSide("envoy", peer("envoy"), root)];

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides[1]?.command).not.toBe(null);
  for (const name of ["a", "b"]) {
    const backend = createServer((request, response) => response.end(`${name} ${request.headers["x-version"] ?? "-"}`));
    backends.push(backend);
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
    backendPorts.push((backend.address() as AddressInfo).port);
  }
  for (const side of sides) await side.start(backendPorts[0] ?? 0);
});

afterAll(async () => {
  for (const side of sides) await side.stop();
  for (const backend of backends) backend.close();
  rmSync(root, { recursive: true });
});

describe.each(sides)("$name", (side) => {
  const installed = test.skipIf(side.command === null);

  installed(
    "forty changes of every kind under load: nothing fails, and each is in force",
    { timeout: 60_000 },
    async () => {
      const { files } = side;
      const load = new Load(side.port, { keepAlive: 8, newConnection: 4 });
      for (let i = 2; i < 12; i++) {
        side.put("rds", files.routes(String(i), "app"));
        await until(async () => (await side.ask()).endsWith(` ${i}`));
        side.put("eds", files.endpoints(backendPorts[i % 2] ?? 0));
        await until(async () => (await side.ask()).startsWith(i % 2 === 0 ? "a " : "b "));
        side.put("cds", files.clusters(["app", `other-${i}`], `${i}s`));
        await until(async () => (await side.stat("cluster_manager.cds.update_success")) >= i);
        side.put("lds", files.listeners([["main", side.port]], `version-${i}`));
        await until(async () => (await side.ask(side.port, "server")) === `version-${i}`);
      }
      await load.stop();
      expect(load.sum("failed")).toBe(0);
      expect(load.sum("refused")).toBe(0);
      expect(load.clients.filter(({ answered }) => answered < 10)).toEqual([]);
    },
  );

  installed("a listener and its cluster come and go", async () => {
    const { files } = side;
    side.put(
      "lds",
      files.listeners([
        ["main", side.port],
        ["other", side.otherPort],
      ]),
    );
    await until(async () => (await side.ask(side.otherPort)) !== "");
    side.put("lds", files.listeners([["main", side.port]]));
    await until(async () => (await side.ask(side.otherPort)) === "");
    expect(await side.ask()).not.toBe("");
    side.put("rds", files.routes("12", "gone"));
    await until(async () => (await side.ask()).startsWith("503"));
    side.put("cds", files.clusters(["app", "gone"]));
    await until(async () => (await side.ask()).endsWith(" 12"));
    expect(await hasStats(side, "gone")).toBe(true);
    side.put("cds", files.clusters(["app"]));
    await until(async () => (await side.ask()).startsWith("503"));
    await until(async () => !(await hasStats(side, "gone")));
    expect(await hasStats(side, "app")).toBe(true);
    side.put("rds", files.routes("13", "app"));
    await until(async () => (await side.ask()).endsWith(" 13"));
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
      const before = await side.stat(counter);
      side.put(file, text(side.files));
      await until(async () => (await side.stat(counter)) > before);
      expect(await side.ask()).toMatch(/^[ab] 13$/);
      if (side.name !== "nuncio" || why === null) return;
      const dump = await side.admin("/config_dump?include_eds");
      const details = [...dump.matchAll(/"details": "((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]);
      expect(details).toContainEqual(expect.stringMatching(why));
    });
  }
});

async function hasStats(side: FileSide, cluster: string): Promise<boolean> {
  return (await side.admin(`/stats?filter=^cluster\\.${cluster}\\.`)).trim() !== "";
}
