import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { RequestStats } from "../observability/request-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { RouteEntry } from "./entry.ts";
import { Candidate } from "./entry.ts";
import { HeaderMatcher } from "./matchers.ts";
import { PathTrie } from "./path-trie.ts";
import { RateLimits } from "./rate-limits.ts";
import type { Route, VirtualCluster, VirtualHost } from "./route.ts";
import type { VirtualHostSpec } from "./spec.ts";
import { asciiLower, pathEnd } from "./text.ts";
import { createTlsRedirect } from "./tls-redirect.ts";

/** The compiled routes of one virtual host. The first route that matches wins, as in Envoy, not the most specific. */
export class LinkedVirtualHost implements VirtualHost {
  readonly name: string;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  readonly rateLimits: RateLimits | null;
  readonly #requireTls: VirtualHostSpec["requireTls"];
  readonly #tlsRedirect: Route;
  readonly #ignoreParameters: boolean;
  readonly #virtualClusters: (VirtualCluster & { matchers: HeaderMatcher[] })[];
  readonly #other: VirtualCluster | null;
  /** Paths and prefixes: cheap to decide, so looked at before the regexes. */
  readonly #plain = new PathTrie<RouteEntry>();
  /** The same for case_sensitive: false, by lower-case keys. */
  readonly #folded = new PathTrie<RouteEntry>();
  readonly #regexes = new PathTrie<RouteEntry>();
  readonly #connects: RouteEntry[] = [];

  /** `slab`: null where nobody counts. */
  constructor(spec: VirtualHostSpec, ignorePathParameters: boolean, slab: StatsSlab | null) {
    this.name = spec.name;
    this.includeRequestAttemptCount = spec.includeRequestAttemptCount;
    this.includeAttemptCountInResponse = spec.includeAttemptCountInResponse;
    this.includeIsTimeoutRetryHeader = spec.includeIsTimeoutRetryHeader;
    this.rateLimits = spec.rateLimits.length === 0 ? null : new RateLimits(spec.rateLimits, false);
    this.#requireTls = spec.requireTls;
    this.#tlsRedirect = createTlsRedirect(this);
    this.#ignoreParameters = ignorePathParameters;
    const statsOf = (name: string) =>
      slab === null ? null : new RequestStats(slab, `vhost.${spec.name}.vcluster.${name}.`);
    this.#virtualClusters = spec.virtualClusters.map(({ name, headers }) => ({
      name,
      matchers: headers.map((matcher) => new HeaderMatcher(matcher)),
      stats: statsOf(name),
    }));
    this.#other = spec.virtualClusters.length === 0 ? null : { name: "other", stats: statsOf("other") };
  }

  /** By rising order. `key`: what the paths it matches begin with. */
  add(entry: RouteEntry, key: string, caseSensitive: boolean): void {
    if (entry.kind === "connect") this.#connects.push(entry);
    else if (entry.regex !== null) this.#regexes.insert(key, entry);
    else if (caseSensitive) this.#plain.insert(key, entry);
    else this.#folded.insert(asciiLower(key), entry);
  }

  match(head: RequestHead, info: StreamInfo, random: number): Route | null {
    if (this.#requireTls !== "NONE" && head.get(Known["x-forwarded-proto"]) !== "https") {
      if (this.#requireTls === "ALL" || head.get(Known["x-envoy-internal"]) !== "true") return this.#tlsRedirect;
    }
    const entry = this.#find(head, info, random);
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

  #find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null {
    const path = head.path;
    let end = pathEnd(path);
    if (this.#ignoreParameters) {
      const semicolon = path.indexOf(";");
      if (semicolon >= 0 && semicolon < end) end = semicolon;
    }
    candidate.head = head;
    candidate.info = info;
    candidate.random = random;
    candidate.end = end;
    candidate.path = path;
    let best: RouteEntry | null = null;
    let bound = Infinity;
    // A request without a path (CONNECT) meets connect matchers alone.
    if (head.method === "CONNECT" && this.#connects.length > 0) {
      best = this.#connects.find((entry) => candidate.accepts(entry, 0)) ?? null;
      if (best !== null) bound = best.order;
    }
    if (path !== "") {
      let found = this.#plain.find(path, end, bound, candidate);
      if (found !== null) bound = (best = found).order;
      if (!this.#folded.isEmpty) {
        candidate.path = asciiLower(path);
        found = this.#folded.find(candidate.path, end, bound, candidate);
        if (found !== null) bound = (best = found).order;
        candidate.path = path;
      }
      if (!this.#regexes.isEmpty) {
        found = this.#regexes.find(path, end, bound, candidate);
        if (found !== null) best = found;
      }
    }
    candidate.head = null;
    candidate.info = null;
    return best;
  }
}

const candidate = new Candidate();
