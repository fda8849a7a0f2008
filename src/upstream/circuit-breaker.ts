import type { BreakersSpec, RetryBudgetSpec, ThresholdsSpec } from "./spec.ts";

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
  readonly #retryBudget: RetryBudgetSpec | null;

  /** One object per spec, priority and worker at a time: making it gives back what a dead predecessor held. */
  constructor(spec: BreakersSpec, priority: number, worker: number) {
    this.#cells = new Int32Array(spec.counters);
    this.#sums = priority * resourceCount;
    this.#own = rowCells * (1 + worker) + priority * resourceCount;
    const thresholds = spec.thresholds[priority] as ThresholdsSpec;
    this.#limits = thresholdLimits(thresholds);
    this.#retryBudget = thresholds.retryBudget;
    for (let i = 0; i < resourceCount; i++) {
      Atomics.sub(this.#cells, this.#sums + i, this.#cells[this.#own + i] as number);
      this.#cells[this.#own + i] = 0;
    }
  }

  /** Whether one more fits. */
  canTake(resource: Resource): boolean {
    return Atomics.load(this.#cells, this.#sums + resource) < (this.#limits[resource] as number);
  }

  /** Whether one more retry fits: by the retry budget, or by max_retries where there is none. */
  canRetry(): boolean {
    const budget = this.#retryBudget;
    if (budget === null) return this.canTake(Resource.retries);
    return (
      this.count(Resource.retries) <
      retriesAllowed(budget, this.count(Resource.requests) + this.count(Resource.pending))
    );
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

/** How many retries a budget allows at once. Envoy: RetryBudgetImpl::max. */
function retriesAllowed(budget: RetryBudgetSpec, activeRequests: number): number {
  return Math.max(Math.floor((budget.budgetPct / 100) * activeRequests), budget.minConcurrency);
}

/** Memory for the counters of a cluster's breakers. */
export function allocateBreakerCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rowCells * 4 * (1 + Math.max(1, workers)));
}

/** The limits of a routing priority, by Resource. */
export function thresholdLimits(spec: ThresholdsSpec): number[] {
  return [spec.maxConnections, spec.maxPendingRequests, spec.maxRequests, spec.maxRetries, spec.maxConnectionPools];
}

/** How many kinds of Resource there are. */
export const resourceCount = 5;
/** Two priorities of five cells, then padding to a cache line. */
const rowCells = 16;
