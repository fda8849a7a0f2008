import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "./differential/process.ts";

// What `npm publish` would send, unpacked and run elsewhere, as the image runs it: another user, HOME unset, a folder nobody may write to.

const repository = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "nuncio-package-"));
const started: ChildProcess[] = [];
let tarball = "";

beforeAll(() => {
  chmodSync(folder, 0o755);
  const { stdout, stderr, status } = sh(`npm pack --silent --pack-destination ${folder}`, repository);
  expect(status, stdout + stderr).toBe(0);
  tarball = join(folder, stdout.trim().split("\n").at(-1) ?? "");
});

afterAll(() => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

describe("the package beside the dependencies of this checkout", () => {
  const app = join(folder, "beside");

  beforeAll(() => {
    const modules = join(app, "node_modules");
    mkdirSync(join(modules, ".bin"), { recursive: true });
    expect(sh(`tar xzf ${tarball} && mv package node_modules/nuncio`, app).status).toBe(0);
    symlinkSync("../nuncio/bin/nuncio", join(modules, ".bin/nuncio"));
    for (const name of dependencies()) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(repository, "node_modules", name), join(modules, name));
    }
  });

  test("holds what it says, and nothing that only tests or the build use", () => {
    const root = join(app, "node_modules/nuncio");
    const all = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    expect(all.filter((file) => !/^(dist|docs|examples)\//.test(file)).sort()).toEqual([
      "LICENSE",
      "NOTICE",
      "README.md",
      "SECURITY.md",
      "bin/nuncio",
      "package.json",
      "scripts/find-node",
    ]);
    const code = all.filter((file) => file.startsWith("dist/") && !file.startsWith("dist/proto/generated/"));
    // A file of types alone is imported by none once it is compiled.
    const imported = reachable(root);
    const left = code.filter(
      (file) => !imported.has(file) && !/^export \{\};\s*$/m.test(readFileSync(join(root, file), "utf8")),
    );
    expect(left).toEqual([]);
  });

  runs(app);
});

// A real installation asks the registry for what npm has not in its cache.
const isInstallWanted = process.env.CI === "true" || process.env.NUNCIO_CLEAN_CLONE === "1";

describe.runIf(isInstallWanted)("the package as npm installs it", () => {
  const app = join(folder, "installed");

  beforeAll(() => {
    mkdirSync(app);
    const install = sh(`npm install --prefer-offline --no-audit --no-fund ${tarball}`, app);
    expect(install.status, install.stderr).toBe(0);
  });

  runs(app);
});

function runs(app: string): void {
  const nuncio = join(app, "node_modules/.bin/nuncio");
  const example = join(app, "node_modules/nuncio/examples/demo.yaml");

  test("--version answers in Envoy's form", () => {
    const { stdout, status } = spawnSync(nuncio, ["--version"], { encoding: "utf8" });
    expect([stdout.trim(), status]).toEqual([expect.stringMatching(/^nuncio {2}version: .*\/1\.40\.0\//), 0]);
  });

  test("--mode validate takes an example", () => {
    const { stdout, stderr, status } = spawnSync(nuncio, ["--mode", "validate", "-c", example], { encoding: "utf8" });
    expect([stdout, stderr, status]).toEqual([`configuration '${example}' OK\n`, "", 0]);
  });

  test("serves where it may write nothing, and ends at SIGTERM with 0", async () => {
    const [port = 0, adminPort = 0] = await freePorts(2);
    const file = join(folder, `${port}.yaml`);
    const text = readFileSync(example, "utf8");
    writeFileSync(file, text.replace("port_value: 10000 ", `port_value: ${port} `).replace("9901", `${adminPort}`));
    const root = process.getuid?.() === 0;
    const child = spawn(nuncio, ["-c", file, "--concurrency", "1"], {
      cwd: "/",
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "ignore", "pipe"],
      ...(root ? { uid: 65532, gid: 65532 } : {}),
    });
    started.push(child);
    let errors = "";
    child.stderr?.on("data", (data: Buffer) => (errors += data.toString()));
    const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${adminPort}/ready`)
            .then((answer) => answer.status)
            .catch(() => errors),
        {
          timeout: 15_000,
        },
      )
      .toBe(200);
    const answer = await fetch(`http://127.0.0.1:${port}/hello`);
    expect(await answer.text()).toBe("hello from the proxy\n");
    child.kill("SIGTERM");
    expect(await exited, errors).toBe(0);
  });
}

/** Every compiled file outside the generated ones that the two entry points import, at once or later. */
function reachable(root: string): Set<string> {
  const found = new Set<string>();
  const open = ["dist/server/main.js", "dist/server/worker.js"];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file) || file.startsWith("dist/proto/generated/")) continue;
    found.add(file);
    const text = readFileSync(join(root, file), "utf8");
    for (const [, target = ""] of text.matchAll(/(?:from|import|import\()\s*"(\.[^"]+)"/g)) {
      open.push(join(dirname(file), target));
    }
    // What is loaded when it is first needed.
    for (const [, target = ""] of text.matchAll(/require\(`(\.\/[\w/]+)\$\{/g))
      open.push(join(dirname(file), `${target}.js`));
  }
  return found;
}

/** All that the package's own dependencies need, as npm laid them out here: the folders of node_modules and its scopes. */
function dependencies(): string[] {
  const modules = join(repository, "node_modules");
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((sub) => `${name}/${sub}`) : [name],
    );
}

function sh(command: string, cwd: string) {
  return spawnSync("sh", ["-c", command], { cwd, encoding: "utf8" });
}
