import { expect, test } from "vitest";
import { meanPauseMillis, parseH2loadLog, parseResult } from "./load.ts";

test("the report is found among the generator's own lines", () => {
  const line = '{"requests":9,"seconds":1.5,"errors":0,"p50Micros":1,"p99Micros":2,"p999Micros":3}';
  expect(parseResult(`Running 1s test\n  Latency 1ms\n${line}\n`)).toEqual({
    requests: 9,
    seconds: 1.5,
    errors: 0,
    p50Micros: 1,
    p99Micros: 2,
    p999Micros: 3,
  });
});

test("a generator that reports nothing is an error with what it said", () => {
  expect(() => parseResult("unable to connect")).toThrow("reported nothing: unable to connect");
});

test("connections that pause between requests make the rate together", () => {
  expect(meanPauseMillis(64, 8_000)).toBe(8);
});

test("h2load's log gives counts and percentiles", () => {
  const log = Array.from({ length: 100 }, (_, i) => `1700000000\t${i === 7 ? 503 : 200}\t${i + 1}`).join("\n");
  expect(parseH2loadLog(`${log}\n`, 2)).toEqual({
    requests: 100,
    seconds: 2,
    errors: 1,
    p50Micros: 51,
    p99Micros: 100,
    p999Micros: 100,
  });
});
