import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { BreakerGauges } from "../upstream/breaker-gauges.ts";
import { Cluster } from "../upstream/cluster.ts";
import { DnsCluster } from "../upstream/dns.ts";
import { realEnvironment, type UpstreamEnvironment } from "../upstream/environment.ts";
import { GoneStats } from "../upstream/gone-stats.ts";
import { Membership } from "../upstream/membership.ts";
import type { ClusterSpec, DnsSpec, HostUpdate, LocalitySpec } from "../upstream/spec.ts";
import { TokenSources } from "../upstream/token-source.ts";
import type { ClusterStatus } from "./admin/state.ts";
import { clusterStatus } from "./cluster-status.ts";

/**
 * The clusters of the process on the main thread: names are resolved here and endpoints sent to the workers, members are counted, and
 * what the main thread itself asks (control planes) goes by a cluster of its own.
 */
export class MainClusters {
  readonly #workers: number;
  readonly #slab: StatsSlab;
  readonly #clusters = new Map<string, MainCluster>();
  readonly #gone = new GoneStats();
  readonly #forgetStats: (isGone: (name: string) => boolean) => void;
  readonly #environment: UpstreamEnvironment;
  #send: ((update: HostUpdate) => void) | null = null;

  /** `workers`: all who share counters, the main thread among them as the last. */
  constructor(workers: number, stats: { mainSlab: StatsSlab; forget(isGone: (name: string) => boolean): void }) {
    this.#workers = workers;
    this.#slab = stats.mainSlab;
    this.#forgetStats = (isGone) => stats.forget(isGone);
    this.#environment = { ...realEnvironment, tokens: new TokenSources(stats.mainSlab, (name) => this.live(name)) };
  }

  /** A new cluster, or another spec of one that is there. Its endpoints are those of the spec until others come. */
  add(spec: ClusterSpec, isByApi: boolean): void {
    this.#clusters.get(spec.name)?.dns?.stop();
    const membership = new Membership(spec, this.#slab);
    const cluster: MainCluster = {
      spec,
      isByApi,
      membership,
      gauges: new BreakerGauges(spec, this.#slab),
      localities: spec.localities,
      dns: null,
      live: null,
    };
    this.#clusters.set(spec.name, cluster);
    if (spec.dns === null) return;
    cluster.dns = new DnsCluster(spec as ClusterSpec & { dns: DnsSpec }, this.#workers, this.#slab, (update) =>
      this.setHosts(update),
    );
  }

  remove(name: string): void {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return;
    cluster.dns?.stop();
    cluster.live?.close();
    this.#clusters.delete(name);
    this.#gone.add(cluster.spec.observabilityName);
  }

  /** Settles when each name of a DNS cluster was tried once, as Envoy warms a cluster. */
  async warm(name: string): Promise<void> {
    await this.#clusters.get(name)?.dns?.start();
  }

  /** Endpoints by DNS or EDS. */
  setHosts(update: HostUpdate): void {
    const cluster = this.#clusters.get(update.cluster);
    if (cluster === undefined) return;
    cluster.localities = update.localities;
    cluster.membership.update(update.localities);
    cluster.live?.updateHosts(update.localities);
    this.#send?.(update);
  }

  /** Sends what DNS found, and from now on every change. */
  connect(send: (update: HostUpdate) => void): void {
    this.#send = send;
    for (const { spec, localities } of this.#clusters.values())
      if (localities !== spec.localities) send({ cluster: spec.name, localities });
  }

  /** A cluster for the main thread's own requests; null when there is none of that name. */
  live(name: string): Cluster | null {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return null;
    if (cluster.live === null) {
      cluster.live = new Cluster(cluster.spec, this.#slab, this.#workers - 1, this.#environment);
      cluster.live.updateHosts(cluster.localities);
    }
    return cluster.live;
  }

  onTlsUpdate(update: TlsContextSpec<unknown>): void {
    for (const { live } of this.#clusters.values()) live?.onTlsUpdate(update);
  }

  /** The endpoints of a cluster now. */
  localities(name: string): LocalitySpec[] | undefined {
    return this.#clusters.get(name)?.localities;
  }

  statuses(): ClusterStatus[] {
    return [...this.#clusters.values()].map(({ spec, localities, isByApi }) => ({
      ...clusterStatus(spec, localities),
      addedViaApi: isByApi,
      edsServiceName: spec.eds?.serviceName ?? "",
    }));
  }

  /** In front of each look at the stats. */
  sync(): void {
    const isGone = this.#gone.take([...this.#clusters.values()].map(({ spec }) => spec.observabilityName));
    if (isGone !== null) this.#forgetStats(isGone);
    for (const { gauges, live } of this.#clusters.values()) {
      gauges.sync();
      live?.syncStats();
    }
  }
}

interface MainCluster {
  spec: ClusterSpec;
  isByApi: boolean;
  membership: Membership;
  gauges: BreakerGauges;
  localities: LocalitySpec[];
  dns: DnsCluster | null;
  live: Cluster | null;
}
