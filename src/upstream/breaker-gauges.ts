import { defineLayout } from "../observability/stat-layout.ts";
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
  /** By priority: of the first Resource, the others follow; `remaining` is -1 without track_remaining. */
  readonly #slots: { open: number; remaining: number }[];

  constructor(spec: ClusterSpec, slab: StatsSlab) {
    this.#values = slab.values;
    this.#breakers = spec.breakers;
    this.#cells = new Int32Array(spec.breakers.counters);
    this.#slots = spec.breakers.thresholds.map((thresholds, priority) => {
      const prefix = `${clusterStatPrefix(spec.observabilityName)}circuit_breakers.${priority === 0 ? "default" : "high"}.`;
      const first = slab.group(prefix, openLayout);
      const firstRemaining = thresholds.trackRemaining ? slab.group(prefix, remainingLayout) : -1;
      return { open: first, remaining: firstRemaining };
    });
    this.sync();
  }

  sync(): void {
    for (const [priority, { open: firstOpen, remaining: firstRemaining }] of this.#slots.entries()) {
      const thresholds = this.#breakers.thresholds[priority === 0 ? 0 : 1];
      const limits = thresholdLimits(thresholds);
      const first = priority * resourceCount;
      const hadRequest = Atomics.load(this.#cells, first + Resource.pools) > 0;
      for (let resource = 0; resource < resourceCount; resource++) {
        const open = firstOpen + resource;
        const count = Atomics.load(this.#cells, first + resource);
        const limit = limits[resource] as number;
        const isOpen = count >= limit ? 1 : 0;
        // A first request takes one of each of these; Envoy has them unused before it.
        const isUsed = count > 0 || (hadRequest && resource !== Resource.requests && resource !== Resource.retries);
        if (isUsed || this.#values[open] !== isOpen) this.#values[open] = isOpen;
        // Under a budget Envoy does not say how many remain; its other gauge goes by max_retries all the same.
        const isUnknown = resource === Resource.retries && thresholds.retryBudget !== null && hadRequest;
        if (firstRemaining >= 0) this.#values[firstRemaining + resource] = isUnknown ? 0 : Math.max(0, limit - count);
      }
    }
  }
}

/** By Resource. */
const openLayout = defineLayout("circuit breakers", {
  gauges: ["cx_open", "rq_pending_open", "rq_open", "rq_retry_open", "cx_pool_open"],
});
const remainingLayout = defineLayout("circuit breakers remaining", {
  gauges: ["remaining_cx", "remaining_pending", "remaining_rq", "remaining_retries", "remaining_cx_pools"],
});
