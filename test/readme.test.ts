import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

// Every command of the README and of docs/ is run as it stands there.

const repository = join(import.meta.dirname, "..");
const nuncio = join(repository, "bin/nuncio");
const documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...globSync("docs/*.md", { cwd: repository })];
const fences = documents.flatMap((file) => fencesOf(file, readFileSync(join(repository, file), "utf8")));
const commands = fences.filter(({ info }) => info === "sh").flatMap(({ text }) => text.trimEnd().split("\n"));
const isServing = (command: string) =>
  command.startsWith("bin/nuncio ") && !/--mode validate|^bin\/nuncio (explain|route-check) -c/.test(command);
const inClone = commands.filter((command) => /^npm (ci|run bench)/.test(command));
const onDemo = commands.filter((command) => command.startsWith("curl "));
const plain = commands.filter((line) => !isServing(line) && !inClone.includes(line) && !onDemo.includes(line));

const started: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), "nuncio-readme-"));
afterAll(async () => {
  await Promise.all(started.map(end));
  rmSync(folder, { recursive: true });
});

test("the two commands of the set-up come first", () => {
  expect(commands.slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm test"]);
});

// A command is a fence with the word sh. One that is not to be run says so: "sh not-run: reason".
test.each(fences)("$file line $line: the fence says what it holds", ({ info }) => {
  expect(info).toMatch(/^(sh|yaml|text|ts|sh not-run: .+)$/);
});

test("the mistakes of the README are told in its words", () => {
  const at = fences.findIndex(({ file, info }) => file === "README.md" && info === "yaml");
  writeFileSync(join(folder, "envoy.yaml"), fences[at]?.text ?? "");
  const run = spawnSync(nuncio, ["-c", "envoy.yaml"], { cwd: folder, encoding: "utf8" });
  expect([run.status, run.stdout, run.stderr]).toEqual([1, "", fences[at + 1]?.text]);
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

test("what the walk through the code names is in the code", () => {
  const walk = readFileSync(join(repository, "docs/life-of-a-request.md"), "utf8");
  const names = globSync("src/**/*.ts", { cwd: repository, exclude: ["**/generated/**"] });
  const sources = names.map((file) => readFileSync(join(repository, file), "utf8"));
  for (const [, file = ""] of walk.matchAll(/`([\w-]+\.ts)`/g)) {
    expect(
      names.some((name) => name.endsWith(`/${file}`)),
      file,
    ).toBe(true);
  }
  const members = [...walk.matchAll(/`(\w+)\.(#?\w+)`/g)].filter(([, , member]) => member !== "ts");
  expect(members.length).toBeGreaterThan(10);
  for (const [name, owner = "", member = ""] of members) {
    const isThere = new RegExp(`\\b(?:class|interface) ${owner}\\b[\\s\\S]*^ {2}${member}\\(`, "m");
    expect(
      sources.some((text) => isThere.test(text)),
      name,
    ).toBe(true);
  }
});

test.each(plain)("%s", (command) => {
  const run = spawnSync("sh", ["-c", command], { cwd: repository, encoding: "utf8" });
  expect(run.status, run.stdout + run.stderr).toBe(0);
});

test.each(commands.filter(isServing))("%s serves", async (command) => {
  const child = start("sh", ["-c", `exec ${command}`], repository);
  await answers("http://127.0.0.1:9901/ready");
  await end(child);
});

test("npm start prints six lines, what they say to try works, and each curl of the documents", async () => {
  const child = start("sh", ["-c", "npm start --silent"], repository);
  const text = await output(child, 6);
  const lines = text.trimEnd().split("\n");
  expect(lines.map((line) => line.split(" ")[0])).toEqual(["listening", "admin", "routes", "clusters", "try", "stop"]);
  const tried = sh(/try +(curl .*)/.exec(text)?.[1] ?? "false");
  expect(tried).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(onDemo.length).toBeGreaterThan(3);
  for (const command of onDemo) {
    const port = /admin +http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? "9901";
    const answer = sh(`${command.replace("9901", port)} -w '\\n%{http_code}'`);
    expect(answer, command).toMatch(/\S[\s\S]*\n200$/);
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
    const run = spawnSync("sh", ["-c", inClone.find((command) => command.startsWith("npm run bench")) ?? "false"], {
      cwd: repository,
      env,
      encoding: "utf8",
    });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(/nuncio +\d/);
  });
});

function fencesOf(file: string, text: string): { file: string; line: number; info: string; text: string }[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split("\n").length,
    info: match[1] ?? "",
    text: match[2] ?? "",
  }));
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
