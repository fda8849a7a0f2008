import type { StatsSlab } from "../observability/stats.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { clusterStatPrefix } from "../upstream/cluster-stats.ts";

/** What a filter counts with the cluster that a request would go to. A name comes with its first count, as in Envoy. */
export class ClusterCounters {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #ofClusters = new WeakMap<Cluster, Map<string, number>>();

  /** `prefix`: "ratelimit." and what stat_prefix says. */
  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    this.#prefix = prefix;
  }

  count(cluster: Cluster, name: string): void {
    this.#add(cluster, this.#prefix + name);
  }

  /** An answer that the filter gives in the cluster's place: for Envoy one that nobody outside asked for. Envoy: CodeStats::chargeResponseStat. */
  countAnswer(cluster: Cluster, status: number): void {
    const codes = [`upstream_rq_${status}`, `upstream_rq_${Math.floor(status / 100)}xx`];
    for (const name of codes) {
      this.#add(cluster, name);
      this.#add(cluster, `internal.${name}`);
    }
    this.#add(cluster, "internal.upstream_rq_completed");
    const { stats } = cluster;
    stats.values[stats.rqCompleted]++;
  }

  #add(cluster: Cluster, name: string): void {
    let slots = this.#ofClusters.get(cluster);
    if (slots === undefined) this.#ofClusters.set(cluster, (slots = new Map()));
    let slot = slots.get(name);
    if (slot === undefined) {
      slots.set(name, (slot = this.#slab.counter(clusterStatPrefix(cluster.observabilityName) + name)));
    }
    this.#slab.values[slot]++;
  }
}
