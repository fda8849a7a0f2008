import type { BreakersSpec, ThresholdsSpec } from "./spec.ts";

/** What a circuit breaker counts. */
export const Resource = { connections: 0, pending: 1, requests: 2, retries: 3, pools: 4 } as const;
export type Resource = (typeof Resource)[keyof typeof Resource];

/**
 * The circuit breaker of one cluster and routing priority, in one worker. The sums are shared by all workers, as they are in
 * Envoy; each worker also keeps its own part in a row of its own, so that the part of one that died can be given back.
 * Like Envoy's, a limit may be passed by a few when threads race for the last place.
 */
export class CircuitBreaker {
  readonly #cells: Int32Array;
  readonly #sums: number;
  readonly #own: number;
  readonly #limits: readonly number[];

  /** One object per spec, priority and worker at a time: making it gives back what a dead predecessor held. */
  constructor(spec: BreakersSpec, priority: number, worker: number) {
    this.#cells = new Int32Array(spec.counters);
    this.#sums = priority * resourceCount;
    this.#own = rowCells * (1 + worker) + priority * resourceCount;
    this.#limits = limitsOf(spec.thresholds[priority] as ThresholdsSpec);
    for (let i = 0; i < resourceCount; i++) {
      Atomics.sub(this.#cells, this.#sums + i, this.#cells[this.#own + i] as number);
      this.#cells[this.#own + i] = 0;
    }
  }

  /** Whether one more fits. */
  canTake(resource: Resource): boolean {
    return Atomics.load(this.#cells, this.#sums + resource) < (this.#limits[resource] as number);
  }

  take(resource: Resource): void {
    Atomics.add(this.#cells, this.#sums + resource, 1);
    this.#cells[this.#own + resource]++;
  }

  give(resource: Resource): void {
    Atomics.sub(this.#cells, this.#sums + resource, 1);
    this.#cells[this.#own + resource]--;
  }

  /** All workers' together. */
  count(resource: Resource): number {
    return Atomics.load(this.#cells, this.#sums + resource);
  }
}

/** Memory for the counters of a cluster's breakers. */
export function allocateBreakerCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rowCells * 4 * (1 + Math.max(1, workers)));
}

/** The gauges below `cluster.<name>.`, for the main thread to show: they belong to all workers at once. */
export function readBreakerGauges(spec: BreakersSpec): { name: string; value: number }[] {
  const cells = new Int32Array(spec.counters);
  const gauges: { name: string; value: number }[] = [];
  for (const [priority, thresholds] of spec.thresholds.entries()) {
    const prefix = `circuit_breakers.${priority === 0 ? "default" : "high"}.`;
    const limits = limitsOf(thresholds);
    for (let i = 0; i < resourceCount; i++) {
      const count = Atomics.load(cells, priority * resourceCount + i);
      const limit = limits[i] as number;
      const [open, remaining] = gaugeNames[i] as [string, string];
      gauges.push({ name: prefix + open, value: count >= limit ? 1 : 0 });
      if (thresholds.trackRemaining) gauges.push({ name: prefix + remaining, value: Math.max(0, limit - count) });
    }
  }
  return gauges;
}

function limitsOf(spec: ThresholdsSpec): number[] {
  return [spec.maxConnections, spec.maxPendingRequests, spec.maxRequests, spec.maxRetries, spec.maxConnectionPools];
}

const gaugeNames = [
  ["cx_open", "remaining_cx"],
  ["rq_pending_open", "remaining_pending"],
  ["rq_open", "remaining_rq"],
  ["rq_retry_open", "remaining_retries"],
  ["cx_pool_open", "remaining_cx_pools"],
] as const;
const resourceCount = 5;
/** Two priorities of five cells, then padding to a cache line. */
const rowCells = 16;
