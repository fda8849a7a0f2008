import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { peer } from "./peers.ts";

// Every command of the README and of docs/ is run as it stands there.

const repository = join(import.meta.dirname, "..");
const nuncio = join(repository, "bin/nuncio");
const documents = ["README.md", "docs/life-of-a-request.md", "docs/differences.md", "SECURITY.md"];
const commands = documents.flatMap((file) => shellLines(readFileSync(join(repository, file), "utf8")));

const started: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), "nuncio-readme-"));
afterAll(async () => {
  await Promise.all(started.map(end));
  rmSync(folder, { recursive: true });
});

test("the commands are known, so that a new one gets its test", () => {
  expect(commands).toEqual([
    "npm ci && npm start",
    "npm ci && npm test",
    "bin/nuncio --mode validate -c examples/weighted.yaml",
    "bin/nuncio -c examples/weighted.yaml",
    "curl -s http://127.0.0.1:9901/ready",
    "curl -s 'http://127.0.0.1:9901/stats?usedonly&filter=http.demo'",
    "curl -s http://127.0.0.1:9901/clusters",
    "curl -s http://127.0.0.1:9901/config_dump",
    "npm run bench -- --cases small,prefix-10000 --proxies nuncio,envoy --seconds 1 --rounds 1",
  ]);
});

test("links lead somewhere", () => {
  for (const file of documents) {
    const text = readFileSync(join(repository, file), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      expect(existsSync(join(repository, dirname(file), target)), `${file}: ${target}`).toBe(true);
    }
  }
});

test("paths that the walk through the code names are there", () => {
  const text = readFileSync(join(repository, "docs/life-of-a-request.md"), "utf8");
  const paths = [...text.matchAll(/`((?:src|test)\/[^`]+)`/g)].map((match) => match[1] ?? "");
  expect(paths.length).toBeGreaterThan(30);
  for (const path of paths) expect(existsSync(join(repository, path)), path).toBe(true);
});

describe("examples", () => {
  test.each(["demo", "weighted", "access-log", "websocket"])("%s is good for Nuncio and for Envoy", (name) => {
    const file = `examples/${name}.yaml`;
    const run = spawnSync(nuncio, ["--mode", "validate", "-c", file], { cwd: repository, encoding: "utf8" });
    expect([run.status, run.stdout, run.stderr]).toEqual([0, `configuration '${file}' OK\n`, ""]);
    const envoy = peer("envoy");
    if (envoy !== null) {
      expect(spawnSync(envoy, ["--mode", "validate", "-c", file, "-l", "error"], { cwd: repository }).status).toBe(0);
    } else expect(process.env.CI).not.toBe("true");
  });
});

test("bin/nuncio -c examples/weighted.yaml serves", async () => {
  const child = start(nuncio, ["-c", "examples/weighted.yaml"], repository);
  await answers("http://127.0.0.1:9901/ready");
  expect(sh("curl -s -H 'Host: shop.example' http://127.0.0.1:10000/healthz")).toBe("ok\n");
  await end(child);
});

test("npm start prints six lines, and what they say to try works, the admin's addresses of the README too", async () => {
  const child = start("sh", ["-c", "npm start --silent"], repository);
  const text = await output(child, 6);
  const lines = text.trimEnd().split("\n");
  expect(lines.map((line) => line.split(" ")[0])).toEqual(["listening", "admin", "routes", "clusters", "try", "stop"]);
  const tried = sh(/try +(curl .*)/.exec(text)?.[1] ?? "false");
  expect(tried).toMatch(/^HTTP\/1\.1 200 OK/);
  for (const command of commands.filter((line) => line.startsWith("curl"))) {
    const port = /admin +http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? "9901";
    expect(sh(command.replace("9901", port)).length, command).toBeGreaterThan(3);
  }
  await end(child);
});

// A clean clone takes a minute: where CI runs the rest from one anyway, and on request.
const isCleanCloneWanted = process.env.CI === "true" || process.env.NUNCIO_CLEAN_CLONE === "1";

describe.runIf(isCleanCloneWanted)("in a clean clone, with the system's own Node first", () => {
  const clone = join(folder, "clone");
  const env = { ...process.env, PATH: `/usr/local/bin${delimiter}/usr/bin${delimiter}${process.env.PATH}`, CI: "" };

  test("npm ci && npm start proxies", { timeout: 180_000 }, async () => {
    expect(spawnSync("git", ["clone", "-q", repository, clone]).status).toBe(0);
    const install = spawnSync("sh", ["-c", "npm ci --no-audit --no-fund"], { cwd: clone, env, encoding: "utf8" });
    expect(install.status, install.stderr).toBe(0);
    const child = start("sh", ["-c", "npm start --silent"], clone, env);
    const text = await output(child, 6);
    expect(sh(/try +(curl .*)/.exec(text)?.[1] ?? "false")).toMatch(/^HTTP\/1\.1 200 OK/);
    await end(child);
  });

  test("npm test runs its tests", { timeout: 180_000 }, () => {
    // All of them are this run: a part tells that the command works there.
    const run = spawnSync("sh", ["-c", "npm test -- src/http"], { cwd: clone, env, encoding: "utf8" });
    expect(run.status, run.stdout + run.stderr).toBe(0);
  });

  test("npm run bench makes its table", { timeout: 180_000 }, () => {
    const run = spawnSync("sh", ["-c", commands.at(-1) ?? ""], { cwd: repository, env, encoding: "utf8" });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(/nuncio +\d/);
  });
});

function shellLines(text: string): string[] {
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? "").trimEnd().split("\n"));
}

function start(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  started.push(child);
  return child;
}

/** What it prints, once there are as many lines. */
function output(child: ChildProcess, lines: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    let errors = "";
    child.stderr?.on("data", (data: Buffer) => (errors += data.toString()));
    child.stdout?.on("data", (data: Buffer) => {
      text += data.toString();
      if (text.split("\n").length > lines) resolve(text);
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}:\n${text}${errors}`)));
  });
}

/** Ends it and what it started: npm does not pass signals on to a process group. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGTERM");
  setTimeout(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), "SIGTERM");
  }, 100);
  await gone;
}

async function answers(url: string): Promise<void> {
  await expect
    .poll(
      () =>
        fetch(url).then(
          (answer) => answer.status,
          () => 0,
        ),
      { timeout: 15_000 },
    )
    .toBe(200);
}

function sh(command: string): string {
  return spawnSync("sh", ["-c", command], { encoding: "utf8" }).stdout;
}
