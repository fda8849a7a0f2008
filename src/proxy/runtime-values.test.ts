import { expect, test } from "vitest";
import { RuntimeValues } from "./runtime-values.ts";

test("values are read as routes and filters compare them, and anew after a change", () => {
  const values = new RuntimeValues({
    n: "42",
    f: '{"numerator":5,"denominator":"TEN_THOUSAND"}',
    d: '{"numerator":5}',
    t: "true",
    x: "{no json",
  });
  expect(["n", "f", "d", "t", "x", "none"].map((key) => values.value(key))).toEqual([
    42,
    { numerator: 5, denominator: 10_000 },
    { numerator: 5, denominator: 100 },
    "true",
    "{no json",
    null,
  ]);
  values.set("n", "7");
  values.set("f", null);
  expect([values.value("n"), values.value("f"), values.number("n", 1), values.isTrue("t")]).toEqual([7, null, 7, true]);
});
