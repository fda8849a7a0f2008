import type { Host } from "../host-set.ts";
import { EdfScheduler, hasEqualWeights } from "./edf.ts";
import type { HostPicker } from "./policy.ts";
import type { SlowStart } from "./slow-start.ts";

/** One after the other; by an EDF schedule where weights differ. The start is random, so that workers do not march in step. */
export class RoundRobin implements HostPicker {
  readonly #hosts: readonly Host[];
  readonly #schedule: EdfScheduler<Host> | null;
  #next = 0;

  /** `slowStart`: null where no host is new. */
  constructor(hosts: readonly Host[], slowStart: SlowStart | null, random: () => number) {
    this.#hosts = hosts;
    const start = Math.floor(random() * hosts.length);
    if (hosts.length === 0 || (slowStart === null && hasEqualWeights(hosts))) {
      this.#schedule = null;
      this.#next = start;
      return;
    }
    this.#schedule = new EdfScheduler(hosts, (host) => host.weight * (slowStart === null ? 1 : slowStart.factor(host)));
    for (let i = 0; i < start; i++) this.#schedule.pick();
  }

  pick(): Host | null {
    if (this.#schedule !== null) return this.#schedule.pick();
    const hosts = this.#hosts;
    if (hosts.length === 0) return null;
    const at = this.#next;
    this.#next = at + 1 === hosts.length ? 0 : at + 1;
    return hosts[at] as Host;
  }
}
