import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../until.ts";
import { chain, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// Routes by scope, in the bootstrap and by SRDS from a file, on Nuncio and on real Envoy.

const root = mkdtempSync(join(tmpdir(), "nuncio-scopes-"));
let sides: Side[] = [];

beforeAll(async () => {
  for (const name of ["nuncio", "envoy"]) {
    mkdirSync(join(root, name));
    put(name, "scopes", "1", [scope("first", ["one", "x"], "shared"), scope("second", ["two", "x"], "shared")]);
    put(name, "routes", "1", [{ "@type": `${route}.RouteConfiguration`, ...routesThatSay("shared") }]);
  }
  sides = await startSides(root, 2, (ports, name) => {
    const source = (file: string) => ({ path_config_source: { path: join(root, name, `${file}.json`) } });
    const inline = [
      { name: "a", ...key("one", "x"), route_configuration: routesThatSay("a") },
      { name: "b", ...key("two", ""), route_configuration: routesThatSay("b") },
      { name: "c", ...key("one", "z"), route_configuration: routesThatSay("c") },
      // The last one of a key counts.
      { name: "d", ...key("one", "z"), route_configuration: routesThatSay("d") },
      { name: "short", key: { fragments: [{ string_key: "one" }] }, route_configuration: routesThatSay("short") },
    ];
    const specifiers = [
      { scoped_route_configurations_list: { scoped_route_configurations: inline } },
      { rds_config_source: source("routes"), scoped_rds: { scoped_rds_config_source: source("scopes") } },
    ];
    return {
      node: { id: "n", cluster: "c" },
      static_resources: {
        listeners: ports.map((port, i) => {
          const scopes = { name: `scopes ${i}`, scope_key_builder: keyBuilder, ...specifiers[i] };
          const scoped = manager([], { stat_prefix: `in${i}`, route_config: undefined, scoped_routes: scopes });
          return listener(`l${i}`, port, [chain(scoped, null)]);
        }),
      },
    };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(root, { recursive: true });
});

const requests: readonly (readonly [first: string | null, second: string | null])[] = [
  ["a=one", "q,x"],
  ["a=one", "q,x,z"],
  ["b=1;a=one", "q,x"],
  ["b=1; a=one", "q,x"],
  ["a=one;a=two", "q,x"],
  ["a=one=2", "q,x"],
  ["a", "q,x"],
  ["A=one", "q,x"],
  ["a=one", "x"],
  ["a=one", "q, x"],
  ["a=one", "q,z"],
  ["a=two", "q,"],
  ["a=two", null],
  [null, "q,x"],
  ["", ""],
];
for (const [first, second] of requests) {
  test(`a request with ${JSON.stringify([first, second])} meets the same routes`, async () => {
    await agree((side) => Promise.all([ask(side, 0, first, second), ask(side, 1, first, second)]));
  });
}

test("scopes are shown and counted", async () => {
  await agree(async (side) => [await dumped(side), await stats(side)]);
});

const route = "type.googleapis.com/envoy.config.route.v3";
const steps: Record<string, { resources: object[]; counter: string }> = {
  "another key for a scope": {
    resources: [scope("first", ["two", "x"], "shared"), scope("third", ["3", "3"], "shared")],
    counter: "update_success",
  },
  "routes of its own": {
    resources: [{ "@type": scopeType(), name: "own", ...key("one", "x"), route_configuration: routesThatSay("own") }],
    counter: "update_success",
  },
  "two scopes of one key": {
    resources: [scope("first", ["one", "x"], "shared"), scope("second", ["one", "x"], "shared")],
    counter: "update_rejected",
  },
  "two scopes of one name": {
    resources: [scope("first", ["one", "x"], "shared"), scope("first", ["two", "x"], "shared")],
    counter: "update_rejected",
  },
  "a scope without routes": { resources: [scope("first", ["one", "x"], "")], counter: "update_rejected" },
  "a scope whose routes are wrong": {
    resources: [
      {
        "@type": scopeType(),
        name: "own",
        ...key("one", "x"),
        route_configuration: { name: "q", virtual_hosts: [{ name: "v", domains: ["a.b", "a.b"] }] },
      },
    ],
    counter: "update_rejected",
  },
  "no scope": { resources: [], counter: "update_success" },
  "the first ones again": {
    resources: [scope("first", ["one", "x"], "shared"), scope("second", ["two", "x"], "shared")],
    counter: "update_success",
  },
};
let version = 1;
let lastAnswers: string[] = [];
for (const [name, { resources, counter }] of Object.entries(steps)) {
  test(`SRDS sends ${name}`, async () => {
    version++;
    await agree(async (side) => {
      const full = `http.in1.scoped_rds.scopes 1.${counter}`;
      const before = Number((await stats(side))[full]);
      put(side.name, "scopes", String(version), resources);
      await until(async () => Number((await stats(side))[full]) > before);
      // The worker hears of it after it was counted.
      await sleep(50);
      const answers = await Promise.all(["a=one", "a=two"].map((first) => ask(side, 1, first, "q,x")));
      if (counter === "update_rejected" && lastAnswers.length > 0) {
        // Envoy forgets the scopes of before when it finds the fault late.
        if (side.name === "nuncio") expect(answers).toEqual(lastAnswers);
        return { counter, is: (await stats(side))[full] };
      }
      if (side.name === "nuncio") lastAnswers = answers;
      return { answers, stats: await stats(side), dump: await dumped(side) };
    });
  });
}

async function agree<T>(run: (side: Side) => Promise<T>): Promise<void> {
  const [ours, theirs] = await onSides(sides, run);
  if (theirs !== undefined) expect(ours).toEqual(theirs);
}

/** The status and body. */
async function ask(side: Side, place: number, first: string | null, second: string | null): Promise<string> {
  const headers = { ...(first === null ? {} : { k: first }), ...(second === null ? {} : { l: second }) };
  const answer = await fetch(`http://127.0.0.1:${side.ports[place]}/`, { headers });
  return `${answer.status} ${await answer.text()}`;
}

async function stats(side: Side): Promise<Record<string, string>> {
  const answer = await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=scoped_rds`);
  const lines = [...(await answer.text()).matchAll(/^([^:]+): (.*)$/gm)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]);
  return Object.fromEntries(
    lines.filter(([name = ""]) => !/\.(update_time|update_duration|version|config_reload_time_ms)$/.test(name)),
  );
}

async function dumped(side: Side): Promise<unknown> {
  const { configs } = (await (await fetch(`http://127.0.0.1:${side.adminPort}/config_dump`)).json()) as {
    configs: { "@type": string }[];
  };
  const dump = configs.find((config) => config["@type"].endsWith(".ScopedRoutesConfigDump"));
  return JSON.parse(JSON.stringify(dump), (name, value) => (name === "last_updated" ? undefined : value));
}

function put(side: string, file: string, version: string, resources: readonly object[]): void {
  const path = join(root, side, `${file}.json`);
  writeFileSync(`${path}.new`, JSON.stringify({ version_info: version, resources }));
  renameSync(`${path}.new`, path);
}

function scope(name: string, [first = "", second = ""]: readonly string[], routes: string): object {
  return { "@type": scopeType(), name, ...key(first, second), route_configuration_name: routes };
}

function scopeType(): string {
  return `${route}.ScopedRouteConfiguration`;
}

function key(first: string, second: string): object {
  return { key: { fragments: [{ string_key: first }, { string_key: second }] } };
}

function routesThatSay(text: string): object {
  const routes = [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: text } } }];
  return { name: text, virtual_hosts: [{ name: "all", domains: ["*"], routes }] };
}

const keyBuilder = {
  fragments: [
    { header_value_extractor: { name: "K", element_separator: ";", element: { key: "a", separator: "=" } } },
    { header_value_extractor: { name: "l", element_separator: ",", index: 1 } },
  ],
};
