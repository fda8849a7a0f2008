import { addressText } from "../net/address.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import type { ClusterSpec, HostSpec, LocalitySpec } from "./spec.ts";

/** The stats of a cluster that belong to the whole process: the main thread counts them, in its own slab. */
export class Membership {
  readonly #values: Float64Array;
  readonly #slots: {
    change: number;
    total: number;
    healthy: number;
    degraded: number;
    excluded: number;
    maxWeight: number;
    matches: number;
  };
  readonly #isDynamic: boolean;
  #addresses = new Set<string>();

  constructor(spec: ClusterSpec, slab: StatsSlab) {
    const prefix = clusterStatPrefix(spec.observabilityName);
    this.#values = slab.values;
    this.#isDynamic = spec.discovery !== "STATIC";
    this.#slots = {
      change: slab.counter(`${prefix}membership_change`),
      total: slab.gauge(`${prefix}membership_total`),
      healthy: slab.gauge(`${prefix}membership_healthy`),
      degraded: slab.gauge(`${prefix}membership_degraded`),
      excluded: slab.gauge(`${prefix}membership_excluded`),
      maxWeight: slab.gauge(`${prefix}max_host_weight`),
      matches: slab.counter(`${prefix}default.total_match_count`),
    };
    for (const name of ["version", "warming_state"]) slab.gauge(prefix + name);
    for (const name of updateCounters) slab.counter(prefix + name);
    this.update(spec.localities);
  }

  /** Called with every HostUpdate. */
  update(localities: readonly LocalitySpec[]): void {
    const hosts = localities.flatMap((locality) => locality.hosts);
    const addresses = new Set(hosts.map((host) => addressText(host.address)));
    const values = this.#values;
    const slots = this.#slots;
    const added = [...addresses].filter((address) => !this.#addresses.has(address)).length;
    if (added > 0 || addresses.size < this.#addresses.size) values[slots.change]++;
    // Envoy matches a transport socket for each host it makes.
    if (added > 0) values[slots.matches] += added;
    this.#addresses = addresses;
    const count = (health: HostSpec["health"]): number => hosts.filter((host) => host.health === health).length;
    set(values, slots.total, hosts.length);
    set(values, slots.healthy, count("HEALTHY"));
    set(values, slots.degraded, count("DEGRADED"));
    if (this.#isDynamic) set(values, slots.maxWeight, Math.max(0, ...hosts.map((host) => host.weight)));
  }
}

/** A zero that was never anything else stays unused. */
function set(values: Float64Array, slot: number, value: number): void {
  if (values[slot] !== value) values[slot] = value;
}

const updateCounters = ["update_attempt", "update_success", "update_failure", "update_empty", "update_no_rebuild"];
