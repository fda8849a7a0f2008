import type { RequestHead } from "../../http/header-block.ts";
import { RequestCounter, type RequestStats } from "../../observability/request-stats.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { Route } from "../../router/route.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { Attempt } from "./attempt.ts";

/** Where what a request comes to is counted: its cluster, and its virtual cluster and route where they have stats. */
export class Charges {
  cluster: Cluster | null = null;
  #virtualCluster: RequestStats | null = null;
  #route: RequestStats | null = null;

  begin(cluster: Cluster, route: Route, head: RequestHead, info: StreamInfo): void {
    this.cluster = cluster;
    this.#route = route.stats;
    const virtualCluster = route.virtualHost.virtualClusterFor(head);
    if (virtualCluster === null) return;
    this.#virtualCluster = virtualCluster.stats;
    // Envoy: the one for all others has no name in the log.
    if (virtualCluster.name !== "other") info.virtualClusterName = virtualCluster.name;
  }

  reset(): void {
    this.cluster = null;
    this.#virtualCluster = null;
    this.#route = null;
  }

  /** The cluster counts of itself what is counted here; of a retry too, which it knows of by its own stats. */
  count(what: RequestCounter): void {
    if (this.#virtualCluster !== null) this.#virtualCluster.count(what);
    if (this.#route !== null) this.#route.count(what);
  }

  /** The upstream's response head came `elapsedMs` after the request. */
  onResponse(status: number, elapsedMs: number): void {
    this.cluster?.onResponse(status, elapsedMs);
    this.#countCode(status);
    if (this.#virtualCluster !== null) this.#virtualCluster.recordTime(elapsedMs);
    if (this.#route !== null) this.#route.recordTime(elapsedMs);
  }

  /** The proxy answered in the upstream's place. */
  onLocalFailure(status: number): void {
    this.cluster?.onLocalFailure(status);
    this.#countCode(status);
  }

  /** The route's timeout passed, with these attempts under way; `status` is what is answered where no response began. */
  onTimeout(attempts: readonly Attempt[], status: number): void {
    if (attempts.length > 0) this.count(RequestCounter.timeout);
    for (const { host, isAwaitingHead } of attempts) {
      this.cluster?.onRequestTimeout(host, isAwaitingHead ? status : 0);
      if (isAwaitingHead) this.#countCode(status);
    }
  }

  #countCode(status: number): void {
    if (this.#virtualCluster !== null) this.#virtualCluster.countCode(status);
    if (this.#route !== null) this.#route.countCode(status);
  }
}
