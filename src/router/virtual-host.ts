import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { RequestStats } from "../observability/request-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { HeaderMatcher } from "./matchers.ts";
import { RateLimits } from "./rate-limits.ts";
import type { Route, VirtualCluster, VirtualHost } from "./route.ts";
import type { RouteChoice } from "./route-choice.ts";
import type { VirtualHostSpec } from "./spec.ts";
import { createTlsRedirect } from "./tls-redirect.ts";

/** One virtual host and its compiled routes. */
export class LinkedVirtualHost implements VirtualHost {
  readonly name: string;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  readonly rateLimits: RateLimits | null;
  readonly metadata: VirtualHostSpec["metadata"];
  readonly #requireTls: VirtualHostSpec["requireTls"];
  readonly #tlsRedirect: Route;
  readonly #routes: RouteChoice;
  readonly #virtualClusters: (VirtualCluster & { matchers: HeaderMatcher[] })[];
  readonly #other: VirtualCluster | null;
  /** `slab`: null where nobody counts. */
  constructor(spec: VirtualHostSpec, routes: RouteChoice, slab: StatsSlab | null) {
    this.name = spec.name;
    this.metadata = spec.metadata;
    this.includeRequestAttemptCount = spec.includeRequestAttemptCount;
    this.includeAttemptCountInResponse = spec.includeAttemptCountInResponse;
    this.includeIsTimeoutRetryHeader = spec.includeIsTimeoutRetryHeader;
    this.rateLimits = spec.rateLimits.length === 0 ? null : new RateLimits(spec.rateLimits, false);
    this.#requireTls = spec.requireTls;
    this.#tlsRedirect = createTlsRedirect(this);
    this.#routes = routes;
    const statsOf = (name: string) =>
      slab === null ? null : new RequestStats(slab, `vhost.${spec.name}.vcluster.${name}.`);
    this.#virtualClusters = spec.virtualClusters.map(({ name, headers }) => ({
      name,
      matchers: headers.map((matcher) => new HeaderMatcher(matcher)),
      stats: statsOf(name),
    }));
    this.#other = spec.virtualClusters.length === 0 ? null : { name: "other", stats: statsOf("other") };
  }

  match(head: RequestHead, info: StreamInfo, random: number): Route | null {
    if (this.#requireTls !== "NONE" && head.get(Known["x-forwarded-proto"]) !== "https") {
      if (this.#requireTls === "ALL" || head.get(Known["x-envoy-internal"]) !== "true") return this.#tlsRedirect;
    }
    const entry = this.#routes.find(head, info, random);
    if (entry === null) return null;
    return entry.weighted === null ? entry.route : entry.weighted.choose(head, info, random);
  }

  virtualClusterFor(head: RequestHead): VirtualCluster | null {
    if (this.#other === null) return null;
    for (const cluster of this.#virtualClusters) {
      if (cluster.matchers.every((matcher) => matcher.matches(head))) return cluster;
    }
    return this.#other;
  }
}
