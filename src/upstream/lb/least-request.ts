import type { Host } from "../host-set.ts";
import type { LbSpec } from "../spec.ts";
import { EdfScheduler, hasEqualWeights } from "./edf.ts";
import type { HostPicker } from "./policy.ts";
import type { SlowStart } from "./slow-start.ts";

/**
 * The least busy of `choiceCount` hosts drawn at random (with repeats, as Envoy draws). Where weights differ: an EDF schedule whose
 * weights shrink with the requests in flight, weight / (active + 1) ^ bias.
 */
export class LeastRequest implements HostPicker {
  readonly #hosts: readonly Host[];
  readonly #random: () => number;
  readonly #choices: number;
  readonly #isFullScan: boolean;
  readonly #schedule: EdfScheduler<Host> | null;

  /** `slowStart`: null where no host is new. */
  constructor(hosts: readonly Host[], spec: LbSpec, slowStart: SlowStart | null, random: () => number) {
    this.#hosts = hosts;
    this.#random = random;
    this.#choices = spec.choiceCount;
    this.#isFullScan = spec.isFullScan;
    const bias = spec.activeRequestBias;
    this.#schedule =
      hosts.length === 0 || (slowStart === null && hasEqualWeights(hosts))
        ? null
        : new EdfScheduler(hosts, (host) => {
            const weight = host.weight / (host.stats.activeRequests + 1) ** bias;
            return slowStart === null ? weight : weight * slowStart.factor(host);
          });
  }

  pick(): Host | null {
    if (this.#schedule !== null) return this.#schedule.pick();
    const hosts = this.#hosts;
    if (hosts.length < 2) return hosts[0] ?? null;
    return this.#isFullScan ? this.#scan() : this.#draw();
  }

  #draw(): Host {
    const hosts = this.#hosts;
    let best = this.#any();
    for (let i = 1; i < this.#choices; i++) {
      const other = hosts[Math.floor(this.#random() * hosts.length)] as Host;
      if (other.stats.activeRequests < best.stats.activeRequests) best = other;
    }
    return best;
  }

  /** Ties are broken at random: the k-th host of equal load replaces the choice with probability 1/k. */
  #scan(): Host {
    const hosts = this.#hosts;
    let best = hosts[0] as Host;
    let ties = 1;
    for (let i = 1; i < hosts.length; i++) {
      const other = hosts[i] as Host;
      const difference = other.stats.activeRequests - best.stats.activeRequests;
      if (difference < 0) {
        best = other;
        ties = 1;
      } else if (difference === 0 && this.#random() * ++ties < 1) best = other;
    }
    return best;
  }

  #any(): Host {
    return this.#hosts[Math.floor(this.#random() * this.#hosts.length)] as Host;
  }
}
