import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../until.ts";
import { Load } from "./load.ts";
import { accessLog, chain, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// HTTP filters whose configs come by ECDS from files, changed and broken under Nuncio and under real Envoy.

const root = mkdtempSync(join(tmpdir(), "nuncio-ecds-"));
let sides: Side[] = [];

beforeAll(async () => {
  for (const name of ["nuncio", "envoy"]) {
    mkdirSync(join(root, name));
    put(name, "bare", "1", []);
    put(name, "default", "1", []);
    put(name, "off", "1", [health("off", "/off")]);
    put(name, "router", "1", [extension("router", { "@type": routerType })]);
  }
  sides = await startSides(root, 4, (ports, name) => {
    const found = (filter: string, types: string[], more: object = {}, disabled = false) => ({
      name: filter,
      disabled,
      config_discovery: {
        config_source: { path_config_source: { path: join(root, name, `${filter}.json`) } },
        type_urls: types,
        ...more,
      },
    });
    const router = { name: "r", typed_config: { "@type": routerType } };
    const filters = [
      [found("bare", [healthType, corsType]), router],
      [found("default", [healthType], { default_config: healthConfig("/default") }), router],
      [found("off", [healthType], {}, true), router],
      [found("router", [routerType])],
    ];
    return {
      node: { id: "n", cluster: "c" },
      static_resources: {
        listeners: ports.map((port, i) => {
          const log = accessLog(join(root, name, "log"), "%REQ(:path)% %RESPONSE_CODE% %RESPONSE_FLAGS%");
          return listener(`l${i}`, port, [
            chain(manager(routes, { http_filters: filters[i], access_log: [log] }), null),
          ]);
        }),
      },
    };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(root, { recursive: true });
});

test("a filter without a config answers 500, one with a default runs by it, and so does what came first", async () => {
  await agree(async (side) => ({
    answers: [
      await ask(side, 0, "/a"),
      await ask(side, 1, "/a"),
      await ask(side, 1, "/default"),
      // It runs only where a route turns it on.
      await ask(side, 2, "/off"),
      await ask(side, 2, "/on/off"),
      await ask(side, 3, "/a"),
    ],
    stats: await stats(side),
    dump: await dumped(side),
  }));
});

test("a config that comes is in force for the next request", async () => {
  for (const { name } of sides) put(name, "bare", "2", [health("bare", "/a")]);
  for (const { name } of sides) put(name, "default", "2", [health("default", "/b")]);
  await onSides(sides, (side) => until(async () => (await ask(side, 0, "/a")) === "200 checked"));
  await onSides(sides, (side) => until(async () => (await ask(side, 1, "/b")) === "200 checked"));
  await agree(async (side) => ({
    answers: [await ask(side, 0, "/x"), await ask(side, 1, "/default")],
    stats: await stats(side),
    dump: await dumped(side),
  }));
});

test("what is refused leaves the last good one in force", async () => {
  const bad: Record<string, object[]> = {
    "of a type that is not asked for": [extension("bare", { "@type": routerType })],
    "of another name": [health("other", "/x")],
    "two at once": [health("bare", "/x"), health("bare", "/y")],
    none: [],
    "one that is wrong": [extension("bare", { "@type": healthType })],
  };
  for (const [why, resources] of Object.entries(bad)) {
    await agree(async (side) => {
      const counter = "extension_config_discovery.http_filter.bare.update_rejected";
      const before = Number((await stats(side))[counter]);
      put(side.name, "bare", "3", resources);
      await until(async () => Number((await stats(side))[counter]) > before);
      return { why, answers: [await ask(side, 0, "/a"), await ask(side, 0, "/x")], stats: await stats(side) };
    });
  }
});

test("another type of filter takes the place of the first, and bytes that are equal change nothing", async () => {
  for (const [version, resource, path, expected] of [
    ["4", extension("bare", { "@type": corsType }), "/a", "200 "],
    ["5", extension("bare", { "@type": corsType }), "/a", "200 "],
    ["6", health("bare", "/a"), "/a", "200 checked"],
  ] as const) {
    await agree(async (side) => {
      const counter = "extension_config_discovery.http_filter.bare.update_success";
      const before = Number((await stats(side))[counter]);
      put(side.name, "bare", version, [resource]);
      await until(async () => Number((await stats(side))[counter]) > before);
      await until(async () => (await ask(side, 0, path)) === expected);
      return stats(side);
    });
  }
});

test("forty changes under load: nothing fails", { timeout: 60_000 }, async () => {
  for (const side of sides) {
    const load = new Load(side.ports[0] ?? 0, { keepAlive: 6, newConnection: 2 });
    for (let i = 0; i < 40; i++) {
      put(side.name, "bare", `load ${i}`, [health("bare", `/${i}`)]);
      await until(async () => (await ask(side, 0, `/${i}`)) === "200 checked");
    }
    await load.stop();
    expect([side.name, load.sum("failed"), load.sum("refused")]).toEqual([side.name, 0, 0]);
  }
});

test("the access log says that there was no config", async () => {
  const lines = await onSides(sides, async ({ name }) => {
    let line: string | undefined;
    await until(async () => {
      line = readFileSync(join(root, name, "log"), "utf8").split("\n")[0];
      return line !== "";
    });
    return line;
  });
  expect(new Set(lines)).toEqual(new Set(["/a 500 NFCF"]));
});

async function agree<T>(run: (side: Side) => Promise<T>): Promise<void> {
  const [ours, theirs] = await onSides(sides, run);
  if (theirs !== undefined) expect(ours).toEqual(theirs);
}

/** The status, and whether the health_check filter answered. */
function ask(side: Side, place: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: side.ports[place], path, agent: false }, (response) => {
      response.resume();
      const isChecked = response.headers["x-envoy-upstream-healthchecked-cluster"] !== undefined;
      response.on("end", () => resolve(`${response.statusCode} ${isChecked ? "checked" : ""}`));
    }).on("error", reject);
  });
}

async function stats(side: Side): Promise<Record<string, string>> {
  const answer = await fetch(`http://127.0.0.1:${side.adminPort}/stats?filter=^extension_config`);
  const lines = [...(await answer.text()).matchAll(/^(\S+): (.*)$/gm)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]);
  return Object.fromEntries(lines.filter(([name = ""]) => !/\.(update_time|update_duration|version)$/.test(name)));
}

/** In the order of names. */
async function dumped(side: Side): Promise<object[]> {
  const { configs } = (await (await fetch(`http://127.0.0.1:${side.adminPort}/config_dump`)).json()) as {
    configs: { "@type": string; ecds_filters?: { ecds_filter?: { name: string }; last_updated: string }[] }[];
  };
  const dump = configs.find((config) => config["@type"].endsWith(".EcdsConfigDump"));
  return (dump?.ecds_filters ?? [])
    .filter(({ ecds_filter }) => ecds_filter !== undefined)
    .map(({ last_updated: _, ...rest }) => rest)
    .sort((a, b) => String(a.ecds_filter?.name).localeCompare(String(b.ecds_filter?.name)));
}

function put(side: string, filter: string, version: string, resources: readonly object[]): void {
  const file = join(root, side, `${filter}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ version_info: version, resources }));
  renameSync(`${file}.new`, file);
}

function extension(name: string, config: object): object {
  return { "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", name, typed_config: config };
}

function health(name: string, path: string): object {
  return extension(name, healthConfig(path));
}

function healthConfig(path: string): object {
  const headers = [{ name: ":path", string_match: { suffix: path } }];
  return { "@type": healthType, pass_through_mode: false, headers };
}

const filters = "type.googleapis.com/envoy.extensions.filters.http";
const healthType = `${filters}.health_check.v3.HealthCheck`;
const corsType = `${filters}.cors.v3.Cors`;
const routerType = `${filters}.router.v3.Router`;
const routes = [
  {
    match: { prefix: "/on" },
    direct_response: { status: 200 },
    typed_per_filter_config: {
      off: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", config: { "@type": corsType } },
    },
  },
  { match: { prefix: "/" }, direct_response: { status: 200 } },
];
