import { expect, test } from "vitest";
import { RuntimeValues } from "./runtime-values.ts";

test("changes are in force at once, and a key that is gone has its default", () => {
  const entry = (number: number) => ({ text: "", number, flag: null, fraction: null });
  const values = new RuntimeValues({ n: entry(42.9), f: { text: "", number: null, flag: true, fraction: null } });
  const read = () => [values.integer("n", 1), values.integer("m", 1), values.isTrue("f"), values.isTrue("n")];
  expect(read()).toEqual([42, 1, true, false]);
  values.update({ n: null, m: entry(7), f: null });
  expect(read()).toEqual([1, 7, false, false]);
  values.update({ n: entry(-1) });
  expect(values.integer("n", 1)).toBe(1);
});
