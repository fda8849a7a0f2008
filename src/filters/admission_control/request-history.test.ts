import { expect, test } from "vitest";
import { RequestHistory } from "./request-history.ts";

test("requests count for the window, by the second", () => {
  const history = new RequestHistory(3000);
  for (const now of [0, 500, 999]) history.add(true, now);
  history.add(false, 1000);
  history.add(true, 2500);
  expect([history.requests, history.successes]).toEqual([5, 4]);
  history.forget(2999);
  expect(history.requests).toBe(5);
  history.forget(3000);
  expect([history.requests, history.successes]).toEqual([2, 1]);
  history.forget(100_000);
  expect([history.requests, history.successes]).toEqual([0, 0]);
});

test("the rate is over the whole window, however short the history is", () => {
  const history = new RequestHistory(10_000);
  expect(history.averageRps(0)).toBe(0);
  for (let i = 0; i < 59; i++) history.add(true, i);
  expect(history.averageRps(60)).toBe(5);
  expect(history.averageRps(20_000)).toBe(2);
});
