import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// No container engine builds the image where the tests run: this reads the Dockerfile for what can be known without one.
// test/launcher.test.ts runs the entry point, test/package.test.ts what the image runs, by its user and on a root nobody may write.

const repository = join(import.meta.dirname, "..");
const lines = readFileSync(join(repository, "Dockerfile"), "utf8")
  .replace(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const of = (instruction: string) =>
  lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));

test("what is copied is in the repository, or made by the build", () => {
  const made = ["node_modules", "dist"];
  const sources = of("COPY").flatMap((line) =>
    line
      .replace(/^--from=build /, "")
      .split(/ +/)
      .slice(0, -1),
  );
  expect(sources.length).toBeGreaterThan(10);
  for (const source of sources) {
    const path = source.replace("/opt/nuncio/", "");
    expect(made.includes(path) || existsSync(join(repository, path)), source).toBe(true);
  }
});

test("what the package holds is in the image", () => {
  const { files } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { files: string[] };
  const copied = of("COPY").join("\n");
  for (const file of files.filter((name) => !["docs", "SECURITY.md"].includes(name))) expect(copied).toContain(file);
});

test("what the build runs is not kept from it", () => {
  const ignored = readFileSync(join(repository, ".dockerignore"), "utf8").trim().split("\n");
  for (const needed of ["scripts", "src", "bin", "examples", "docker-entrypoint.sh", "package-lock.json"]) {
    expect(ignored).not.toContain(needed);
  }
});

test("executable, user, port, entry point and command are those of Envoy's image", () => {
  expect(of("RUN").join("\n")).toContain("ln -s /opt/nuncio/bin/nuncio /usr/local/bin/envoy");
  expect(of("USER")).toEqual(["65532:65532"]);
  expect(of("EXPOSE")).toEqual(["10000"]);
  expect(of("ENTRYPOINT")).toEqual(['["/docker-entrypoint.sh"]']);
  expect(of("CMD")).toEqual(['["envoy", "-c", "/etc/envoy/envoy.yaml"]']);
});

test("compiled code is made by the user that serves: Node keeps a cache for each", () => {
  const user = lines.findIndex((line) => line.startsWith("USER "));
  const warms = lines.findIndex((line) => line.startsWith("RUN envoy "));
  expect(warms).toBeGreaterThan(user);
});
