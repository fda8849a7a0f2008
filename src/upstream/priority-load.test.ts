import { expect, test } from "vitest";
import { priorityLoads } from "./priority-load.ts";

/** [healthy, degraded, total] by priority; expected healthy and degraded percents, priorities in panic. */
const cases = [
  {
    name: "all healthy",
    counts: [
      [2, 0, 2],
      [2, 0, 2],
    ],
    healthy: [100, 0],
    degraded: [0, 0],
    panic: [],
  },
  {
    name: "72 % healthy is whole",
    counts: [
      [18, 0, 25],
      [1, 0, 1],
    ],
    healthy: [100, 0],
    degraded: [0, 0],
    panic: [],
  },
  {
    name: "half healthy spills",
    counts: [
      [1, 0, 2],
      [1, 0, 1],
    ],
    healthy: [70, 30],
    degraded: [0, 0],
    panic: [],
  },
  { name: "degraded take the rest", counts: [[1, 1, 2]], healthy: [70], degraded: [30], panic: [] },
  { name: "all degraded", counts: [[0, 2, 2]], healthy: [0], degraded: [100], panic: [] },
  {
    name: "not enough anywhere is scaled up",
    counts: [
      [1, 0, 4],
      [1, 0, 4],
    ],
    healthy: [50, 50],
    degraded: [0, 0],
    panic: [0, 1],
  },
  {
    name: "nothing healthy: by hosts",
    counts: [
      [0, 0, 1],
      [0, 0, 3],
    ],
    healthy: [25, 75],
    degraded: [0, 0],
    panic: [0, 1],
  },
  { name: "no hosts", counts: [[0, 0, 0]], healthy: [100], degraded: [0], panic: [0] },
  {
    name: "an empty first priority",
    counts: [
      [0, 0, 0],
      [1, 0, 1],
    ],
    healthy: [0, 100],
    degraded: [0, 0],
    panic: [],
  },
] as const;

for (const c of cases) {
  test(`priority load: ${c.name}`, () => {
    const counts = c.counts.map(([healthy, degraded, total]) => ({ healthy, degraded, total }));
    const loads = priorityLoads(counts, 140, 50);
    expect(loads.healthy).toEqual(c.healthy);
    expect(loads.degraded).toEqual(c.degraded);
    expect(loads.panic.flatMap((panic, i) => (panic ? [i] : []))).toEqual(c.panic);
  });
}
