import type { StatsSlab } from "../../../observability/stats.ts";
import type { RuntimeLookup } from "../../../router/runtime-fraction.ts";
import { admitted, type NetworkFilter } from "../api.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { ConnectionLimitSpec } from "./parse.ts";

/** At most so many connections of a filter chain at once, those of all workers. Envoy: ConnectionLimitFilter. */
export class ConnectionLimitFilter implements NetworkFilter {
  readonly #spec: ConnectionLimitSpec;
  readonly #runtime: RuntimeLookup;
  readonly #count: Int32Array;
  readonly #values: Float64Array;
  readonly #active: number;
  readonly #limited: number;

  constructor(spec: ConnectionLimitSpec, { slab, runtime }: { slab: StatsSlab; runtime: RuntimeLookup }) {
    this.#spec = spec;
    this.#runtime = runtime;
    this.#count = new Int32Array(spec.memory);
    this.#values = slab.values;
    this.#active = slab.gauge(`connection_limit.${spec.statPrefix}.active_connections`);
    this.#limited = slab.counter(`connection_limit.${spec.statPrefix}.limited_connections`);
  }

  /** One that is held before it is closed counts too. */
  onNewConnection(): number {
    this.#values[this.#active]++;
    const before = Atomics.add(this.#count, 0, 1);
    if (before < this.#spec.maxConnections || !isFlagOn(this.#spec.enabled, this.#runtime)) return admitted;
    this.#values[this.#limited]++;
    return this.#spec.delayMs;
  }

  onEnd(): void {
    this.#values[this.#active]--;
    Atomics.sub(this.#count, 0, 1);
  }
}
