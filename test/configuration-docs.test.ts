import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configurationPage, coverageTables } from "../scripts/configuration-docs.ts";

const repository = join(import.meta.dirname, "..");

test("docs/configuration.md is what `npm run docs` writes", async () => {
  const page = readFileSync(join(repository, "docs/configuration.md"), "utf8");
  expect(page, "run `npm run docs`").toBe(await configurationPage());
});

test("every call of checkCoverage is in it, none twice for one message and side", async () => {
  const files = globSync("src/**/*.ts", { cwd: repository, exclude: ["**/generated/**"] });
  const calls = files.map((file) => readFileSync(join(repository, file), "utf8").split(/\bcheckCoverage\(/).length - 1);
  const tables = await coverageTables();
  expect(tables).toHaveLength(calls.reduce((sum, count) => sum + count, 0));
  const page = await configurationPage();
  const headings = page.split("\n").filter((line) => line.startsWith("### "));
  expect(new Set(headings).size).toBe(tables.length);
});
