import type { RuntimeLookup } from "../../../router/runtime-fraction.ts";
import { isFlagOn } from "../../feature-flag.ts";
import type { NetworkFilter, Refusal } from "../api.ts";
import type { NetworkFilterDeps } from "../linkers.ts";
import type { ConnectionLimitSpec } from "./parse.ts";
import { SharedCount } from "./shared-count.ts";

/** At most so many connections of a filter chain at once, those of all workers. Envoy: ConnectionLimitFilter. */
export class ConnectionLimitFilter implements NetworkFilter {
  readonly #spec: ConnectionLimitSpec;
  readonly #runtime: RuntimeLookup;
  readonly #count: SharedCount;
  readonly #values: Float64Array;
  readonly #active: number;
  readonly #limited: number;
  readonly #refusal: Refusal;

  constructor(spec: ConnectionLimitSpec, { slab, runtime, worker }: NetworkFilterDeps) {
    this.#spec = spec;
    this.#refusal = { delayMs: spec.delayMs, closeReason: "over_connection_limit", details: "", flags: 0 };
    this.#runtime = runtime;
    this.#count = new SharedCount(spec.memory, worker);
    this.#values = slab.values;
    this.#active = slab.gauge(`connection_limit.${spec.statPrefix}.active_connections`);
    this.#limited = slab.counter(`connection_limit.${spec.statPrefix}.limited_connections`);
  }

  /** One that is held before it is closed counts too. */
  onNewConnection(): Refusal | null {
    this.#values[this.#active]++;
    const before = this.#count.add();
    if (before < this.#spec.maxConnections || !isFlagOn(this.#spec.enabled, this.#runtime)) return null;
    this.#values[this.#limited]++;
    return this.#refusal;
  }

  onEnd(): void {
    this.#values[this.#active]--;
    this.#count.remove();
  }
}
