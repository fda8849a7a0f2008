import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chain, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// The layered runtime of Nuncio and of real Envoy, changed in each of its layers and read by routes.

const root = mkdtempSync(join(tmpdir(), "nuncio-runtime-"));
let sides: Side[] = [];

beforeAll(async () => {
  for (const name of ["nuncio", "envoy"]) {
    mkdirSync(join(root, name));
    mount(name, "1", { "envoy/disk/a": "10\n", "envoy/disk/text": "# why\n\nhello  \n", "envoy/over": "disk" });
    putFile(name, "1", { from: { rtds: 1 }, over: "rtds" });
  }
  sides = await startSides(root, 1, ([port = 0], name) => ({
    node: { id: "n", cluster: "c" },
    layered_runtime: layers(join(root, name)),
    static_resources: {
      listeners: [listener("main", port, [chain(manager(routes), null)])],
      clusters: ["one", "two"].map((cluster) => ({ name: cluster, type: "STATIC" })),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(root, { recursive: true });
});

test("/runtime shows each key of each layer, and the stats count the layers", async () => {
  const [ours, theirs] = await onSides(sides, shown);
  expect(ours?.layers).toEqual(["static", "disk", "rtds", "admin"]);
  if (theirs !== undefined) expect(ours).toEqual(theirs);
});

test("the admin interface overrides, and takes its overrides away", async () => {
  for (const query of ["?over=admin&new=1", "?static.number=", "?%20x=%20y%20&+=a+b", "?=7", "", "?new="]) {
    const [ours, theirs] = await onSides(sides, async (side) => [await post(side, query), await shown(side)]);
    if (theirs !== undefined) expect([query, ours]).toEqual([query, theirs]);
  }
});

test("a folder is mounted in place of the other: all of its keys change", async () => {
  const files: Record<string, string> = {
    "envoy/over": "2",
    "envoy/.hidden/x": "5",
    "envoy/.dot": "6",
    "envoy/lines": "one\n#\n\ntwo\n  \n",
    "envoy/comment-last": "one\n#",
    "envoy/empty": "",
    "envoy/blank": " 7 ",
    "envoy/list": "[1,2]",
    "by-cluster/c/cluster": "1",
    "late/there": "true",
  };
  const before = await onSides(sides, (side) => shown(side));
  for (const { name } of sides) mount(name, "2", files);
  const after = await onSides(sides, (side) => whenShown(side, ({ layers }) => layers.length === 6));
  expect(after[0]).not.toEqual(before[0]);
  if (after[1] !== undefined) expect(after[0]).toEqual(after[1]);
});

test("a value that is no YAML is refused by the admin interface, and a folder with one is no layer", async () => {
  const answers = await onSides(sides, async (side) => [(await post(side, "?bad=%7Bx"))[0], await shown(side)]);
  if (answers[1] !== undefined) expect(answers[0]).toEqual(answers[1]);
  for (const { name } of sides) mount(name, "3", { "envoy/good": "1", "envoy/bad": "{x", "late/there": "2" });
  const gone = await onSides(sides, (side) => whenShown(side, ({ layers }) => layers.length === 4));
  if (gone[1] !== undefined) expect(gone[0]).toEqual(gone[1]);
});

test("RTDS changes a layer; what is refused leaves it as it was", async () => {
  const resource = (name: string, layer: object) => ({ "@type": runtimeType, name, layer });
  const steps: { version: string; resources: object[]; counter: string }[] = [
    { version: "2", resources: [resource("dyn", { over: "two", deep: { er: 1.5 } })], counter: "update_success" },
    { version: "3", resources: [resource("other", { over: "three" })], counter: "update_rejected" },
    { version: "4", resources: [resource("dyn", {}), resource("other", {})], counter: "update_rejected" },
    { version: "5", resources: [], counter: "update_rejected" },
    { version: "6", resources: [resource("dyn", { over: [1] })], counter: "update_rejected" },
    { version: "7", resources: [resource("dyn", {})], counter: "update_success" },
  ];
  for (const { version, resources, counter } of steps) {
    const results = await onSides(sides, async (side) => {
      const before = Number((await shown(side)).stats[counter]);
      putText(side.name, JSON.stringify({ version_info: version, resources }));
      return whenShown(side, ({ stats }) => Number(stats[counter]) > before);
    });
    if (results[1] !== undefined) expect([version, results[0]]).toEqual([version, results[1]]);
  }
});

test("a value is read as Envoy reads it, whatever it is written as", { timeout: 120_000 }, async () => {
  for (const value of values) {
    const shares = await onSides(sides, async (side) => {
      expect(await post(side, `?key=${encodeURIComponent(value)}`)).toEqual([200, "OK\n"]);
      // The workers hear of it after the admin interface has answered.
      await sleep(20);
      const statuses = await Promise.all(Array.from({ length: 40 }, () => status(side, "/fraction")));
      const taken = statuses.filter((code) => code === 200).length;
      return taken === 0 ? "none" : taken === 40 ? "all" : "some";
    });
    if (shares[1] !== undefined) expect([value, shares[0]]).toEqual([value, shares[1]]);
  }
});

test("weights of clusters are the runtime's", async () => {
  for (const [query, expected] of [
    ["?weights.one=0&weights.two=5", "two"],
    ["?weights.one=5&weights.two=0", "one"],
    ["?weights.one=&weights.two=text", "one"],
  ] as const) {
    const answers = await onSides(sides, async (side) => {
      await post(side, query);
      await sleep(20);
      const url = `http://127.0.0.1:${side.ports[0]}/weights`;
      const chosen = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).headers.get("x-to")));
      return [...new Set(chosen)].join();
    });
    expect([query, ...new Set(answers)]).toEqual([query, expected]);
  }
});

/** A layer of every kind. */
function layers(folder: string): object {
  const disk = (subdirectory: string) => ({ symlink_root: join(folder, "current"), subdirectory });
  const source = { path_config_source: { path: join(folder, "rtds.json") } };
  return {
    layers: [
      {
        name: "static",
        static_layer: {
          over: "static",
          static: { number: 5, share: 1.5, yes: true, text: "yes" },
          "static.dotted": "6",
          numbers: { a: 1e10, b: 12345678.5, c: 0.1, d: 1e-7, e: -3, f: 123456, g: 1234567, h: 1e21 },
        },
      },
      { name: "disk", disk_layer: disk("envoy") },
      { name: "by cluster", disk_layer: { ...disk("by-cluster"), append_service_cluster: true } },
      { name: "late", disk_layer: disk("late") },
      { name: "rtds", rtds_layer: { name: "dyn", rtds_config: source } },
      { name: "admin", admin_layer: {} },
    ],
  };
}

const fraction = (numerator: number) => ({ default_value: { numerator }, runtime_key: "key" });
const weighted = (name: string, weight: number) => ({
  name,
  weight,
  response_headers_to_add: [{ header: { key: "x-to", value: name } }],
});
const routes = [
  { match: { prefix: "/fraction", runtime_fraction: fraction(0) }, direct_response: { status: 200 } },
  {
    match: { prefix: "/weights" },
    route: {
      weighted_clusters: { clusters: [weighted("one", 1), weighted("two", 0)], runtime_key_prefix: "weights" },
    },
  },
];

const values = [
  "100",
  "0.5",
  "-3",
  "50.5",
  " 100 ",
  "{numerator: 100}",
  "numerator: 100",
  '{"numerator":100}',
  "{numerator: 10000, denominator: TEN_THOUSAND}",
  "{numerator: 500000, denominator: MILLION}",
  "{numerator: 100, x: 1}",
  "{numerator: 100, denominator: 0}",
  "{numerator: 100, denominator: TEN}",
  '{denominator: MILLION, numerator: "1000000"}',
  "{numerator: -1}",
  "{}",
  "a: b",
  "[100]",
  "true",
  "150",
  "0x64",
  "0144",
  "+100",
  "1e2",
  ".5e2",
  "100.",
  "100a",
  "1_000",
  "inf",
  "nan",
  "4294967296",
  "18446744073709551615",
  "1e300",
];

interface Shown {
  layers: string[];
  entries: Record<string, unknown>;
  stats: Record<string, string>;
}

async function shown(side: Side): Promise<Shown> {
  const admin = `http://127.0.0.1:${side.adminPort}`;
  const { layers, entries } = (await (await fetch(`${admin}/runtime`)).json()) as Omit<Shown, "stats">;
  const text = await (await fetch(`${admin}/stats?filter=^runtime\\.`)).text();
  const stats = [...text.matchAll(/^runtime\.(\S+): (.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
  return { layers, entries, stats: Object.fromEntries(stats.filter(([name = ""]) => !timesAndHashes.has(name))) };
}

async function whenShown(side: Side, isSo: (state: Shown) => boolean): Promise<Shown> {
  for (let i = 0; i < 400; i++) {
    const state = await shown(side);
    if (isSo(state)) return state;
    await sleep(20);
  }
  throw new Error(`${side.name}: it never came to be`);
}

async function post(side: Side, query: string): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${side.adminPort}/runtime_modify${query}`, { method: "POST" });
  return [answer.status, await answer.text()];
}

async function status(side: Side, path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${side.ports[0]}${path}`)).status;
}

/** Moves another folder of runtime files into place, as Envoy's watch wants it: the link is renamed over. */
function mount(name: string, version: string, files: Record<string, string>): void {
  const folder = join(root, name, `disk-${version}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const link = join(root, name, "next");
  symlinkSync(folder, link);
  renameSync(link, join(root, name, "current"));
}

function putFile(name: string, version: string, layer: object): void {
  putText(name, JSON.stringify({ version_info: version, resources: [{ "@type": runtimeType, name: "dyn", layer }] }));
}

function putText(name: string, text: string): void {
  const file = join(root, name, "rtds.json");
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const runtimeType = "type.googleapis.com/envoy.service.runtime.v3.Runtime";
const timesAndHashes = new Set(["update_time", "update_duration", "version"]);
