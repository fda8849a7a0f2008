import { expect, test } from "vitest";
import { cases } from "./cases.ts";
import { parseOptions } from "./options.ts";
import { parseSwapOptions } from "./swap/options.ts";

test("without arguments everything is measured", () => {
  const options = parseOptions([]);
  expect(options?.caseNames).toEqual(cases.filter(({ series }) => series === "").map(({ name }) => name));
  expect(options).toMatchObject({
    proxyNames: ["nuncio", "envoy", "haproxy", "nginx", "splice"],
    seconds: 5,
    rounds: 3,
    connections: 64,
    jsonFile: null,
  });
});

test("cases and proxies are measured in the order asked for", () => {
  const options = parseOptions([
    "--cases",
    "latency,small",
    "--proxies",
    "nginx,nuncio",
    "--seconds",
    "2",
    "--svg",
    "x.svg",
  ]);
  expect(options).toMatchObject({
    caseNames: ["latency", "small"],
    proxyNames: ["nginx", "nuncio"],
    seconds: 2,
    svgFile: "x.svg",
  });
});

test("a mistake is named with what there is", () => {
  expect(() => parseOptions(["--cases", "smal"])).toThrow(/no case is named "smal"\. There are small, body-64k/);
  expect(() => parseOptions(["--proxies", "envoy,"])).toThrow('no proxy is named ""');
  expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds 0: not a positive whole number");
  expect(() => parseOptions(["--fast"])).toThrow("--fast");
});

test("help is asked for", () => {
  expect(parseOptions(["--help"])).toBeNull();
});

test("swap: a mistake is named as those of the other options", () => {
  expect(parseSwapOptions([])).toEqual({
    proxyNames: ["nuncio", "envoy"],
    changes: 40,
    routes: 10_000,
    clusters: 5000,
  });
  expect(() => parseSwapOptions(["--changes", "x"])).toThrow("--changes x: not a positive whole number");
  expect(() => parseSwapOptions(["--proxies", "nginx"])).toThrow('no proxy is named "nginx". There are nuncio, envoy.');
});
