import { existsSync, mkdtempSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AccessLog } from "./access-log.ts";
import type { FilterContext } from "./access-log-filter.ts";
import { linkFilter } from "./access-log-filter.ts";
import { AccessLogSinks } from "./access-log-sink.ts";
import type { AccessLogFilterSpec } from "./access-log-spec.ts";
import { LogPattern } from "./log-pattern.ts";
import { LogLevels } from "./logger.ts";
import { ResponseFlag } from "./response-flags.ts";
import { StatsSlab } from "./stats.ts";
import { StreamInfo } from "./stream-info.ts";

const context: FilterContext = {
  headerMatcher: () => ({ matches: () => true }),
  stringMatcher: ({ value }) => ({ matches: (text) => text === value }),
  runtimeNumber: (_key, byDefault) => byDefault,
  random: () => 0.5,
};

function stream(fields: Partial<StreamInfo>): StreamInfo {
  return Object.assign(new StreamInfo(), fields);
}

const cases: [name: string, spec: AccessLogFilterSpec, info: StreamInfo, passes: boolean][] = [
  [
    "503 is at least 500",
    { kind: "statusCode", op: "GE", value: 500, runtimeKey: "" },
    stream({ responseCode: 503 }),
    true,
  ],
  [
    "404 is not at least 500",
    { kind: "statusCode", op: "GE", value: 500, runtimeKey: "" },
    stream({ responseCode: 404 }),
    false,
  ],
  [
    "9.9 ms are not 10",
    { kind: "duration", op: "GE", value: 10, runtimeKey: "" },
    stream({ start: 1, end: 10.9 }),
    false,
  ],
  ["no flags: any flag", { kind: "responseFlag", flags: 0 }, stream({ responseFlags: ResponseFlag.UT }), true],
  ["another flag", { kind: "responseFlag", flags: ResponseFlag.UF }, stream({ responseFlags: ResponseFlag.UT }), false],
  ["half of 40 in 100", { kind: "runtime", runtimeKey: "", numerator: 40, denominator: 100 }, stream({}), false],
  ["a health check", { kind: "notHealthCheck" }, stream({ isHealthCheck: true }), false],
  ["429 is Unavailable", { kind: "grpcStatus", statuses: [14], exclude: false }, stream({ responseCode: 429 }), true],
  ["a log type to leave out", { kind: "logType", types: ["DownstreamEnd"], exclude: true }, stream({}), false],
  [
    "metadata that is not there",
    {
      kind: "metadata",
      path: ["f", "k"],
      value: { kind: "bool", value: true },
      invert: false,
      matchIfKeyNotFound: false,
    },
    stream({}),
    false,
  ],
];
for (const [name, spec, info, passes] of cases) {
  test(`filter: ${name}`, () => expect(linkFilter(spec, context)(info)).toBe(passes));
}

test("lines are written whole, also after the file was moved away and reopened", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "nuncio-log-")), "access.log");
  const slab = new StatsSlab();
  const sinks = new AccessLogSinks(slab, { intervalMs: 10_000, minBytes: 0 });
  const log = new AccessLog(null, { format: (info) => `${info.responseCode} \u00c3\u00a9\n` }, sinks.open(path));
  log.log(stream({ responseCode: 200 }));
  expect(readFileSync(path, "utf8")).toBe("");
  expect(slab.values[slab.gauge("filesystem.write_total_buffered")]).toBe(7);
  renameSync(path, `${path}.1`);
  sinks.reopen();
  log.log(stream({ responseCode: 404 }));
  await sinks.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe("200 é\n");
  expect(readFileSync(path, "utf8")).toBe("404 é\n");
  expect(slab.values[slab.counter("filesystem.write_buffered")]).toBe(2);
  expect(slab.values[slab.counter("filesystem.write_completed")]).toBe(2);
});

test("a file that cannot be opened is counted and takes lines", async () => {
  const slab = new StatsSlab();
  const sinks = new AccessLogSinks(slab, { intervalMs: 10_000, minBytes: 0 });
  const sink = sinks.open("/nonexistent/directory/access.log");
  sink.write("x\n");
  await sinks.close();
  expect(existsSync("/nonexistent")).toBe(false);
  expect(slab.values[slab.counter("filesystem.write_failed")]).toBe(1);
  expect(slab.values[slab.counter("filesystem.reopen_failed")]).toBe(1);
});

test("levels set on one thread are those of every thread", () => {
  const names = ["main", "misc"];
  const levels = new LogLevels(names);
  levels.setAll("info");
  const ofWorker = new LogLevels(names, levels.buffer);
  expect(ofWorker.isEnabled("main", "debug")).toBe(false);
  expect(levels.set("main", "debug")).toBe(true);
  expect(ofWorker.isEnabled("main", "debug")).toBe(true);
  expect(levels.set("nope", "debug")).toBe(false);
});

test("a log pattern", () => {
  const record = { level: "warning", logger: "main", message: "a\nb", timeMs: 1_795_581_489_637, thread: 0 } as const;
  expect(new LogPattern("[%e][%l][%L][%n] %_ 100%%").format(record)).toBe("[637][warning][W][main] a\\nb 100%\n");
});
