import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { eventClock } from "../../net/event-clock.ts";
import { localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import { HeaderMatcher } from "../../router/matchers.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import type { HealthCheckSpec } from "./parse.ts";

/** Answers the health checks of load balancers. Envoy: HealthCheckFilter. */
export class HealthCheckFilter implements Filter {
  readonly #spec: HealthCheckSpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #headers: HeaderMatcher[];
  readonly #values: Float64Array;
  readonly #stats: Record<CounterName, number>;
  /** The last answer to a health check, in pass-through mode with a cache: it stands until the period it came in is over. */
  #cachedStatus = 0;
  #isCachedDegraded = false;
  #cachedPeriod = -1;
  readonly #start: number;

  constructor(spec: HealthCheckSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.#headers = spec.headers.map((header) => new HeaderMatcher(header));
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}health_check.`, counterNames);
    this.#start = eventClock.now;
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    for (const matcher of this.#headers) if (!matcher.matches(head)) return HeadersStatus.Continue;
    stream.info.isHealthCheck = true;
    stream.scratch[this.#slot] = isCheck;
    if (this.#spec.passThrough && !this.#deps.isHealthFailed() && !this.#isCached()) return HeadersStatus.Continue;
    stream.scratch[this.#slot] = isHandled;
    if (endStream) this.#answer(stream);
    return HeadersStatus.StopIteration;
  }

  onRequestData(stream: FilterStream, _chunk: BodyChunk, endStream: boolean): DataStatus {
    if (stream.scratch[this.#slot] !== isHandled) return DataStatus.Continue;
    if (endStream) this.#answer(stream);
    return DataStatus.StopIterationNoBuffer;
  }

  onRequestTrailers(stream: FilterStream): DataStatus {
    if (stream.scratch[this.#slot] !== isHandled) return DataStatus.Continue;
    this.#answer(stream);
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    if (stream.scratch[this.#slot] !== undefined) {
      if (this.#spec.cacheMs > 0) {
        // Whatever was answered, by the upstream or from here.
        this.#cachedStatus = head.status;
        this.#isCachedDegraded = head.find("x-envoy-degraded") !== null;
        this.#cachedPeriod = this.#period();
      }
      head.set("x-envoy-upstream-healthchecked-cluster", this.#deps.nodeCluster);
    } else if (this.#deps.isHealthFailed()) setImmediateFail(head);
    return HeadersStatus.Continue;
  }

  #isCached(): boolean {
    return this.#cachedPeriod >= 0 && this.#cachedPeriod === this.#period();
  }

  #period(): number {
    return Math.floor((eventClock.now - this.#start) / this.#spec.cacheMs);
  }

  #answer(stream: FilterStream): void {
    const { status, details, reason } = this.#verdict();
    const isOk = status >= 200 && status < 300;
    const isFailed = this.#deps.isHealthFailed();
    const isDegraded = reason === "cached_response" && this.#isCachedDegraded;
    this.#count("request_total");
    this.#count(isOk ? "ok" : "failed");
    if (reason !== null) this.#count(reason);
    if (isDegraded) this.#count("degraded");
    stream.sendLocalReply(localReply(status, "", details, isOk ? 0 : ResponseFlag.LH), (head) => {
      // A failed check is one of the whole process: it is sent away at once.
      if (isFailed) setImmediateFail(head);
      if (isDegraded) head.set("x-envoy-degraded", "");
    });
  }

  #verdict(): Verdict {
    if (this.#deps.isHealthFailed()) return { status: 503, details: "health_check_failed", reason: null };
    if (this.#spec.passThrough) {
      return { status: this.#cachedStatus, details: "health_check_cached", reason: "cached_response" };
    }
    for (const [name, percent] of this.#spec.minHealthyPct) {
      const counts = this.#deps.clusters(name)?.health ?? null;
      if (counts === null) {
        return { status: 503, details: "health_check_failed_no_cluster_found", reason: "failed_cluster_not_found" };
      }
      if (counts.total === 0) {
        // Nothing is asked of nobody.
        if (percent === 0) continue;
        return { status: 503, details: "health_check_failed_cluster_empty", reason: "failed_cluster_empty" };
      }
      if (100 * counts.healthy < counts.total * percent) {
        return { status: 503, details: "health_check_failed_cluster_unhealthy", reason: "failed_cluster_unhealthy" };
      }
    }
    const asksClusters = this.#spec.minHealthyPct.length > 0;
    return { status: 200, details: asksClusters ? "health_check_ok_cluster_healthy" : "health_check_ok", reason: null };
  }

  #count(name: CounterName): void {
    this.#values[this.#stats[name]]++;
  }
}

interface Verdict {
  status: number;
  details: string;
  /** What is counted besides ok or failed. */
  reason: CounterName | null;
}

function setImmediateFail(head: ResponseHead): void {
  head.set("x-envoy-immediate-health-check-fail", "true", Known["x-envoy-immediate-health-check-fail"]);
}

/** In a stream's scratch: a health check, and one that is answered here. */
const isCheck = 1;
const isHandled = 2;

/** Envoy: ALL_HEALTH_CHECK_FILTER_STATS. */
const counterNames = [
  "request_total",
  "failed",
  "ok",
  "cached_response",
  "failed_cluster_not_found",
  "failed_cluster_empty",
  "failed_cluster_unhealthy",
  "degraded",
] as const;
type CounterName = (typeof counterNames)[number];
