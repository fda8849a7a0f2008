import { expect, test } from "vitest";
import { StatReader } from "../observability/stat-reader.test-kit.ts";
import { StatsSlab } from "../observability/stats.ts";
import { BreakerGauges } from "./breaker-gauges.ts";
import { CircuitBreaker, Resource } from "./circuit-breaker.ts";
import { fakeSpec } from "./fake-world.ts";

test("the gauges follow the counters that all workers share, and are unused before a first request", () => {
  const slab = new StatsSlab(new SharedArrayBuffer(1 << 16));
  const spec = fakeSpec([]);
  const [thresholds, high] = spec.breakers.thresholds;
  spec.breakers.thresholds = [{ ...thresholds, maxRequests: 1, trackRemaining: true }, high];
  const gauges = new BreakerGauges(spec, slab);
  const stats = new StatReader(slab);
  const value = (name: string) => stats.value(`cluster.c.circuit_breakers.${name}`);
  expect([value("default.rq_open"), value("default.cx_open"), value("default.remaining_rq")]).toEqual([-0, -0, 1]);
  const breaker = new CircuitBreaker(spec.breakers, 0, 0);
  breaker.take(Resource.pools);
  breaker.take(Resource.requests);
  gauges.sync();
  expect([value("default.rq_open"), value("default.cx_open"), value("default.remaining_rq")]).toEqual([1, 0, 0]);
  expect(value("high.rq_open")).toBe(-0);
  breaker.give(Resource.requests);
  gauges.sync();
  expect([value("default.rq_open"), value("default.remaining_rq")]).toEqual([0, 1]);
});
