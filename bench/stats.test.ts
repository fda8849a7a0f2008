import { expect, test } from "vitest";
import { median, spread } from "./stats.ts";

test("the median is the middle by value, or the mean of the middle two", () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("the median leaves its argument in order", () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test("the spread is the range over the median", () => {
  expect(spread([9, 10, 12])).toBeCloseTo(0.3);
  expect(spread([5])).toBe(0);
  expect(spread([])).toBeNaN();
});
