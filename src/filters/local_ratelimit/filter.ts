import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { type LocalReply, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { type DescribedRequest, type RateLimitDescriptor, RateLimits } from "../../router/rate-limits.ts";
import type { PerFilter } from "../../router/route.ts";
import { isInFraction } from "../../router/runtime-fraction.ts";
import type { HeaderAddSpec, RuntimeFractionSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { describeRoute, resourceExhausted } from "../route-rate-limits.ts";
import type { TokenBucket } from "../token-bucket.ts";
import { LocalLimiter, limiterOfConnection } from "./limiter.ts";
import type { LocalRateLimitSpec } from "./parse.ts";

/** Limits requests by token buckets of the process. Envoy: LocalRateLimitFilter. */
export class LocalRateLimitFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Config;

  constructor(spec: LocalRateLimitSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Config(spec, deps);
  }

  /** The most specific config of a route stands in for the filter's. */
  linkRoute(perFilter: PerFilter, name: string): Config | null {
    const spec = routeConfig<LocalRateLimitSpec>(perFilter, name);
    return spec === null ? null : new Config(spec, this.#deps);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const config = (stream.override(this.#slot) as Config | null) ?? this.#own;
    if (!config.isEnabled()) return HeadersStatus.Continue;
    return config.limit(stream, head, this.#slot) ? HeadersStatus.Continue : HeadersStatus.StopIteration;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const bucket = stream.scratch[this.#slot] as TokenBucket | undefined;
    if (bucket === undefined) return HeadersStatus.Continue;
    const config = (stream.override(this.#slot) as Config | null) ?? this.#own;
    config.describe(head, bucket);
    return HeadersStatus.Continue;
  }
}

/** What one level says, with its buckets. */
class Config {
  readonly #spec: LocalRateLimitSpec;
  readonly #deps: FilterDeps;
  readonly #limiter: LocalLimiter;
  /** With buckets for each connection. */
  readonly #ofConnections: WeakMap<object, LocalLimiter> | null;
  readonly #rateLimits: RateLimits | null;
  readonly #reply: LocalReply;
  readonly #requestHeaders: HeaderMutations;
  readonly #responseHeaders: HeaderMutations;
  readonly #values: Float64Array;
  readonly #stats: Record<(typeof counters)[number], number>;

  constructor(spec: LocalRateLimitSpec, deps: FilterDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#limiter = new LocalLimiter(spec);
    this.#ofConnections = spec.isPerConnection ? new WeakMap() : null;
    this.#rateLimits = spec.rateLimits.length === 0 ? null : new RateLimits(spec.rateLimits, true);
    const grpcStatus = spec.isResourceExhausted ? resourceExhausted : null;
    this.#reply = localReply(spec.status, "local_rate_limited", "local_rate_limited", ResponseFlag.RL, grpcStatus);
    this.#requestHeaders = additions(spec.requestHeaders);
    this.#responseHeaders = additions(spec.responseHeaders);
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${spec.statPrefix}.http_local_rate_limit.`, counters);
  }

  isEnabled(): boolean {
    return isOn(this.#spec.enabled, this.#deps);
  }

  /** False: the request was answered. */
  limit(stream: FilterStream, head: RequestHead, slot: number): boolean {
    const stats = this.#stats;
    this.#values[stats.enabled]++;
    const limiter = this.#limiterOf(stream);
    const isAllowed = limiter.allows(limiter.hasDescriptors ? this.#descriptors(stream, head) : none);
    this.#values[stats.shadow_mode] += limiter.shadowed;
    if (limiter.bucket !== null && this.#spec.hasXRateLimitHeaders) {
      stream.scratch[slot] = limiter.bucket;
    }
    if (isAllowed) {
      this.#values[stats.ok]++;
      return true;
    }
    this.#values[stats.rate_limited]++;
    if (!isOn(this.#spec.enforced, this.#deps)) {
      this.#requestHeaders.apply(head, stream.info);
      return true;
    }
    this.#values[stats.enforced]++;
    const { bucket } = limiter;
    stream.sendLocalReply(this.#reply, (reply) => {
      this.#responseHeaders.apply(reply, stream.info);
      if (this.#spec.hasRetryAfter && bucket !== null) addRetryAfter(reply, bucket);
    });
    return false;
  }

  /** Tells the client of the bucket (draft-ietf-httpapi-ratelimit-headers-03). */
  describe(head: ResponseHead, bucket: TokenBucket): void {
    if (bucket.maxTokens > 0) {
      head.set("x-ratelimit-limit", String(bucket.maxTokens));
      head.set("x-ratelimit-remaining", String(bucket.remaining));
      head.set("x-ratelimit-reset", String(Math.ceil(bucket.secondsToNext)));
    }
  }

  #limiterOf({ connection }: FilterStream): LocalLimiter {
    if (this.#ofConnections === null) return this.#limiter;
    let own = this.#ofConnections.get(connection);
    if (own === undefined) this.#ofConnections.set(connection, (own = limiterOfConnection(this.#spec)));
    return own;
  }

  #descriptors(stream: FilterStream, head: RequestHead): readonly RateLimitDescriptor[] {
    const into: RateLimitDescriptor[] = [];
    const { info, route } = stream;
    const request: DescribedRequest = { head, info, route, nodeCluster: this.#deps.nodeCluster };
    const { stage, vhRateLimits } = this.#spec;
    if (this.#rateLimits !== null) this.#rateLimits.describe(stage, request, into, null);
    else if (route?.kind === "cluster") describeRoute(route, vhRateLimits, stage, request, into, null);
    return into;
  }
}

/** Only with 429; what the config itself adds counts more. */
function addRetryAfter(head: ResponseHead, bucket: TokenBucket): void {
  if (head.status !== 429 || bucket.maxTokens === 0 || head.find("retry-after") !== null) return;
  head.set("retry-after", String(Math.max(1, Math.ceil(bucket.secondsToNext))));
}

/** Off where nothing is said. */
function isOn(fraction: RuntimeFractionSpec | null, { runtime }: FilterDeps): boolean {
  return fraction !== null && isInFraction(fraction, runtime, Math.random());
}

function additions(specs: readonly HeaderAddSpec[]): HeaderMutations {
  return new HeaderMutations(specs, [], compileTemplate);
}

const counters = ["enabled", "enforced", "ok", "rate_limited", "shadow_mode"] as const;
const none: readonly RateLimitDescriptor[] = [];
