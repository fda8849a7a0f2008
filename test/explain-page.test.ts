import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// docs/explain.md and the README: each `nuncio explain` of a file prints the text that follows it.

const repository = join(import.meta.dirname, "..");
const shown = ["docs/explain.md", "README.md"].flatMap((file) => {
  const text = readFileSync(join(repository, file), "utf8");
  return [...text.matchAll(/^```sh\n(bin\/nuncio explain .*)\n```\n+```text\n([\s\S]*?)^```$/gm)].map(
    ([, command = "", output = ""]) => ({ name: `${file}: ${command}`, command, output }),
  );
});

test("some are shown", () => expect(shown.length).toBeGreaterThan(2));

test.each(shown)("$name", ({ command, output }) => {
  expect(execFileSync("sh", ["-c", command], { cwd: repository, encoding: "utf8" })).toBe(output);
});
