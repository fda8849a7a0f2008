import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

// The launcher and the image's entry point, run with stand-ins that print what they were given.

const repository = join(import.meta.dirname, "..");
const folder = realpathSync(mkdtempSync(join(tmpdir(), "launcher-")));
afterAll(() => rmSync(folder, { recursive: true }));

const printsItself =
  '#!/bin/sh\necho "pid=$$"\necho "cache=${NODE_COMPILE_CACHE-}"\nfor argument; do echo "$argument"; done\n';
const fakeNode = write("fake-node", printsItself);

describe("bin/nuncio", () => {
  const published = layOut("published", ["dist/server/main.js"]);
  const checkout = layOut("checkout", ["dist/server/main.js", "src/server/main.ts"]);

  test("becomes Node, with the arguments as they were given", async () => {
    const { pid, lines } = await run(join(published, "bin/nuncio"), ["demo", "two words", ""]);
    expect(lines[0]).toBe(`pid=${pid}`);
    expect(lines.slice(2)).toEqual([
      "--v8-pool-size=0",
      "--disable-warning=ExperimentalWarning",
      join(published, "dist/server/main.js"),
      "demo",
      "two words",
      "",
    ]);
  });

  test("prefers the sources of a checkout to what was once compiled", async () => {
    const { lines } = await run(join(checkout, "bin/nuncio"), []);
    expect(lines[4]).toBe(join(checkout, "src/server/main.ts"));
  });

  test("finds its package through links named envoy", async () => {
    mkdirSync(join(folder, "links"));
    symlinkSync("../published/bin/nuncio", join(folder, "links/nuncio"));
    symlinkSync("nuncio", join(folder, "links/envoy"));
    const { lines } = await run("envoy", ["-c", "x.yaml"], { PATH: `${folder}/links:${process.env.PATH}` });
    expect(lines.slice(4)).toEqual([join(published, "dist/server/main.js"), "-c", "x.yaml"]);
  });

  test("keeps compiled code in the user's cache, or where NODE_COMPILE_CACHE says", async () => {
    const home = await run(join(published, "bin/nuncio"), [], { HOME: folder, XDG_CACHE_HOME: "" });
    expect(home.lines[1]).toBe(`cache=${folder}/.cache/nuncio/code`);
    const chosen = await run(join(published, "bin/nuncio"), [], { HOME: folder, NODE_COMPILE_CACHE: "/chosen" });
    expect(chosen.lines[1]).toBe("cache=/chosen");
  });

  test("starts without a cache, and without a word, where none can be written", async () => {
    for (const home of ["/proc/none", undefined]) {
      const { lines, stderr, code } = await run(join(published, "bin/nuncio"), [], { HOME: home });
      expect([lines[1], stderr, code]).toEqual(["cache=", "", 0]);
    }
  });

  /** A package with empty main files, the real launcher, and no need to generate. */
  function layOut(name: string, mains: string[]): string {
    const root = join(folder, name);
    for (const main of mains) write(join(name, main), "");
    write(join(name, "scripts/generate-if-missing"), "#!/bin/sh\n");
    for (const file of ["bin/nuncio", "scripts/find-node"]) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      copyFileSync(join(repository, file), join(root, file));
    }
    return root;
  }
});

describe("docker-entrypoint.sh", () => {
  write("image/envoy", printsItself);
  write("image/other", printsItself);
  const cases = [
    { name: "the image's command runs as it is", args: ["envoy", "-c", "x.yaml"], runs: ["-c", "x.yaml"] },
    { name: "flags alone belong to envoy", args: ["--mode", "validate"], runs: ["--mode", "validate"] },
    { name: "no argument runs envoy", args: [], runs: [] },
    {
      name: "loglevel sets --log-level",
      args: ["-c", "x y"],
      loglevel: "debug",
      runs: ["-c", "x y", "--log-level", "debug"],
    },
    { name: "another command is left alone", args: ["other", "-x"], loglevel: "debug", runs: ["-x"] },
  ];
  for (const { name, args, loglevel = "", runs } of cases) {
    test(name, async () => {
      const { pid, lines } = await run(join(repository, "docker-entrypoint.sh"), args, {
        PATH: `${folder}/image:${process.env.PATH}`,
        loglevel,
      });
      expect(lines[0]).toBe(`pid=${pid}`);
      expect(lines.slice(2)).toEqual(runs);
    });
  }
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, NUNCIO_NODE: fakeNode, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  return { pid: child.pid, lines: stdout.split("\n").slice(0, -1), stderr, code };
}
