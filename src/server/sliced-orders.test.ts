import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Slices } from "../router/slices.ts";
import { SlicedOrders } from "./sliced-orders.ts";

test("orders are done in the order they came, and the event loop turns within a long one", async () => {
  const done: string[] = [];
  function* long(name: string): Slices<void> {
    for (let i = 0; i < 4; i++) {
      const end = performance.now() + 2;
      while (performance.now() < end);
      yield;
    }
    done.push(name);
  }
  const orders = new SlicedOrders<string>((name) => {
    if (name.startsWith("long")) return long(name);
    done.push(name);
    return undefined;
  });
  orders.push("short 1");
  expect(done).toEqual(["short 1"]);
  for (const name of ["long 1", "short 2", "long 2", "short 3"]) orders.push(name);
  expect(done).toEqual(["short 1"]);
  let turns = 0;
  while (done.length < 5) {
    await turn();
    turns++;
  }
  expect(done).toEqual(["short 1", "long 1", "short 2", "long 2", "short 3"]);
  expect(turns).toBeGreaterThanOrEqual(6);
});
