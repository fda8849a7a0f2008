import { isGrpcResponse } from "../../http/grpc.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { eventClock } from "../../net/event-clock.ts";
import { localReply } from "../../observability/local-replies.ts";
import { DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { FilterDeps } from "../linkers.ts";
import type { AdmissionControlSpec, RuntimeNumberSpec } from "./parse.ts";
import { RequestHistory } from "./request-history.ts";

/** Refuses a share of the requests while too many of those before failed. What it knows is its worker's own. Envoy: AdmissionControlFilter. */
export class AdmissionControlFilter implements Filter {
  readonly #spec: AdmissionControlSpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #history: RequestHistory;
  readonly #grpcStatuses: ReadonlySet<number>;
  readonly #values: Float64Array;
  readonly #stats: Record<"rq_rejected" | "rq_success" | "rq_failure", number>;

  constructor(spec: AdmissionControlSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.#history = new RequestHistory(spec.windowMs);
    this.#grpcStatuses = new Set(spec.grpcStatuses);
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}admission_control.`, [
      "rq_rejected",
      "rq_success",
      "rq_failure",
    ]);
  }

  onRequestHead(stream: FilterStream, _head: RequestHead): HeadersStatus {
    if (!isFlagOn(this.#spec.enabled, this.#deps.runtime) || stream.info.isHealthCheck) return HeadersStatus.Continue;
    if (this.#history.averageRps(eventClock.now) >= this.#number(this.#spec.rpsThreshold) && this.#isRefused()) {
      this.#values[this.#stats.rq_rejected]++;
      stream.sendLocalReply(denied);
      return HeadersStatus.StopIteration;
    }
    stream.scratch[this.#slot] = Outcome.open;
    return HeadersStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    if (stream.scratch[this.#slot] !== Outcome.open) return HeadersStatus.Continue;
    if (!isGrpcResponse(head, endStream)) {
      this.#record(stream, this.#isHttpSuccess(head.status));
      return HeadersStatus.Continue;
    }
    const status = head.get(Known["grpc-status"]);
    if (status === null) stream.scratch[this.#slot] = Outcome.inTrailers;
    else this.#record(stream, this.#grpcStatuses.has(grpcNumber(status)));
    return HeadersStatus.Continue;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    if (stream.scratch[this.#slot] !== Outcome.inTrailers) return DataStatus.Continue;
    const status = trailers.get(Known["grpc-status"]);
    this.#record(stream, status !== null && this.#grpcStatuses.has(grpcNumber(status)));
    return DataStatus.Continue;
  }

  #record(stream: FilterStream, isSuccess: boolean): void {
    stream.scratch[this.#slot] = Outcome.known;
    this.#history.add(isSuccess, eventClock.now);
    this.#values[isSuccess ? this.#stats.rq_success : this.#stats.rq_failure]++;
  }

  /** The formula is of the filter's page in Envoy's documentation. */
  #isRefused(): boolean {
    const history = this.#history;
    history.forget(eventClock.now);
    const threshold = Math.min(this.#number(this.#spec.successThresholdPct), 100) / 100;
    const aggression = Math.max(1, this.#number(this.#spec.aggression));
    let probability = (history.requests - history.successes / threshold) / (history.requests + 1);
    if (aggression !== 1) probability = probability ** (1 / aggression);
    // Not a number where the base is below 0.
    if (!(probability > 0)) return false;
    return Math.random() < Math.min(probability, this.#number(this.#spec.maxRejectionPct) / 100);
  }

  #isHttpSuccess(status: number): boolean {
    for (const [start, end] of this.#spec.httpRanges) if (status >= start && status < end) return true;
    return false;
  }

  #number({ byDefault, runtimeKey }: RuntimeNumberSpec): number {
    return runtimeKey === "" ? byDefault : (this.#deps.runtime.entry(runtimeKey)?.number ?? byDefault);
  }
}

/** How far a request is that counts. */
const Outcome = { open: 0, inTrailers: 1, known: 2 } as const;

function grpcNumber(status: string): number {
  return status === "" ? -1 : Number(status);
}

const denied = localReply(503, "", "denied_by_admission_control");
