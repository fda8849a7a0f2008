import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import { localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import { HeaderMatcher } from "../../router/matchers.ts";
import { DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";
import type { HealthCheckSpec } from "./parse.ts";

/** Answers the health checks of load balancers. Envoy: HealthCheckFilter. */
export class HealthCheckFilter implements Filter {
  readonly #spec: HealthCheckSpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #headers: HeaderMatcher[];
  /** Of the upstream's last answer, in pass-through mode; 0 for none. */
  #cachedStatus = 0;
  #cachedUntil = 0;

  constructor(spec: HealthCheckSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.#headers = spec.headers.map((header) => new HeaderMatcher(header));
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    for (const matcher of this.#headers) if (!matcher.matches(head)) return HeadersStatus.Continue;
    stream.info.isHealthCheck = true;
    if (this.#spec.passThrough && !this.#deps.isHealthFailed() && !this.#isCached()) return HeadersStatus.Continue;
    if (endStream) this.#answer(stream);
    else stream.scratch[this.#slot] = true;
    return HeadersStatus.StopIteration;
  }

  onRequestData(stream: FilterStream, _bytes: Buffer, endStream: boolean): DataStatus {
    if (stream.scratch[this.#slot] !== true) return DataStatus.Continue;
    if (endStream) this.#answer(stream);
    return DataStatus.StopIterationNoBuffer;
  }

  onRequestTrailers(stream: FilterStream): DataStatus {
    if (stream.scratch[this.#slot] !== true) return DataStatus.Continue;
    this.#answer(stream);
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    if (stream.info.isHealthCheck) {
      if (this.#spec.cacheMs > 0 && !this.#isCached()) {
        this.#cachedStatus = head.status;
        this.#cachedUntil = eventClock.now + this.#spec.cacheMs;
      }
      head.set("x-envoy-upstream-healthchecked-cluster", this.#deps.nodeCluster);
    } else if (this.#deps.isHealthFailed()) head.set("x-envoy-immediate-health-check-fail", "true");
    return HeadersStatus.Continue;
  }

  #isCached(): boolean {
    return this.#cachedStatus !== 0 && eventClock.now < this.#cachedUntil;
  }

  #answer(stream: FilterStream): void {
    const [status, details] = this.#verdict();
    stream.sendLocalReply(
      localReply(status, "", details, status === 200 ? 0 : ResponseFlag.LH),
      // A failed check is one of the whole process: it is sent away at once.
      (head) => {
        if (this.#deps.isHealthFailed()) head.set("x-envoy-immediate-health-check-fail", "true");
      },
    );
  }

  #verdict(): [status: number, details: string] {
    if (this.#deps.isHealthFailed()) return [503, "health_check_failed"];
    if (this.#spec.passThrough) return [this.#cachedStatus, "health_check_cached"];
    for (const [name, percent] of this.#spec.minHealthyPct) {
      const counts = this.#deps.clusterHealth(name);
      if (counts === null) return [503, "health_check_failed_no_cluster_found"];
      if (counts.total === 0) {
        // Nothing is asked of nobody.
        if (percent === 0) continue;
        return [503, "health_check_failed_cluster_empty"];
      }
      if (100 * counts.healthy < counts.total * percent) return [503, "health_check_failed_cluster_unhealthy"];
    }
    return [200, this.#spec.minHealthyPct.length > 0 ? "health_check_ok_cluster_healthy" : "health_check_ok"];
  }
}
