import type { StatsSlab } from "../../observability/stats.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import { clusterStatPrefix } from "../../upstream/cluster-stats.ts";

/** What became of the questions about requests to a cluster, counted with that cluster. A name comes with its first count, as in Envoy. */
export class LimitCounters {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #ofClusters = new WeakMap<Cluster, Map<string, number>>();

  /** `prefix`: "ratelimit." and what stat_prefix says. */
  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    this.#prefix = prefix;
  }

  count(cluster: Cluster, name: "ok" | "error" | "failure_mode_allowed"): void {
    this.#add(cluster, this.#prefix + name);
  }

  /** Envoy also counts an answer 429 that nobody outside asked for, whatever the status is. */
  countOverLimit(cluster: Cluster): void {
    this.#add(cluster, `${this.#prefix}over_limit`);
    for (const name of limitedAnswer) this.#add(cluster, name);
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

const codes = ["upstream_rq_429", "upstream_rq_4xx"];
const limitedAnswer = [...codes, ...codes.map((name) => `internal.${name}`), "internal.upstream_rq_completed"];
