import type { StatsSlab } from "../observability/stats.ts";
import { Resource, resourceCount, thresholdLimits } from "./circuit-breaker.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import type { BreakersSpec, ClusterSpec } from "./spec.ts";

/**
 * The `circuit_breakers.*` gauges of a cluster. They belong to all workers at once: the main thread reads the shared counters
 * whenever somebody looks at stats.
 */
export class BreakerGauges {
  readonly #values: Float64Array;
  readonly #cells: Int32Array;
  readonly #breakers: BreakersSpec;
  /** By priority, then by Resource; `remaining` is -1 without track_remaining. */
  readonly #slots: { open: number; remaining: number }[][];

  constructor(spec: ClusterSpec, slab: StatsSlab) {
    this.#values = slab.values;
    this.#breakers = spec.breakers;
    this.#cells = new Int32Array(spec.breakers.counters);
    this.#slots = spec.breakers.thresholds.map((thresholds, priority) => {
      const prefix = `${clusterStatPrefix(spec.observabilityName)}circuit_breakers.${priority === 0 ? "default" : "high"}.`;
      return names.map(([open, remaining]) => ({
        open: slab.gauge(prefix + open),
        remaining: thresholds.trackRemaining ? slab.gauge(prefix + remaining) : -1,
      }));
    });
    this.sync();
  }

  sync(): void {
    for (const [priority, slots] of this.#slots.entries()) {
      const limits = thresholdLimits(this.#breakers.thresholds[priority === 0 ? 0 : 1]);
      const first = priority * resourceCount;
      const hadRequest = Atomics.load(this.#cells, first + Resource.pools) > 0;
      for (const [resource, { open, remaining }] of slots.entries()) {
        const count = Atomics.load(this.#cells, first + resource);
        const limit = limits[resource] as number;
        const isOpen = count >= limit ? 1 : 0;
        // A first request takes one of each of these; Envoy has them unused before it.
        const isUsed = count > 0 || (hadRequest && resource !== Resource.requests && resource !== Resource.retries);
        if (isUsed || this.#values[open] !== isOpen) this.#values[open] = isOpen;
        if (remaining >= 0) this.#values[remaining] = Math.max(0, limit - count);
      }
    }
  }
}

/** By Resource. */
const names = [
  ["cx_open", "remaining_cx"],
  ["rq_pending_open", "remaining_pending"],
  ["rq_open", "remaining_rq"],
  ["rq_retry_open", "remaining_retries"],
  ["cx_pool_open", "remaining_cx_pools"],
] as const;
