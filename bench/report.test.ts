import { describe, expect, test } from "vitest";
import type { ProxyName } from "./proxies.ts";
import { type CaseResult, type ProxyResult, summarize, timesLess } from "./results.ts";
import { svgOf } from "./svg.ts";
import { alignColumns, formatCase, formatRatio } from "./table.ts";

const result: CaseResult = {
  name: "small",
  title: "small <body>",
  headline: "cpuMicros",
  ratePerSecond: null,
  proxies: [proxy("nuncio", 16), proxy("envoy", 40), proxy("nginx", 44)],
  failures: [{ proxy: "haproxy", reason: "no config\nsecond line" }],
};

test("rounds become the median and the spread of each metric", () => {
  expect(summarize([{ cpuMicros: 10 }, { cpuMicros: 14 }, { cpuMicros: 12 }])).toEqual({
    cpuMicros: { median: 12, spread: 4 / 12 },
  });
  expect(summarize([])).toEqual({});
});

test("a ratio is how many times less than the reference, and null without it", () => {
  expect(timesLess(result, "nuncio", "envoy")).toBe(2.5);
  expect(timesLess(result, "nuncio", "haproxy")).toBeNull();
});

test("ratios are words, so that none is read the wrong way round", () => {
  expect([2.5, 40 / 44, 1, null, Number.NaN].map(formatRatio)).toEqual(["2.50x less", "1.10x more", "1", "-", "-"]);
});

test("the first column is aligned left, the others right", () => {
  expect(
    alignColumns([
      ["", "long title"],
      ["proxy", "1"],
    ]),
  ).toEqual(["       long title", "proxy           1"]);
});

describe("a case's table", () => {
  const lines = formatCase(result).split("\n");

  test("has a row for each proxy with the ratio last", () => {
    expect(lines[0]).toBe("small: small <body>");
    expect(lines[2]).toMatch(/^ {2}nuncio +16\.0 .* 2\.50x less$/);
    expect(lines[4]).toMatch(/^ {2}nginx +44\.0 .* 1\.10x more$/);
  });

  test("leaves out what the case does not measure", () => {
    expect(lines[1]).toContain("CPU µs/request");
    expect(lines[1]).not.toContain("KiB/connection");
  });

  test("names the proxy that failed, with the reason", () => {
    expect(lines.slice(5, 7)).toEqual(["  haproxy FAILED: no config", "    second line"]);
  });
});

test("the longest bar of a case fills the width, and text is escaped", () => {
  const svg = svgOf({
    date: "2026-01-01",
    command: "",
    machine: "m",
    load: "wrk",
    backend: "nginx",
    versions: {},
    cases: [result],
  });
  const widths = [...svg.matchAll(/<rect x="\d+" .*?width="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(widths.map((width) => width / widths[2])).toEqual([expect.closeTo(16 / 44, 3), expect.closeTo(40 / 44, 3), 1]);
  expect(svg).toContain("small &lt;body>");
});

function proxy(name: ProxyName, cpuMicros: number): ProxyResult {
  return {
    proxy: name,
    metrics: { cpuMicros: { median: cpuMicros, spread: 0 } },
    errors: 0,
    startBytes: 1e6,
    endBytes: 2e6,
  };
}
