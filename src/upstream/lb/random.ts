import type { Host } from "../host-set.ts";
import type { HostPicker } from "./policy.ts";

/** Any host, all equally likely: Envoy's random balancer does not read weights. */
export class RandomChoice implements HostPicker {
  readonly #hosts: readonly Host[];
  readonly #random: () => number;

  constructor(hosts: readonly Host[], random: () => number) {
    this.#hosts = hosts;
    this.#random = random;
  }

  pick(): Host | null {
    const hosts = this.#hosts;
    return hosts.length === 0 ? null : (hosts[Math.floor(this.#random() * hosts.length)] as Host);
  }
}
