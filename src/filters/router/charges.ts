import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { RequestCounter, type RequestStats } from "../../observability/request-stats.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { Route } from "../../router/route.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { Host } from "../../upstream/host-set.ts";
import { AnswerFacts } from "../../upstream/response-stats.ts";
import type { Attempt } from "./attempt.ts";

/** Where what a request comes to is counted: its cluster, and its virtual cluster and route where they have stats. */
export class Charges {
  cluster: Cluster | null = null;
  #virtualCluster: RequestStats | null = null;
  #route: RequestStats | null = null;
  readonly #facts = new AnswerFacts(false);

  begin(cluster: Cluster, route: Route, head: RequestHead, info: StreamInfo): void {
    this.cluster = cluster;
    this.#facts.isInternal = head.get(internalId) === "true";
    this.#facts.altName = takeAltName(head);
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

  /** The response head of a host came `elapsedMs` after the request. */
  onResponse(head: ResponseHead, host: Host | null, elapsedMs: number): void {
    const { status } = head;
    this.#facts.setHost(host, head.get(canaryId) === "true");
    this.cluster?.onResponse(status, elapsedMs, this.#facts);
    this.#countCode(status);
    if (this.#virtualCluster !== null) this.#virtualCluster.recordTime(elapsedMs);
    if (this.#route !== null) this.#route.recordTime(elapsedMs);
  }

  /** The proxy answered in the place of a host; null: of none. */
  onLocalFailure(status: number, host: Host | null): void {
    this.#facts.setHost(host, false);
    this.cluster?.onLocalFailure(status, this.#facts);
    this.#countCode(status);
  }

  /** The route's timeout passed, with these attempts under way; `status` is what is answered where no response began. */
  onTimeout(attempts: readonly Attempt[], status: number): void {
    if (attempts.length > 0) this.count(RequestCounter.timeout);
    for (const { host, isAwaitingHead } of attempts) {
      this.#facts.setHost(host, false);
      this.cluster?.onRequestTimeout(host, isAwaitingHead ? status : 0, this.#facts);
      if (isAwaitingHead) this.#countCode(status);
    }
  }

  #countCode(status: number): void {
    if (this.#virtualCluster !== null) this.#virtualCluster.countCode(status);
    if (this.#route !== null) this.#route.countCode(status);
  }
}

/** null without one. That of a stranger the connection manager has removed. */
function takeAltName(head: RequestHead): string | null {
  if (!head.has(altNameId)) return null;
  const name = head.joined("x-envoy-upstream-alt-stat-name");
  head.remove("x-envoy-upstream-alt-stat-name", altNameId);
  return name;
}

const internalId = Known["x-envoy-internal"];
const altNameId = Known["x-envoy-upstream-alt-stat-name"];
const canaryId = Known["x-envoy-upstream-canary"];
