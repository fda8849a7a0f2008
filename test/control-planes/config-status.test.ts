import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { until } from "../until.ts";
import { apiSource, xdsCluster } from "./control-plane.ts";
import { FileSide } from "./file-side.ts";
import { fileText } from "./test-resources.ts";

// /config_status, /config_history and /config_diff, and `nuncio config` that asks for them, of a proxy with its config in files.

const root = mkdtempSync(join(tmpdir(), "nuncio-status-"));
const nuncio = new FileSide("nuncio", candidateCommand, root);

beforeAll(async () => {
  const [nobody = 0] = await freePorts(1);
  await nuncio.start(1, { static_resources: { clusters: [xdsCluster(nobody)] } });
}, 60_000);
afterAll(async () => {
  await nuncio.stop();
  rmSync(root, { recursive: true });
});

test("all is in force", async () => {
  expect(await config("status")).toMatchObject({ code: 0, stderr: "" });
  const { stdout } = await config("status");
  expect(stdout.split("\n")[0]).toBe("serving; all config is in force");
  expect(stdout).toMatch(/^Listener \(lds\): 1 resource\n {2}from .*\/lds\.yaml: read since \S+Z; taken \S+Z$/m);
  expect((await config("diff")).stdout).toBe("nothing is refused\n");
});

describe("a listener is refused", () => {
  beforeAll(async () => {
    const text = fileText(nuncio.files.listeners([["main", nuncio.port]], "changed")).replace("127.0.0.1", "nowhere");
    nuncio.put("lds", text.replace("{", '{"version_info": "2", '));
    await until(async () => (await nuncio.stat("listener_manager.lds.update_rejected")) === 1);
  });

  test("status says which, why, with what value, and how it differs from what serves", async () => {
    const { code, stdout } = await config("status", "--type", "lds");
    expect(code).toBe(2);
    const lines = stdout.split("\n").map((line) => line.replaceAll(/\d{4}-\S+Z/g, "TIME"));
    expect(lines[0]).toBe("serving; 1 refused");
    expect(lines.slice(4)).toEqual([
      '  REFUSED main, version "2", at TIME; the one before serves',
      expect.stringMatching(/^ {4}address\.socket_address\.address: "nowhere" is /),
      "      Envoy: malformed IP address: nowhere",
      "    it differs from what serves by",
      '      ~ address.socket_address.address: "127.0.0.1" -> "nowhere"',
      '      ~ filter_chains[0].filters[0].typed_config.server_name: "files" -> "changed"',
      "",
    ]);
  });

  test("status --json has the same for programs", async () => {
    const { code, stdout } = await config("status", "--json");
    expect(code).toBe(2);
    const { types } = JSON.parse(stdout) as { types: { type: string; refused: unknown[] }[] };
    expect(types.map(({ type }) => type)).toEqual(["lds", "rds", "cds", "eds"]);
    expect(types[0]?.refused).toMatchObject([
      {
        resource: "main",
        version: "2",
        live_version: "",
        problems: [
          { path: "address.socket_address.address", value: '"nowhere"', envoy: "malformed IP address: nowhere" },
        ],
        difference: [
          { path: "address.socket_address.address", before: "127.0.0.1", after: "nowhere" },
          { before: "files", after: "changed" },
        ],
      },
    ]);
  });

  test("history has the update and what it was refused for, newest first", async () => {
    const { stdout } = await config("history", "--type=lds");
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^#\d+ \S+Z lds version "2" from .*\/lds\.yaml: REFUSED$/);
    expect(lines[1]).toBe('  refused main, version "2"');
    expect(lines[2]).toMatch(/^ {4}address\.socket_address\.address: /);
    expect(lines[4]).toMatch(/^#\d+ \S+Z lds from .*\/lds\.yaml: taken$/);
    expect(lines[5]).toBe("  added main");
  });

  test("diff shows it, and with an update what that one changed", async () => {
    expect((await config("diff")).stdout).toMatch(/^lds main: refused, version "2"\n {2}~ address\./);
    const { stdout } = await config("history", "--json", "--type", "lds");
    const { updates } = JSON.parse(stdout) as { updates: { update: number }[] };
    const [refused, added] = updates.map(({ update }) => String(update));
    expect((await config("diff", "--update", refused ?? "")).stdout).toMatch(/-> "nowhere"/);
    expect((await config("diff", "--update", `#${added}`)).stdout).toMatch(/^lds main: added\n {2}there are no two/);
  });

  test("the log has one block of it", async () => {
    await until(async () => nuncio.output().includes("differs from what serves"));
    const output = nuncio.output();
    const at = output.indexOf('Listener version "2"');
    expect(output.slice(at).split("\n").slice(0, 6)).toEqual([
      `Listener version "2" from ${join(nuncio.folder, "lds.yaml")}: 1 refused; what was in force stays`,
      "  main (the one before serves)",
      expect.stringMatching(/^ {4}address\.socket_address\.address: /),
      "      Envoy: malformed IP address: nowhere",
      "    it differs from what serves by",
      '      ~ address.socket_address.address: "127.0.0.1" -> "nowhere"',
    ]);
    expect(output.match(/malformed IP address: nowhere/g)).toHaveLength(1);
  });

  test("the good one again ends it; the history keeps it", async () => {
    nuncio.put("lds", nuncio.files.listeners([["main", nuncio.port]]));
    await until(async () => (await config("status")).code === 0);
    expect((await config("history", "--resource", "main")).stdout).toMatch(/refused main, version "2"/);
  });
});

test("a file that cannot be read is told with its line and column", async () => {
  nuncio.put("rds", "resources: [{");
  await until(async () => (await config("status")).stdout.includes("unreadable"));
  const { stdout } = await config("status", "--type", "rds");
  expect(stdout).toMatch(/^serving; 1 without a source\n/);
  expect(stdout).toMatch(/\/rds\.yaml: unreadable since \S+Z; taken \S+Z\n {4}rds\.yaml:1:\d+: /);
  nuncio.put("rds", nuncio.files.routes("1", "app"));
  await until(async () => !(await config("status")).stdout.includes("unreadable"));
});

test("what a listener waits for, from a control plane that is not there", async () => {
  const source = { resource_api_version: "V3", initial_fetch_timeout: "0s", api_config_source: apiSource("GRPC") };
  const rds = { route_config_name: "never", config_source: source };
  nuncio.put("lds", nuncio.files.listeners([["main", nuncio.port]], "files", [], { rds }));
  await until(async () => (await config("status")).stdout.includes("WAITING"));
  const { stdout } = await config("status");
  expect(stdout).toMatch(/^ {2}WAITING main since \S+Z for routes "never"; the version before serves$/m);
  await until(async () => / {2}from cluster xds, .*: disconnected since /.test((await config("status")).stdout));
});

const faults: [name: string, args: string[], stderr: RegExp][] = [
  ["no such command", ["stat"], /^there is no "config stat"; there are status, history, diff\nnuncio config --help/],
  ["no such option", ["status", "--update", "1"], /^"config status" has no --update\n/],
  ["an option without its value", ["diff", "--type"], /^--type lacks its value\n/],
  ["no such type", ["status", "--type", "ldss"], /^there is no type "ldss"\. Did you mean "lds"\? There are lds, rds/],
  ["no such update", ["diff", "--update", "99999"], /^update 99999 is not kept; /],
  ["an update that is no number", ["diff", "--update", "x"], /^update "x" is no number\n/],
  ["an address that is none", ["status", "--admin", "nonsense"], /^--admin nonsense: a host:port, or the path/],
  ["nobody there", ["status", "--admin", "127.0.0.1:1"], /^no proxy answers at 127\.0\.0\.1:1: connection refused\n/],
  ["no such socket", ["status", "--admin", "/nowhere.sock"], /^no proxy answers at \/nowhere\.sock: there is no such/],
];
for (const [name, args, stderr] of faults) {
  test(`nuncio config: ${name} is told`, async () => {
    const result = await config(...args);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(stderr);
  });
}

/** Runs `nuncio config`, on the proxy of this test unless another address is given. */
function config(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [command = "", ...rest] = args;
  const admin = args.includes("--admin") ? [] : ["--admin", `127.0.0.1:${nuncio.adminPort}`];
  return new Promise((resolve) => {
    execFile(
      join(import.meta.dirname, "../../bin/nuncio"),
      ["config", command, ...admin, ...rest],
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}
