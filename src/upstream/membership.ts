import { addressText } from "../net/address.ts";
import { defineLayout } from "../observability/stat-layout.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import { hashStatNames, hashStats } from "./lb/hash-stats.ts";
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
  };
  /** By HostSpec.socket, the cluster's own first. */
  readonly #matches: number[];
  readonly #spec: ClusterSpec;
  /** Of a hash balancer, by name below the prefix. */
  readonly #hashSlots = new Map<string, number>();
  #addresses = new Set<string>();

  constructor(spec: ClusterSpec, slab: StatsSlab) {
    const prefix = clusterStatPrefix(spec.observabilityName);
    this.#values = slab.values;
    this.#spec = spec;
    const first = slab.group(prefix, membershipLayout);
    if (spec.eds === null) slab.group(prefix, updateLayout);
    const slot = (name: string): number => first + membershipLayout.offset(name);
    this.#slots = {
      change: slot("membership_change"),
      total: slot("membership_total"),
      healthy: slot("membership_healthy"),
      degraded: slot("membership_degraded"),
      excluded: slot("membership_excluded"),
      maxWeight: slot("max_host_weight"),
    };
    const sockets = ["default", ...spec.socketMatches.map(({ name }) => name)];
    this.#matches = sockets.map((name) => slab.counter(`${prefix}${name}.total_match_count`));
    this.#values[slot("warming_state")] = 0;
    if (spec.discovery !== "STATIC") this.#values[this.#slots.maxWeight] = 1;
    if (spec.lb.hash !== null) {
      for (const name of hashStatNames[spec.lb.hash.kind]) this.#hashSlots.set(name, slab.gauge(prefix + name));
    }
    this.update(spec.localities);
  }

  /** Called with every HostUpdate. */
  update(localities: readonly LocalitySpec[]): void {
    const hosts = localities.flatMap((locality) => locality.hosts);
    const byAddress = new Map(hosts.map((host) => [addressText(host.address), host]));
    const addresses = new Set(byAddress.keys());
    const values = this.#values;
    const slots = this.#slots;
    // Envoy's host set is not touched by nothing: its gauges stay unused.
    if (addresses.size === 0 && this.#addresses.size === 0) return;
    const added = [...byAddress].filter(([address]) => !this.#addresses.has(address));
    if (added.length > 0 || addresses.size < this.#addresses.size) values[slots.change]++;
    // Envoy matches a transport socket for each host it makes; STRICT_DNS makes one of each answer, so DnsCluster counts them.
    if (this.#spec.discovery !== "STRICT_DNS")
      for (const [, { socket }] of added) values[this.#matches[socket + 1] as number]++;
    this.#addresses = addresses;
    const { lb, overprovisioningPct } = this.#spec;
    if (lb.hash !== null) {
      const stats = hashStats(lb.hash, lb, localities, overprovisioningPct);
      for (const [name, value] of stats) values[this.#hashSlots.get(name) as number] = value;
    }
    const count = (health: HostSpec["health"]): number => hosts.filter((host) => host.health === health).length;
    values[slots.total] = hosts.length;
    values[slots.healthy] = count("HEALTHY");
    values[slots.degraded] = count("DEGRADED");
    values[slots.excluded] = 0;
    if (this.#spec.discovery !== "STATIC") values[slots.maxWeight] = Math.max(1, ...hosts.map((host) => host.weight));
  }
}

/** Where they come from an EDS subscription its own stats have these names. */
export const updateLayout = defineLayout("cluster updates", {
  counters: ["update_attempt", "update_success", "update_failure", "update_empty"],
  gauges: ["version"],
});
export const membershipLayout = defineLayout("cluster membership", {
  counters: ["membership_change", "update_no_rebuild"],
  gauges: [
    "membership_total",
    "membership_healthy",
    "membership_degraded",
    "membership_excluded",
    "max_host_weight",
    "warming_state",
  ],
});
