import type { StatsSlab } from "../observability/stats.ts";
import { DnsCluster } from "../upstream/dns.ts";
import { Membership } from "../upstream/membership.ts";
import type { ClusterSpec, DnsSpec, HostUpdate, LocalitySpec } from "../upstream/spec.ts";

/** The DNS clusters of the process: resolved on the main thread, their endpoints sent to the workers. Counts the members of every cluster. */
export class DnsClusters {
  readonly #clusters: DnsCluster[] = [];
  readonly #localities = new Map<string, LocalitySpec[]>();
  #send: ((update: HostUpdate) => void) | null = null;

  constructor(specs: readonly ClusterSpec[], workers: number, slab: StatsSlab) {
    for (const spec of specs) {
      const membership = new Membership(spec, slab);
      if (spec.dns === null) continue;
      this.#clusters.push(
        new DnsCluster(spec as ClusterSpec & { dns: DnsSpec }, workers, slab, (update) => {
          this.#localities.set(update.cluster, update.localities);
          membership.update(update.localities);
          this.#send?.(update);
        }),
      );
    }
  }

  /** Settles when each name was tried once, as Envoy warms a cluster before it listens. */
  async warm(): Promise<void> {
    await Promise.all(this.#clusters.map((cluster) => cluster.start()));
  }

  /** Sends what is known, and from now on every change. */
  connect(send: (update: HostUpdate) => void): void {
    this.#send = send;
    for (const [cluster, localities] of this.#localities) send({ cluster, localities });
  }

  /** The endpoints of a cluster now; undefined unless DNS found some. */
  localities(cluster: string): LocalitySpec[] | undefined {
    return this.#localities.get(cluster);
  }
}
