import type { RequestHead, ResponseHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { RequestStats } from "../observability/request-stats.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { HashPolicy } from "./hash-policy.ts";
import type { HeaderMutations, ValueFormatter } from "./header-mutation.ts";
import type { MetadataCriteria } from "./metadata-criteria.ts";
import type { Mirror } from "./mirror.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import type { HostRewrite, PathRewrite, Redirect } from "./rewrite.ts";
import { updateAuthority } from "./rewrite.ts";
import type {
  InternalRedirectSpec,
  MaxStreamDurationSpec,
  MetadataSpec,
  PathMatchSpec,
  PerFilterSpec,
  UpgradeSpec,
} from "./spec.ts";
import { pathEnd } from "./text.ts";

/** What the table answers: one route, or one entry of its weighted clusters. Shared by all requests, never changed. */
export interface Route {
  readonly kind: "cluster" | "redirect" | "direct" | "none";
  readonly name: string;
  readonly virtualHost: VirtualHost;
  readonly metadata: MetadataSpec | null;
  /** Of a redirect or direct response. */
  readonly status: number;
  /** Of a direct response, as configured. */
  readonly body: Buffer;
  /** Content-Type that body_format asks for; "" without one. */
  readonly bodyContentType: string;
  /** RESPONSE_CODE_DETAILS of an answer without an upstream. */
  readonly replyDetails: string;
  readonly clusterNotFoundStatus: number;
  /** 15000 by default, 0 for none. */
  readonly timeoutMs: number;
  /** null: the connection manager's; 0 for none. */
  readonly idleTimeoutMs: number | null;
  /** null: the connection manager's. */
  readonly maxStreamDuration: MaxStreamDurationSpec | null;
  /** What stands in the route or its virtual host; null where neither says anything. */
  readonly retryPolicy: RetryPolicy | null;
  readonly hedgeOnPerTryTimeout: boolean;
  /** Bytes of a request body that may be kept for retries; null: as the listener's buffer. */
  readonly bodyBufferLimitBytes: number | null;
  /** null without policies. */
  readonly hashPolicy: HashPolicy | null;
  readonly priority: "DEFAULT" | "HIGH";
  readonly mirrors: readonly Mirror[];
  readonly upgrades: readonly UpgradeSpec[];
  /** What metadata_match asks of hosts; null without one. */
  readonly criteria: MetadataCriteria | null;
  readonly internalRedirect: InternalRedirectSpec | null;
  /** auto_host_rewrite: the authority becomes the upstream's host name (see setAuthority). */
  readonly autoHostRewrite: boolean;
  /** Of its requests; null without a stat_prefix. */
  readonly stats: RequestStats | null;
  readonly decorator: { operation: string; propagate: boolean } | null;
  readonly filters: RouteFilters;
  /** null without rate_limits. */
  readonly rateLimits: RateLimits | null;
  /** include_vh_rate_limits */
  readonly includesVirtualHostRateLimits: boolean;
  /** The cluster's name; "" when the cluster_header is missing. */
  clusterFor(head: RequestHead): string;
  /** Headers, then host, then path, as Envoy's finalizeRequestHeaders. `keepOriginal`: leave x-envoy-original-path and -host (the router filter without suppress_envoy_headers). */
  rewriteRequest(head: RequestHead, info: StreamInfo, keepOriginal: boolean): void;
  rewriteResponse(head: ResponseHead, info: StreamInfo): void;
  /** For auto_host_rewrite, once the host is chosen. `keepOriginal`: as rewriteRequest's. */
  setAuthority(head: RequestHead, authority: string, keepOriginal: boolean): void;
  /** The text of a direct response, its body_format applied. */
  directBody(info: StreamInfo): string;
  /** The Location of a redirect, or of a direct response that needs one (201 and 3xx). */
  locationFor(head: RequestHead, info: StreamInfo): string;
}

/** What the HTTP filters have of a route: made once by LinkDeps.linkFilters. */
export interface RouteFilters {
  /** By slot, what a filter linked of its per-route configs; nothing or null without one. */
  readonly overrides: readonly unknown[];
  /** By slot, what a filter around another one has of them itself; null without such a filter. */
  readonly outer: readonly unknown[] | null;
  /** Which filters of the chain run: 0 for those that are not disabled of themselves. */
  readonly variant: number;
}

/** typed_per_filter_config of all levels by filter name, the most specific first. */
export type PerFilter = ReadonlyMap<string, readonly PerFilterSpec[]>;

/** Of a route that says nothing to any filter. */
export const noRouteFilters: RouteFilters = { overrides: [], outer: null, variant: 0 };

/** The virtual host that a route stands in. */
export interface VirtualHost {
  readonly name: string;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  /** null without rate_limits. */
  readonly rateLimits: RateLimits | null;
  /** filter_metadata; null for none. */
  readonly metadata: MetadataSpec | null;
  /** The virtual cluster whose matchers pass, "other" where there are some and none passes, null without any. */
  virtualClusterFor(head: RequestHead): VirtualCluster | null;
}

/** A name for some of the requests of a virtual host, and what they come to. */
export interface VirtualCluster {
  readonly name: string;
  /** null where nobody counts. */
  readonly stats: RequestStats | null;
}

/** What a route gives, as link computes it, but for what is its own: routes that do the same share it. */
export interface RouteData {
  kind: Route["kind"];
  virtualHost: VirtualHost;
  status: number;
  body: Buffer;
  bodyContentType: string;
  replyDetails: string;
  /** body_format, which sees the body as %LOCAL_REPLY_BODY%. */
  bodyFormatter: ValueFormatter | null;
  clusterNotFoundStatus: number;
  timeoutMs: number;
  idleTimeoutMs: number | null;
  maxStreamDuration: MaxStreamDurationSpec | null;
  retryPolicy: RetryPolicy | null;
  hedgeOnPerTryTimeout: boolean;
  bodyBufferLimitBytes: number | null;
  hashPolicy: HashPolicy | null;
  priority: "DEFAULT" | "HIGH";
  mirrors: readonly Mirror[];
  upgrades: readonly UpgradeSpec[];
  criteria: MetadataCriteria | null;
  internalRedirect: InternalRedirectSpec | null;
  autoHostRewrite: boolean;
  stats: RequestStats | null;
  decorator: { operation: string; propagate: boolean } | null;
  filters: RouteFilters;
  rateLimits: RateLimits | null;
  includesVirtualHostRateLimits: boolean;
  cluster: string;
  /** Lower-case; "" for a fixed cluster. */
  clusterHeader: string;
  /** By filter name, the most specific level first: weighted cluster, route, virtual host, config. */
  perFilter: PerFilter;
  requestMutations: readonly HeaderMutations[];
  responseMutations: readonly HeaderMutations[];
  pathRewrite: PathRewrite | null;
  hostRewrite: HostRewrite | null;
  /** host_rewrite_literal of a weighted entry: done before the route's own. */
  entryHostRewrite: HostRewrite | null;
  appendXForwardedHost: boolean;
  /** null for the redirect of require_tls. */
  redirect: Redirect | null;
}

/** What of a route is its own. */
export interface RouteIdentity {
  name: string;
  metadata: MetadataSpec | null;
  /** `value` in wire bytes. */
  path: PathMatchSpec;
}

/** A Route over its data, which others may share. */
export function createRoute(own: RouteIdentity, data: RouteData): Route {
  return new LinkedRoute(own, data);
}

class LinkedRoute implements Route {
  readonly name: string;
  readonly metadata: MetadataSpec | null;
  readonly #path: PathMatchSpec;
  readonly #data: RouteData;

  constructor({ name, metadata, path }: RouteIdentity, data: RouteData) {
    this.name = name;
    this.metadata = metadata;
    this.#path = path;
    this.#data = data;
  }

  get kind(): Route["kind"] {
    return this.#data.kind;
  }
  get virtualHost(): Route["virtualHost"] {
    return this.#data.virtualHost;
  }
  get status(): Route["status"] {
    return this.#data.status;
  }
  get body(): Route["body"] {
    return this.#data.body;
  }
  get bodyContentType(): Route["bodyContentType"] {
    return this.#data.bodyContentType;
  }
  get replyDetails(): Route["replyDetails"] {
    return this.#data.replyDetails;
  }
  get clusterNotFoundStatus(): Route["clusterNotFoundStatus"] {
    return this.#data.clusterNotFoundStatus;
  }
  get timeoutMs(): Route["timeoutMs"] {
    return this.#data.timeoutMs;
  }
  get idleTimeoutMs(): Route["idleTimeoutMs"] {
    return this.#data.idleTimeoutMs;
  }
  get maxStreamDuration(): Route["maxStreamDuration"] {
    return this.#data.maxStreamDuration;
  }
  get retryPolicy(): Route["retryPolicy"] {
    return this.#data.retryPolicy;
  }
  get hedgeOnPerTryTimeout(): Route["hedgeOnPerTryTimeout"] {
    return this.#data.hedgeOnPerTryTimeout;
  }
  get bodyBufferLimitBytes(): Route["bodyBufferLimitBytes"] {
    return this.#data.bodyBufferLimitBytes;
  }
  get hashPolicy(): Route["hashPolicy"] {
    return this.#data.hashPolicy;
  }
  get priority(): Route["priority"] {
    return this.#data.priority;
  }
  get mirrors(): Route["mirrors"] {
    return this.#data.mirrors;
  }
  get upgrades(): Route["upgrades"] {
    return this.#data.upgrades;
  }
  get criteria(): Route["criteria"] {
    return this.#data.criteria;
  }
  get internalRedirect(): Route["internalRedirect"] {
    return this.#data.internalRedirect;
  }
  get autoHostRewrite(): Route["autoHostRewrite"] {
    return this.#data.autoHostRewrite;
  }
  get stats(): Route["stats"] {
    return this.#data.stats;
  }
  get decorator(): Route["decorator"] {
    return this.#data.decorator;
  }
  get filters(): Route["filters"] {
    return this.#data.filters;
  }
  get rateLimits(): Route["rateLimits"] {
    return this.#data.rateLimits;
  }
  get includesVirtualHostRateLimits(): Route["includesVirtualHostRateLimits"] {
    return this.#data.includesVirtualHostRateLimits;
  }

  clusterFor(head: RequestHead): string {
    return this.#data.clusterHeader === "" ? this.#data.cluster : (head.find(this.#data.clusterHeader) ?? "");
  }

  rewriteRequest(head: RequestHead, info: StreamInfo, keepOriginal: boolean): void {
    const data = this.#data;
    const mutations = data.requestMutations;
    for (let i = 0; i < mutations.length; i++) (mutations[i] as HeaderMutations).apply(head, info);
    if (data.kind !== "cluster") return;
    // Envoy tells the old host of the route's own rewrite alone.
    this.#rewriteHost(head, info, data.entryHostRewrite, false, false);
    this.#rewriteHost(head, info, data.hostRewrite, data.appendXForwardedHost, keepOriginal);
    if (data.pathRewrite === null || head.path === "") return;
    const path = data.pathRewrite.apply(head.path, matchedLength(this.#path, head.path), info);
    if (path === "") return;
    if (keepOriginal) head.set("x-envoy-original-path", head.path, Known["x-envoy-original-path"]);
    head.path = path;
  }

  rewriteResponse(head: ResponseHead, info: StreamInfo): void {
    const mutations = this.#data.responseMutations;
    for (let i = 0; i < mutations.length; i++) (mutations[i] as HeaderMutations).apply(head, info);
  }

  setAuthority(head: RequestHead, authority: string, keepOriginal: boolean): void {
    if (keepOriginal) head.set("x-envoy-original-host", head.authority, Known["x-envoy-original-host"]);
    updateAuthority(head, authority, this.#data.appendXForwardedHost);
  }

  directBody(info: StreamInfo): string {
    const body = this.body.toString();
    const formatter = this.#data.bodyFormatter;
    if (formatter === null) return body;
    info.localReplyBody = body;
    return formatter.format(info);
  }

  locationFor(head: RequestHead, info: StreamInfo): string {
    const redirect = this.#data.redirect;
    if (redirect === null) {
      // require_tls: https on the same authority, its port included (Envoy createSslRedirectPath).
      const scheme = this.kind === "redirect" ? "https" : head.scheme;
      return `${scheme}://${head.authority}${head.path}`;
    }
    return redirect.locationFor(head, info, matchedLength(this.#path, head.path));
  }

  #rewriteHost(
    head: RequestHead,
    info: StreamInfo,
    rewrite: HostRewrite | null,
    appendXForwardedHost: boolean,
    keepOriginal: boolean,
  ): void {
    const authority = rewrite === null ? null : rewrite.authorityFor(head, info);
    if (authority === null) return;
    if (keepOriginal) head.set("x-envoy-original-host", head.authority, Known["x-envoy-original-host"]);
    updateAuthority(head, authority, appendXForwardedHost);
  }
}

/** What prefix_rewrite replaces: the prefix, or the whole path where the route matched it whole. */
function matchedLength(match: PathMatchSpec, target: string): number {
  switch (match.kind) {
    case "prefix":
    case "pathSeparatedPrefix":
      return match.value.length;
    case "path":
    case "regex":
    case "template":
      return pathEnd(target);
    case "connect":
      return 0;
  }
}
