import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Roster, type Rostered } from "./roster.ts";

test("holds what a Set would", () => {
  const steps = fc.array(fc.record({ adds: fc.boolean(), which: fc.nat(9) }));
  fc.assert(
    fc.property(steps, (list) => {
      const items = Array.from({ length: 10 }, (_, id) => ({ id, place: -1 }));
      const roster = new Roster<(typeof items)[number]>();
      const model = new Set<(typeof items)[number]>();
      for (const { adds, which } of list) {
        const item = items[which] as (typeof items)[number];
        if (adds) {
          roster.add(item);
          model.add(item);
        } else {
          roster.delete(item);
          model.delete(item);
        }
        expect(roster.size).toBe(model.size);
        expect(new Set(roster.all())).toEqual(model);
        expect(roster.has(item)).toBe(adds);
      }
    }),
  );
});

test("what is gone does not grow old", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;
  const roster = new Roster<Rostered & { weight: number[] }>();
  const churn = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 500; i++) {
        const item = { place: -1, weight: new Array(100).fill(round) };
        roster.add(item);
        if (i >= 20) roster.delete(roster.all()[0] as typeof item);
      }
      for (const item of roster.all()) roster.delete(item);
      collect({ type: "minor" });
    }
  };
  churn(20);
  collect({ type: "major" });
  const before = oldBytes();
  churn(100);
  // 40 MB went through it.
  expect(oldBytes() - before).toBeLessThan(4_000_000);
});

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")?.space_used_size ?? 0;
}
