import { expect, test } from "vitest";
import { StatReader } from "../observability/stat-reader.test-kit.ts";
import { StatsSlab } from "../observability/stats.ts";
import { fakeHost, fakeLocality, fakeSpec } from "./fake-world.ts";
import { Membership } from "./membership.ts";

test("membership counts hosts by health and changes of the set", () => {
  const slab = new StatsSlab(new SharedArrayBuffer(1 << 16));
  const stats = new StatReader(slab);
  const stat = (name: string) => stats.value(`cluster.c_d.${name}`) as number;
  const [a, b, c] = [fakeHost(1), fakeHost(2, { health: "DEGRADED" }), fakeHost(3, { health: "UNHEALTHY" })];
  const membership = new Membership(fakeSpec([a, b, c], { observabilityName: "c:d" }), slab);
  expect(["total", "healthy", "degraded", "excluded"].map((name) => stat(`membership_${name}`) + 0)).toEqual([
    3, 1, 1, 0,
  ]);
  membership.update([fakeLocality([a, b, c])]);
  expect(stat("membership_change")).toBe(1);
  membership.update([fakeLocality([a])]);
  expect(stat("membership_change")).toBe(2);
  expect(stat("membership_total")).toBe(1);
  expect(stat("default.total_match_count")).toBe(3);
});
