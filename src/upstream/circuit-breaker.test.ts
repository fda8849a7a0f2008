import { expect, test } from "vitest";
import { allocateBreakerCounters, CircuitBreaker, Resource } from "./circuit-breaker.ts";
import { fakeSpec } from "./fake-world.ts";
import type { BreakersSpec } from "./spec.ts";

function breakers(maxRequests: number): BreakersSpec {
  const thresholds = { ...fakeSpec([]).breakers.thresholds[0], maxRequests };
  return { thresholds: [thresholds, thresholds], counters: allocateBreakerCounters(2) };
}

test("a limit counts the requests of all workers", () => {
  const spec = breakers(2);
  const [a, b] = [new CircuitBreaker(spec, 0, 0), new CircuitBreaker(spec, 0, 1)];
  a.take(Resource.requests);
  expect(b.canTake(Resource.requests)).toBe(true);
  b.take(Resource.requests);
  expect(a.canTake(Resource.requests)).toBe(false);
  expect(new CircuitBreaker(spec, 1, 0).canTake(Resource.requests)).toBe(true);
  a.give(Resource.requests);
  expect(b.canTake(Resource.requests)).toBe(true);
});

test("a worker that takes a dead one's place gives back what that one held", () => {
  const spec = breakers(2);
  const [dead, other] = [new CircuitBreaker(spec, 0, 0), new CircuitBreaker(spec, 0, 1)];
  dead.take(Resource.requests);
  other.take(Resource.requests);
  new CircuitBreaker(spec, 0, 0);
  expect(other.count(Resource.requests)).toBe(1);
});
