import type { Host } from "../host-set.ts";
import type { SlowStartSpec } from "../spec.ts";

/** What pickers share: randomness in [0, 1), and monotonic milliseconds. */
export interface PickerContext {
  random: () => number;
  now: () => number;
}

/** New hosts get their weight bit by bit. Envoy: EdfLoadBalancerBase::applySlowStartFactor. */
export class SlowStart {
  readonly #spec: SlowStartSpec;
  readonly #now: () => number;

  constructor(spec: SlowStartSpec, now: () => number) {
    this.#spec = spec;
    this.#now = now;
  }

  /** Whether any host is new: then they are weighed one against the other, equal or not. */
  isDue(hosts: readonly Host[]): boolean {
    return hosts.some((host) => this.#ageMs(host) <= this.#spec.windowMs);
  }

  /** The part of its weight that a host has now: to the power of 1/aggression of its age, never below the least. */
  factor(host: Host): number {
    const { windowMs, aggression, leastFactor } = this.#spec;
    const ageMs = this.#ageMs(host);
    if (ageMs >= windowMs) return 1;
    return Math.max((Math.max(1, ageMs) / windowMs) ** (1 / aggression), leastFactor);
  }

  #ageMs(host: Host): number {
    return host.healthySinceMs < 0 ? Infinity : Math.floor(this.#now() - host.healthySinceMs);
  }
}
