import type { StatsSlab } from "../observability/stats.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { clusterStatPrefix } from "../upstream/cluster-stats.ts";
import { AnswerFacts } from "../upstream/response-stats.ts";

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
    cluster.onLocalFailure(status, inside);
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

const inside = new AnswerFacts(true);
