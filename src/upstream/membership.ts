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
  };
  /** By HostSpec.socket, the cluster's own first. */
  readonly #matches: number[];
  readonly #discovery: ClusterSpec["discovery"];
  #addresses = new Set<string>();

  constructor(spec: ClusterSpec, slab: StatsSlab) {
    const prefix = clusterStatPrefix(spec.observabilityName);
    this.#values = slab.values;
    this.#discovery = spec.discovery;
    this.#slots = {
      change: slab.counter(`${prefix}membership_change`),
      total: slab.gauge(`${prefix}membership_total`),
      healthy: slab.gauge(`${prefix}membership_healthy`),
      degraded: slab.gauge(`${prefix}membership_degraded`),
      excluded: slab.gauge(`${prefix}membership_excluded`),
      maxWeight: slab.gauge(`${prefix}max_host_weight`),
    };
    const sockets = ["default", ...spec.socketMatches.map(({ name }) => name)];
    this.#matches = sockets.map((name) => slab.counter(`${prefix}${name}.total_match_count`));
    slab.gauge(`${prefix}version`);
    this.#values[slab.gauge(`${prefix}warming_state`)] = 0;
    for (const name of updateCounters) slab.counter(prefix + name);
    if (spec.discovery !== "STATIC") this.#values[this.#slots.maxWeight] = 1;
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
    if (this.#discovery !== "STRICT_DNS")
      for (const [, { socket }] of added) values[this.#matches[socket + 1] as number]++;
    this.#addresses = addresses;
    const count = (health: HostSpec["health"]): number => hosts.filter((host) => host.health === health).length;
    values[slots.total] = hosts.length;
    values[slots.healthy] = count("HEALTHY");
    values[slots.degraded] = count("DEGRADED");
    values[slots.excluded] = 0;
    if (this.#discovery !== "STATIC") values[slots.maxWeight] = Math.max(1, ...hosts.map((host) => host.weight));
  }
}

const updateCounters = ["update_attempt", "update_success", "update_failure", "update_empty", "update_no_rebuild"];
