import type { StatsSlab } from "../observability/stats.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { clusterStatPrefix } from "../upstream/cluster-stats.ts";

/** Counters of gRPC calls of one method to one cluster, named as they come: `cluster.<c>.grpc.<service>.<method>.*`. Envoy: Grpc::Context. */
export class GrpcCallStats {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  /** By what follows the prefix. */
  readonly #slots = new Map<string, number>();

  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    this.#prefix = prefix;
  }

  /** The grpc-status of a response; nothing is counted without one. */
  onStatus(status: string | null): void {
    if (status === null) return;
    this.count(status, 1);
    this.onEnd(status === "0");
  }

  onEnd(isSuccess: boolean): void {
    this.count(isSuccess ? "success" : "failure", 1);
    this.count("total", 1);
  }

  count(name: string, amount: number): void {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = this.#slab.counter(this.#prefix + name);
      if (this.#slots.size < maxKept) this.#slots.set(name, slot);
    }
    this.#slab.values[slot] += amount;
  }

  recordTime(ms: number): void {
    this.#slab.record(this.#slab.histogram(`${this.#prefix}upstream_rq_time`), ms);
  }
}

/** The counters of each cluster, by protocol and method. They go with the cluster, whose stats start anew when it comes again. */
export class GrpcStatsOfClusters {
  readonly #slab: StatsSlab;
  readonly #clusters = new WeakMap<Cluster, Map<string, GrpcCallStats>>();

  constructor(slab: StatsSlab) {
    this.#slab = slab;
  }

  /** `method`: "service.method", "" for all of them together. */
  of(cluster: Cluster, protocol: "grpc" | "grpc-web", method: string): GrpcCallStats {
    let known = this.#clusters.get(cluster);
    if (known === undefined) this.#clusters.set(cluster, (known = new Map()));
    const key = method === "" ? `${protocol}.` : `${protocol}.${method}.`;
    let stats = known.get(key);
    if (stats === undefined) {
      stats = new GrpcCallStats(this.#slab, clusterStatPrefix(cluster.observabilityName) + key);
      // Clients choose the names of methods.
      if (known.size < maxKept) known.set(key, stats);
    }
    return stats;
  }
}

const maxKept = 4096;
