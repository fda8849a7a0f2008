import { expect, test } from "vitest";
import { newSharedCount, SharedCount } from "./shared-count.ts";

test("workers count together", () => {
  const memory = newSharedCount();
  const [a, b] = [new SharedCount(memory, 0), new SharedCount(memory, 1)];
  expect([a.add(), b.add(), a.add()]).toEqual([0, 1, 2]);
  b.remove();
  expect(b.add()).toBe(2);
});

test("what a dead worker had is taken off when another comes in its place", () => {
  const memory = newSharedCount();
  const [a, b] = [new SharedCount(memory, 0), new SharedCount(memory, 1)];
  for (let i = 0; i < 5; i++) a.add();
  b.add();
  // As if another thread had had it.
  new Int32Array(memory)[1] = -7;
  const next = new SharedCount(memory, 0);
  expect(next.add()).toBe(1);
  expect(new SharedCount(memory, 0).add()).toBe(2);
  expect(b.add()).toBe(3);
});
