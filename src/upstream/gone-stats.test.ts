import { expect, test } from "vitest";
import { StatsSlab } from "../observability/stats.ts";
import { StatsAggregate } from "../observability/stats-aggregate.ts";
import { ClusterStats } from "./cluster-stats.ts";
import { GoneStats } from "./gone-stats.ts";
import { AnswerFacts } from "./response-stats.ts";

test("the stats of a removed cluster go, those of clusters whose names begin like it stay", () => {
  const slab = new StatsSlab(new SharedArrayBuffer(1 << 20));
  const aggregate = new StatsAggregate();
  const announce = () => aggregate.announce(slab, slab.takeAnnouncements());
  const count = (name: string) => {
    new ClusterStats(slab, name, "").onAnswer(200, -1, new AnswerFacts(false));
    announce();
  };
  const completed = () =>
    aggregate
      .numbers()
      .filter(({ name }) => /^cluster\.[a-z.]+\.upstream_rq_(completed|200)$/.test(name) && !name.includes("external"))
      .map(({ name, value }) => `${name}: ${value}`);
  const both = (name: string, value: number) =>
    [`upstream_rq_200: ${value}`, `upstream_rq_completed: ${value}`].map((stat) => `cluster.${name}.${stat}`);
  for (const name of ["a", "a.b", "a.c", "ab"]) count(name);
  const gone = new GoneStats();
  expect(gone.take([])).toBeNull();
  gone.add("a");
  gone.add("a.c");
  const isGone = gone.take(["a.b", "ab"]) as (name: string) => boolean;
  slab.forget(isGone);
  aggregate.remove(isGone);
  expect(completed()).toEqual([...both("a.b", 1), ...both("ab", 1)]);
  expect(gone.take([])).toBeNull();
  // It comes back from zero.
  for (const name of ["a", "a.b"]) count(name);
  expect(completed()).toEqual([...both("a.b", 2), ...both("a", 1), ...both("ab", 1)]);
});
