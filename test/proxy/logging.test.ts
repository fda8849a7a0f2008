import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, type NuncioOptions, startNuncio } from "./nuncio.ts";

test("lines have Envoy's shape, and /logging changes what is written", async () => {
  const nuncio = await start({});
  const line =
    /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[\d+\]\[info\]\[main\] (?:admin address: .*|starting main dispatch loop)$/;
  const lines = nuncio.output().trimEnd().split("\n");
  expect(lines.filter((text) => line.test(text))).toHaveLength(2);
  expect((await nuncio.admin("/logging?level=off", "POST")).body).toContain("  main: off\n");
  const before = nuncio.output();
  nuncio.child.kill("SIGHUP");
  // Any of its threads may take it, as soon as the kernel lets that thread run.
  await expect.poll(() => readFileSync(`/proc/${nuncio.child.pid}/status`, "utf8")).toMatch(/^ShdPnd:\s*0+$/m);
  await nuncio.admin("/ready");
  expect((await nuncio.admin("/logging?main=warning", "POST")).body).toContain("  main: warning\n");
  nuncio.child.kill("SIGHUP");
  await expect.poll(() => nuncio.output()).not.toBe(before);
  expect(
    nuncio
      .output()
      .slice(before.length)
      .match(/eating SIGHUP/g),
  ).toHaveLength(1);
});

test("--log-format and --log-path; SIGUSR1 opens the file anew", async () => {
  const path = join(process.env.TMPDIR ?? "/tmp", `nuncio-log-${process.pid}.log`);
  const nuncio = await start({
    args: ["--log-format", "%L|%n|%v", "--log-path", path, "--component-log-level", "config:off"],
  });
  expect(readFileSync(path, "utf8")).toMatch(/^I\|main\|starting main dispatch loop$/m);
  expect(readFileSync(path, "utf8")).not.toContain("|config|");
  renameSync(path, `${path}.1`);
  nuncio.child.kill("SIGUSR1");
  await expect.poll(() => existsSync(path)).toBe(true);
  nuncio.child.kill("SIGHUP");
  await expect.poll(() => textOf(path)).toMatch(/^W\|main\|caught and eating SIGHUP/m);
});

test.each([
  ["text_format", { text_format: "%n says %v" }, "main says starting main dispatch loop"],
  [
    "json_format",
    { json_format: { level: "%l", said: "%j" } },
    '{"level":"info","said":"starting main dispatch loop"}',
  ],
])("application_log_config's %s", async (_name, format, line) => {
  const nuncio = await start({ bootstrap: { application_log_config: { log_format: format } } });
  expect(nuncio.output().split("\n")).toContain(line);
});

const running: Nuncio[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
});

async function start(options: Omit<NuncioOptions, "backendPort">): Promise<Nuncio> {
  const nuncio = await startNuncio({ backendPort: 1, ...options });
  running.push(nuncio);
  await expect.poll(() => nuncio.output() + textOf(options.args?.at(3) ?? "")).toContain("starting main dispatch loop");
  return nuncio;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
