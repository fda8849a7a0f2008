import { expect, test } from "vitest";
import { fitNack } from "./nack-text.ts";

test("a text that fits is told as it is", () => {
  expect(fitNack("a: is wrong\n  Envoy: wrong")).toBe("a: is wrong\n  Envoy: wrong");
});

test("one that does not fit is cut behind a whole fault, with its second line, and says how many more there are", () => {
  const faults = Array.from({ length: 500 }, (_, i) => `routes[${i}]: is wrong\n  Envoy: wrong`);
  const text = fitNack(faults.join("\n"));
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
  const [rest = "", count] = /^([\s\S]*)\nand (\d+) more: see \/config_status of the proxy$/.exec(text)?.slice(1) ?? [];
  const kept = rest.split("\n").length / 2;
  expect(rest).toBe(faults.slice(0, kept).join("\n"));
  expect(kept + Number(count)).toBe(500);
});

test("one fault alone that is too long is cut at a whole character", () => {
  expect(fitNack("é".repeat(5000))).toMatch(/^é+…$/);
  expect(fitNack(`${"é".repeat(5000)}\nb: is wrong`)).toMatch(/^é+…and 1 more: see/);
  expect(Buffer.byteLength(fitNack("é".repeat(5000)))).toBeLessThanOrEqual(4096);
});
