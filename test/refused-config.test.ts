import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "./differential/process.ts";
import { until } from "./until.ts";

// docs/refused-config.md: its files are made, its commands run, and they print what it shows. Only ports and times are changed.

const repository = join(import.meta.dirname, "..");
const page = join(repository, "docs/refused-config.md");
const folder = mkdtempSync(join(tmpdir(), "nuncio-refused-config-"));
const fences = [...readFileSync(page, "utf8").matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)].map(
  ([, kind = "", text = ""]) => ({ kind, text }),
);
const files = fences.filter(({ kind }) => kind === "yaml").map(({ text }) => text);
const texts = fences.filter(({ kind }) => kind === "text").map(({ text }) => text);
const commands = fences.filter(({ kind }) => kind === "sh").map(({ text }) => text);
let ports: [admin: string, listener: string] = ["", ""];
let child: ChildProcess | null = null;
let exited = Promise.resolve();
let output = "";

beforeAll(async () => {
  ports = (await freePorts(2)).map(String) as typeof ports;
  const [bootstrap = "", routes = "", bad = ""] = files.map(withPorts);
  writeFileSync(join(folder, "envoy.yaml"), bootstrap);
  writeFileSync(join(folder, "routes.yaml"), routes);
  child = spawn(
    join(repository, "bin/nuncio"),
    ["-c", "envoy.yaml", "--concurrency", "1", "--file-flush-interval-msec", "50"],
    { cwd: folder },
  );
  exited = new Promise((resolve) => child?.once("exit", () => resolve()));
  child.stderr?.on("data", (data: Buffer) => (output += data.toString()));
  await until(async () => output.includes("starting main dispatch loop"));
  put(bad);
  await until(async () => output.includes("it differs from what serves"));
}, 60_000);
afterAll(async () => {
  child?.kill("SIGKILL");
  await exited;
  rmSync(folder, { recursive: true });
});

test("the log", () => {
  expect(masked(output.slice(output.indexOf("RouteConfiguration version")))).toBe(texts[0]);
});

for (const [i, name] of ["status", "history", "diff", "dump", "stats"].entries())
  test(name, () => expect(masked(run(commands[i] ?? ""))).toBe(texts[i + 1]));

test("the NACK is the details with the resource's name", async () => {
  const answer = await fetch(`http://127.0.0.1:${ports[0]}/config_dump?resource=dynamic_route_configs`);
  const { configs } = (await answer.json()) as { configs: { error_state: { details: string } }[] };
  expect(`shop: ${configs[0]?.error_state.details}\n`).toBe(texts[6]);
});

test("the rest of the update", async () => {
  const [alone = "", ask = ""] = commands.slice(5);
  run(alone);
  await until(async () => output.includes("what has no fault in it is taken"));
  run(ask.split(";")[0] ?? "");
  await until(async () => {
    run(ask.split(";")[0] ?? "");
    return run("cat access.log").includes(" 500 ");
  });
  expect(run("grep ' 500 ' access.log | tail -n 1")).toBe(texts[7]);
});

function put(routes: string): void {
  const file = join(folder, "routes.yaml");
  writeFileSync(`${file}.new`, routes);
  renameSync(`${file}.new`, file);
}

/** What a command prints, whatever its exit code is. */
function run(command: string): string {
  const line = withPorts(command).replaceAll(/^nuncio config \w+/gm, `$& --admin 127.0.0.1:${ports[0]}`);
  const env = { ...process.env, PATH: `${join(repository, "bin")}:${process.env.PATH}` };
  return execFileSync("sh", ["-c", `${line.trimEnd()} || true`], { cwd: folder, env, encoding: "utf8" });
}

function withPorts(text: string): string {
  return text.replaceAll("9901", ports[0]).replaceAll("10000", ports[1]);
}

function masked(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-11-25T22:15:58.471Z");
}
