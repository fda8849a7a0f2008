import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { until } from "../until.ts";
import { apiSource, xdsCluster } from "./control-plane.ts";
import { FileSide } from "./file-side.ts";
import { fileText, type Resource } from "./test-resources.ts";

// What /config_dump says of versions that are refused, beside Envoy, which says it of listeners only.

const root = mkdtempSync(join(tmpdir(), "nuncio-refused-"));
const nuncio = new FileSide("nuncio", candidateCommand, root);
const envoy = new FileSide("envoy", peer("envoy"), root);
const sides = envoy.command === null ? [nuncio] : [nuncio, envoy];

beforeAll(async () => {
  if (process.env.CI === "true") expect(envoy.command).not.toBe(null);
  const [nobody = 0] = await freePorts(1);
  for (const side of sides) await side.start(1, { static_resources: { clusters: [xdsCluster(nobody)] } });
}, 60_000);
afterAll(async () => {
  for (const side of sides) await side.stop();
  rmSync(root, { recursive: true });
});

test("a listener: the failed configuration, the time and the reason stand beside the one in force", async () => {
  const dumps: unknown[] = [];
  for (const side of sides) {
    const rejected = await side.stat("listener_manager.lds.update_rejected");
    side.put(
      "lds",
      fileText([
        ...bad(side.files.listeners([["main", side.port]], "refused")),
        ...bad(side.files.listeners([["new", side.otherPort]])),
      ]),
    );
    await until(async () => (await side.stat("listener_manager.lds.update_rejected")) > rejected);
    expect(await errorOf(side, "dynamic_listeners", 0)).toMatchObject({ last_update_attempt: isTime });
    dumps.push((await listeners(side)).map(({ name, ...state }) => comparable(side, { name, ...state })));
  }
  expect(dumps[0]).toMatchObject([
    { active_state: {}, error_state: { failed_configuration: { name: "main" } } },
    { error_state: { failed_configuration: { name: "new" } } },
  ]);
  if (dumps.length > 1) expect(dumps[0]).toEqual(dumps[1]);
});

test("the good one again: nothing is refused any more", async () => {
  for (const side of sides) {
    side.put("lds", side.files.listeners([["main", side.port]]));
    await until(async () => (await listeners(side)).length === 1);
    expect((await listeners(side))[0]).not.toHaveProperty("error_state");
  }
});

test("a listener that waits for routes is warming beside the one that serves", async () => {
  const source = { resource_api_version: "V3", initial_fetch_timeout: "0s", api_config_source: apiSource("GRPC") };
  const rds = { route_config_name: "never", config_source: source };
  const dumps: unknown[] = [];
  for (const side of sides) {
    side.put("lds", side.files.listeners([["main", side.port]], "files", [], { rds }));
    await until(async () => (await side.admin("/init_dump")).includes("RDS init never"));
    const waiting = (await side.admin("/init_dump")).replace(/main \d+/, "main");
    const [listener] = await listeners(side);
    await until(async () => (await side.stat("listener_manager.total_listeners_warming")) === 1);
    expect(await side.stat("listener_manager.total_listeners_active")).toBe(1);
    expect(listener).toMatchObject({ active_state: {}, warming_state: {} });
    dumps.push([waiting, comparable(side, listener as State)]);
    side.put("lds", side.files.listeners([["main", side.port]]));
    await until(async () => (await side.admin("/init_dump")) === "{}\n");
    expect((await listeners(side))[0]).not.toHaveProperty("warming_state");
  }
  if (dumps.length > 1) expect(dumps[0]).toEqual(dumps[1]);
});

const types = [
  {
    file: "cds",
    list: "dynamic_active_clusters",
    failed: { name: "app", connect_timeout: "-1s" },
    content: (side: FileSide) => side.files.clusters(["app"], "-1s"),
    good: (side: FileSide) => side.files.clusters(["app"]),
    details: /^connect_timeout: /,
  },
  {
    file: "eds",
    list: "dynamic_endpoint_configs",
    failed: { cluster_name: "service", endpoints: [{ priority: 200 }] },
    content: (side: FileSide) =>
      side.files.endpoints(1).map((resource) => ({ ...resource, endpoints: [{ priority: 200 }] })),
    good: (side: FileSide) => side.files.endpoints(1),
    details: /^endpoints\[0\]\.priority: /,
  },
  {
    file: "rds",
    list: "dynamic_route_configs",
    failed: { name: "routes", virtual_hosts: [{ name: "all" }, { name: "all" }] },
    content: (side: FileSide) => side.files.routes("2", "app", 2),
    good: (side: FileSide) => side.files.routes("1", "app"),
    details: /^virtual_hosts\[1\]/,
  },
];
for (const { file, list, failed, content, good, details } of types) {
  test(`${list} say what Envoy leaves out, until a good one comes`, async () => {
    nuncio.put(file, `{version_info: bad, resources: ${JSON.stringify(content(nuncio))}}`);
    await until(async () => (await errorOf(nuncio, list, 0)) !== undefined);
    expect(await errorOf(nuncio, list, 0)).toMatchObject({
      failed_configuration: failed,
      last_update_attempt: isTime,
      details: expect.stringMatching(details),
      version_info: "bad",
    });
    nuncio.put(file, good(nuncio));
    await until(async () => (await errorOf(nuncio, list, 0)) === undefined);
  });
}

interface State {
  name?: string;
  active_state?: unknown;
  error_state?: Record<string, unknown>;
}

/** Those with a name. Envoy lists each refusal once more without one. */
async function listeners(side: FileSide): Promise<State[]> {
  return (await dumped(side, "dynamic_listeners")).filter(({ name }) => name !== undefined);
}

async function errorOf(side: FileSide, list: string, index: number): Promise<Record<string, unknown> | undefined> {
  return (await dumped(side, list))[index]?.error_state;
}

async function dumped(side: FileSide, list: string): Promise<State[]> {
  const { configs } = JSON.parse(await side.admin("/config_dump?include_eds")) as {
    configs: Record<string, State[]>[];
  };
  return configs.flatMap((config) => config[list] ?? []);
}

/** Without times, ports and the words of the reason. */
function comparable(side: FileSide, state: State): unknown {
  return JSON.parse(
    JSON.stringify(state, (key, value) => (/^(last_|details)/.test(key) ? "" : value))
      .replaceAll(String(side.port), "1")
      .replaceAll(String(side.otherPort), "2")
      .replaceAll(side.folder, "FOLDER"),
  );
}

function bad(listeners: Resource[]): Resource[] {
  return listeners.map((listener) => ({
    ...listener,
    address: { socket_address: { address: "nowhere", port_value: 1 } },
  }));
}

const isTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
