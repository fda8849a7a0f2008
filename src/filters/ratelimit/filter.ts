import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { type LocalReply, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { type DescribedRequest, type RateLimitDescriptor, RateLimits } from "../../router/rate-limits.ts";
import type { PerFilter, Route } from "../../router/route.ts";
import { isInFraction } from "../../router/runtime-fraction.ts";
import type { RuntimeFractionSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { CallMetadata } from "../call-metadata.ts";
import { ClusterCounters } from "../cluster-counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeCluster } from "../route-cluster.ts";
import { routeConfig } from "../route-config.ts";
import { describeRoute, resourceExhausted } from "../route-rate-limits.ts";
import { LimitCheck, type LimitSettings } from "./limit-check.ts";
import type { RateLimitFilterSpec, RateLimitRouteSpec } from "./parse.ts";

/** Asks a rate limit service about requests. Envoy: the RateLimitFilter's Filter. */
export class RateLimitFilter implements Filter, LimitSettings {
  readonly spec: RateLimitFilterSpec;
  readonly responseHeaders: HeaderMutations;
  readonly counters: ClusterCounters;
  readonly metadata: CallMetadata;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #rateLimits: RateLimits | null;

  constructor(spec: RateLimitFilterSpec, slot: number, deps: FilterDeps) {
    this.spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.#rateLimits = linkOrNull(spec.rateLimits);
    this.responseHeaders = new HeaderMutations(spec.responseHeaders, [], compileTemplate);
    this.metadata = new CallMetadata(spec.service, spec.timeoutMs);
    this.counters = new ClusterCounters(deps.slab, `ratelimit.${spec.statPrefix}`);
  }

  linkRoute(perFilter: PerFilter, name: string): RouteLimits | null {
    const spec = routeConfig<RateLimitRouteSpec>(perFilter, name);
    return spec === null ? null : { spec, rateLimits: linkOrNull(spec.rateLimits) };
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const { spec } = this;
    if (!this.isIn(spec.enabled)) return HeadersStatus.Continue;
    const isInternal = head.find("x-envoy-internal") === "true";
    if (spec.requestType === (isInternal ? "external" : "internal")) return HeadersStatus.Continue;
    const { route } = stream;
    if (route === null || route.kind !== "cluster") return HeadersStatus.Continue;
    const cluster = routeCluster(stream, this.#deps.clusters);
    if (cluster === null) return HeadersStatus.Continue;
    const own = stream.override(this.#slot) as RouteLimits | null;
    const descriptors = this.#descriptors(stream, head, route, own);
    if (descriptors.length === 0) return HeadersStatus.Continue;
    const check = new LimitCheck(this, stream, this.#slot, cluster);
    stream.scratch[this.#slot] = check;
    const service = this.#deps.clusters(spec.service.cluster);
    const isOver = check.begin(service, own?.spec.domain || spec.domain, descriptors);
    return isOver ? HeadersStatus.Continue : HeadersStatus.StopAllIterationAndWatermark;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    (stream.scratch[this.#slot] as LimitCheck | undefined)?.addTo(head);
    return HeadersStatus.Continue;
  }

  onDestroy(stream: FilterStream): void {
    (stream.scratch[this.#slot] as LimitCheck | undefined)?.cancel();
  }

  isIn(fraction: RuntimeFractionSpec): boolean {
    return isInFraction(fraction, this.#deps.runtime, Math.random());
  }

  get limitedReply(): LocalReply {
    const { status, isResourceExhausted } = this.spec;
    return localReply(
      status,
      "",
      "request_rate_limited",
      ResponseFlag.RL,
      isResourceExhausted ? resourceExhausted : null,
    );
  }

  #descriptors(stream: FilterStream, head: RequestHead, route: Route, own: RouteLimits | null): RateLimitDescriptor[] {
    const into: RateLimitDescriptor[] = [];
    const request: DescribedRequest = { head, info: stream.info, route, nodeCluster: this.#deps.nodeCluster };
    const { stage } = this.spec;
    const { runtime } = this.#deps;
    const instead = own?.rateLimits ?? this.#rateLimits;
    if (instead !== null) {
      instead.describe(stage, request, into, runtime);
      return into;
    }
    const option = route.includesVirtualHostRateLimits ? "INCLUDE" : (own?.spec.vhRateLimits ?? "OVERRIDE");
    describeRoute(route, option, stage, request, into, runtime);
    return into;
  }
}

interface RouteLimits {
  spec: RateLimitRouteSpec;
  rateLimits: RateLimits | null;
}

function linkOrNull(specs: RateLimitFilterSpec["rateLimits"]): RateLimits | null {
  return specs.length === 0 ? null : new RateLimits(specs, true);
}
