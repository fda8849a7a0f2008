import type { HeaderBlock, RequestHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import { LazyTimer } from "../../net/lazy-timer.ts";
import { localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { PerFilter } from "../../router/route.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { BodyFlow } from "../body-flow.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { defaultFillMs, StreamRateLimiter } from "../stream-rate-limiter.ts";
import { newTokenBucket, TokenBucket } from "../token-bucket.ts";
import { type Abort, Faults } from "./faults.ts";
import type { FaultSpec } from "./parse.ts";

/** Delays and aborts requests, and slows responses down. Envoy: FaultFilter. */
export class FaultFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Faults;
  readonly #prefix: string;
  readonly #aborts: number;
  readonly #delays: number;
  readonly #overflow: number;
  readonly #rateLimits: number;
  readonly #active: number;

  constructor(spec: FaultSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Faults(spec, deps.runtime);
    const prefix = `${deps.statPrefix}fault.`;
    this.#prefix = prefix;
    this.#aborts = deps.slab.counter(`${prefix}aborts_injected`);
    this.#delays = deps.slab.counter(`${prefix}delays_injected`);
    this.#overflow = deps.slab.counter(`${prefix}faults_overflow`);
    this.#rateLimits = deps.slab.counter(`${prefix}response_rl_injected`);
    this.#active = deps.slab.gauge(`${prefix}active_faults`);
  }

  linkRoute(perFilter: PerFilter, name: string): Faults | null {
    const spec = routeConfig<FaultSpec>(perFilter, name);
    return spec === null ? null : new Faults(spec, this.#deps.runtime);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const faults = (stream.override(this.#slot) as Faults | null) ?? this.#own;
    const { route } = stream;
    if (!faults.concerns(head, route?.kind === "cluster" ? route.clusterFor(head) : "")) return HeadersStatus.Continue;
    const client = head.find("x-envoy-downstream-service-cluster") ?? "";
    const rate = faults.responseRateFor(head);
    if (rate > 0 && this.#begin(stream, faults)) this.#limitResponse(stream, rate);
    const delayMs = faults.delayFor(head, client);
    if (delayMs > 0 && this.#begin(stream, faults)) {
      this.#count(this.#delays, faults, client, "delays_injected");
      stream.info.responseFlags |= ResponseFlag.DI;
      addMetadata(stream, faults);
      const timer = new LazyTimer(() => this.#afterDelay(stream, head, faults, client));
      timer.set(eventClock.now, delayMs);
      (stream.scratch[this.#slot] as ActiveFault).timer = timer;
      return HeadersStatus.StopAllIterationAndWatermark;
    }
    const abort = faults.abortFor(head, client);
    if (abort === null || !this.#begin(stream, faults)) return HeadersStatus.Continue;
    this.#abort(stream, abort, faults, client);
    return HeadersStatus.StopIteration;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const limiter = (stream.scratch[this.#slot] as ActiveFault | undefined)?.limiter ?? null;
    if (limiter === null) return DataStatus.Continue;
    limiter.data(chunk.bytes, endStream, null);
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const limiter = (stream.scratch[this.#slot] as ActiveFault | undefined)?.limiter ?? null;
    return limiter?.trailers(trailers) ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onDestroy(stream: FilterStream): void {
    const active = stream.scratch[this.#slot] as ActiveFault | undefined;
    if (active === undefined) return;
    active.timer?.dispose();
    active.limiter?.destroy();
    active.faults.end();
    this.#deps.slab.values[this.#active]--;
  }

  /** Each response has a bucket of its own, that begins with what one interval gives. */
  #limitResponse(stream: FilterStream, rate: number): void {
    this.#deps.slab.values[this.#rateLimits]++;
    const { memory } = newTokenBucket(rate, rate, 1000, (rate * defaultFillMs) / 1000);
    const flow = new BodyFlow(stream, this.#slot, false);
    const bucket = new TokenBucket(rate, rate, memory, 0);
    (stream.scratch[this.#slot] as ActiveFault).limiter = new StreamRateLimiter(
      flow,
      bucket,
      defaultFillMs,
      stream.responseWalk.bufferLimit,
      null,
    );
  }

  #afterDelay(stream: FilterStream, head: RequestHead, faults: Faults, client: string): void {
    const abort = faults.abortFor(head, client);
    if (abort === null) stream.continueRequest(this.#slot);
    else this.#abort(stream, abort, faults, client);
  }

  #abort(stream: FilterStream, { httpStatus, grpcStatus }: Abort, faults: Faults, client: string): void {
    this.#count(this.#aborts, faults, client, "aborts_injected");
    addMetadata(stream, faults);
    const status = httpStatus === 0 ? 200 : httpStatus;
    const grpc = grpcStatus < 0 ? null : grpcStatus;
    stream.sendLocalReply(localReply(status, "fault filter abort", "fault_filter_abort", ResponseFlag.FI, grpc));
  }

  /** False: too many faults are active. One that is lasts as long as its stream. */
  #begin(stream: FilterStream, faults: Faults): boolean {
    if (stream.scratch[this.#slot] !== undefined) return true;
    const { values } = this.#deps.slab;
    if (!faults.begin()) {
      values[this.#overflow]++;
      return false;
    }
    values[this.#active]++;
    stream.scratch[this.#slot] = { faults, timer: null, limiter: null } satisfies ActiveFault;
    return true;
  }

  #count(slot: number, { spec }: Faults, client: string, name: string): void {
    const { slab } = this.#deps;
    slab.values[slot]++;
    if (client !== "" && spec.countsByCluster) slab.values[slab.counter(`${this.#prefix}${client}.${name}`)]++;
  }
}

interface ActiveFault {
  faults: Faults;
  timer: LazyTimer | null;
  limiter: StreamRateLimiter | null;
}

/** As Envoy, nothing is told as an empty one. */
function addMetadata({ info }: FilterStream, { spec }: Faults): void {
  info.addMetadata(filterName, spec.metadata);
}

const filterName = "envoy.filters.http.fault";
