import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

// The API is the main thread's: it would cost each worker 6 MB and half of the time that it takes to start.

test("a worker loads no message of the API", () => {
  const list = `
    const { registerHooks } = await import("node:module");
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    await import(${JSON.stringify(join(import.meta.dirname, "worker.ts"))}).catch(() => {});
    console.log(JSON.stringify(urls));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", list], { encoding: "utf8" });
  const urls = JSON.parse(out) as string[];
  expect(urls.some((url) => url.endsWith("/proxy/stream.ts"))).toBe(true);
  expect(urls.filter((url) => /\/proto\/generated\/|\/@bufbuild\//.test(url))).toEqual([]);
});
