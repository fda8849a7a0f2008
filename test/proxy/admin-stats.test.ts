import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../until.ts";
import { type Side, startSides } from "./sides.ts";

// http.admin.* and listener.admin.*: the same requests to the admin interfaces of Nuncio and of real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-admin-stats-"));
const filter = "^(http|listener)\\.admin\\.";
let sides: Side[] = [];

beforeAll(async () => {
  sides = await startSides(folder, 0, () => ({ static_resources: {} }));
  // The connection that asked whether it is ready.
  for (const side of sides)
    await until(async () => (await countsOf(side)).get("listener.admin.downstream_cx_active") === 1, 2000);
}, 60_000);

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

test("the same names, of the same kinds, in text and Prometheus", async () => {
  const names = await Promise.all(
    sides.map(async (side) => {
      const lines = (await ask(side, `/stats?filter=${encodeURIComponent(filter)}`)).split("\n");
      const types = (await ask(side, `/stats/prometheus?filter=${encodeURIComponent(filter)}`)).split("\n");
      return [
        ...lines
          .filter((line) => line.includes(".admin."))
          .map((line) => line.replace(/: \d+$/, ": N").replace(/: (P0|No).*/, ": histogram")),
        ...types
          .filter((line) => line.startsWith("#") || line.includes("_total{"))
          .map((line) => line.replace(/ \d+$/, "")),
      ].sort();
    }),
  );
  expect(names[0]).toContain("listener.admin.main_thread.downstream_cx_active: N");
  expect(names[0]).toContain('envoy_http_downstream_cx_total{envoy_http_conn_manager_prefix="admin"}');
  for (const found of names) expect(found).toEqual(names.at(-1));
});

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
const cases: { name: string; writes: string[]; lines: RegExp[] }[] = [
  { name: "one request", writes: [get("/ready")], lines: [/^HTTP\/1.1 200/] },
  {
    name: "three on one connection: 200, 404, 405",
    writes: [get("/ready"), get("/nowhere"), get("/quitquitquit")],
    lines: [/^HTTP\/1.1 200/, /404/, /405/],
  },
  { name: "connection: close", writes: [get("/ready", "connection: close\r\n")], lines: [/^HTTP\/1.1 200/] },
  {
    name: "a POST",
    writes: ["POST /logging HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"],
    lines: [/^HTTP\/1.1 200/],
  },
  { name: "no HTTP", writes: ["rubbish\r\n\r\n"], lines: [/^HTTP\/1.1 400 .*\r\n\r\nBad Request$/s] },
  { name: "no Host", writes: ["GET /ready HTTP/1.1\r\n\r\n"], lines: [/^HTTP\/1.1 400/] },
  { name: "HTTP/1.0", writes: ["GET /ready HTTP/1.0\r\n\r\n"], lines: [/^HTTP\/1.1 426 .*\r\n\r\nUpgrade Required$/s] },
  { name: "half a head", writes: ["GET /ready HTTP/1.1\r\nhost: a"], lines: [/^$/] },
  { name: "half a body", writes: ["POST /logging HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab"], lines: [/^$/] },
  { name: "nothing", writes: [], lines: [] },
];
for (const { name, writes, lines } of cases) {
  test(`${name} counts as Envoy counts it`, async () => {
    const changes: [string, number][][] = [];
    for (const side of sides) {
      const before = await countsOf(side);
      const answers = await talk(side.adminPort, writes);
      expect(answers.length).toBe(lines.length);
      for (const [i, line] of lines.entries()) expect(answers[i], side.name).toMatch(line);
      changes.push(await settledChange(side, before));
    }
    expect(changes[0]).toContainEqual(["listener.admin.downstream_cx_total", 2]);
    for (const found of changes) expect(found).toEqual(changes.at(-1));
  });
}

/** What changed, of the request that looks at it too: a connection of its own. */
async function settledChange(side: Side, before: Map<string, number>): Promise<[string, number][]> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const now = await countsOf(side);
  return [...now]
    .map(([name, value]): [string, number] => [name, value - (before.get(name) ?? 0)])
    .filter(([, change]) => change !== 0);
}

/** Without bytes, which the two do not write alike. */
async function countsOf(side: Side): Promise<Map<string, number>> {
  const text = await ask(side, `/stats?filter=${encodeURIComponent(filter)}`);
  const numbers = text.matchAll(/^(\S+): (\d+)\r?$/gm);
  return new Map(
    [...numbers].filter(([, name]) => !name.includes("bytes")).map(([, name, value]) => [name, Number(value)]),
  );
}

/** The body of an answer on a connection of its own. */
async function ask({ adminPort }: Side, path: string): Promise<string> {
  const [answer = ""] = await talk(adminPort, [get(path, "connection: close\r\n")], true);
  return answer.slice(answer.indexOf("\r\n\r\n"));
}

/** Writes each, and takes what comes until nothing does, or the end. */
async function talk(port: number, writes: readonly string[], untilEnd = false): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket
    .setEncoding("latin1")
    .on("data", (text) => (got += text))
    .on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await Promise.race([closed, new Promise((resolve) => socket.once("connect", resolve))]);
  const answers: string[] = [];
  for (const write of writes) {
    got = "";
    socket.write(write);
    await Promise.race([closed, ...(untilEnd ? [] : [new Promise((resolve) => setTimeout(resolve, 200))])]);
    answers.push(got);
  }
  socket.destroy();
  await closed;
  return answers;
}
