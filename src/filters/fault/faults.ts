import type { RequestHead } from "../../http/header-block.ts";
import { HeaderMatcher } from "../../router/matchers.ts";
import { type Fraction, isInFraction, type RuntimeLookup, runtimeInteger } from "../../router/runtime-fraction.ts";
import type { FaultSpec } from "./parse.ts";

/** What a request is aborted with. */
export interface Abort {
  /** 0 where there is only a gRPC status. */
  httpStatus: number;
  /** -1 for none. */
  grpcStatus: number;
}

/** One config's faults, decided for one request at a time. Envoy: FaultSettings, FaultFilter. */
export class Faults {
  readonly spec: FaultSpec;
  readonly #runtime: RuntimeLookup;
  readonly #matchers: HeaderMatcher[];
  readonly #nodes: ReadonlySet<string>;
  readonly #active: Int32Array;

  constructor(spec: FaultSpec, runtime: RuntimeLookup) {
    this.spec = spec;
    this.#runtime = runtime;
    this.#matchers = spec.headers.map((one) => new HeaderMatcher(one));
    this.#nodes = new Set(spec.downstreamNodes);
    this.#active = new Int32Array(spec.active);
  }

  /** Whether the request may have a fault at all; `cluster` is where its route leads. */
  concerns(head: RequestHead, cluster: string): boolean {
    const { upstreamCluster } = this.spec;
    if (upstreamCluster !== "" && upstreamCluster !== cluster) return false;
    if (this.#nodes.size > 0 && !this.#nodes.has(head.find("x-envoy-downstream-service-node") ?? "")) return false;
    for (const matcher of this.#matchers) if (!matcher.matches(head)) return false;
    return true;
  }

  /** Milliseconds; 0 for none. `client`: x-envoy-downstream-service-cluster, "" for none. */
  delayFor(head: RequestHead, client: string): number {
    const { delay, keys } = this.spec;
    if (delay === null) return 0;
    const own = client === "" ? "" : `fault.http.${client}.delay.fixed_delay_percent`;
    const share =
      delay.fixedMs === null ? shareIn(head, "x-envoy-fault-delay-request-percentage", delay.share) : delay.share;
    if (!this.#isHit(share, keys.delayPercent, own)) return 0;
    if (delay.fixedMs === null) return wholeNumber(head.find("x-envoy-fault-delay-request")) ?? 0;
    const ofAll = runtimeInteger(this.#runtime, keys.delayMs, delay.fixedMs);
    return client === "" ? ofAll : runtimeInteger(this.#runtime, `fault.http.${client}.delay.fixed_duration_ms`, ofAll);
  }

  /** Bytes a second; 0 for no limit. */
  responseRateFor(head: RequestHead): number {
    const { responseRate, keys } = this.spec;
    if (responseRate === null) return 0;
    const isAsked = responseRate.bytesPerSecond === null;
    const percentName = "x-envoy-fault-throughput-response-percentage";
    const share = isAsked ? shareIn(head, percentName, responseRate.share) : responseRate.share;
    if (!this.#isHit(share, keys.ratePercent, "")) return 0;
    return responseRate.bytesPerSecond ?? (wholeNumber(head.find("x-envoy-fault-throughput-response")) ?? 0) * 1024;
  }

  abortFor(head: RequestHead, client: string): Abort | null {
    const { abort, keys } = this.spec;
    if (abort === null) return null;
    const isAsked = abort.httpStatus === null;
    const share = isAsked ? shareIn(head, "x-envoy-fault-abort-request-percentage", abort.share) : abort.share;
    const own = client === "" ? "" : `fault.http.${client}.abort.abort_percent`;
    if (!this.#isHit(share, keys.abortPercent, own)) return null;
    if (isAsked) return askedAbort(head);
    const number = (key: string, name: string, byDefault: number) => {
      const ofAll = runtimeInteger(this.#runtime, key, byDefault);
      return client === "" ? ofAll : runtimeInteger(this.#runtime, `fault.http.${client}.abort.${name}`, ofAll);
    };
    const { httpStatus, grpcStatus } = abort;
    if (httpStatus !== null && httpStatus > 0) {
      return { httpStatus: number(keys.httpStatus, "http_status", httpStatus), grpcStatus: -1 };
    }
    return { httpStatus: 0, grpcStatus: number(keys.grpcStatus, "grpc_status", grpcStatus ?? 0) };
  }

  /** False: as many are active as may be. */
  begin(): boolean {
    const { maxActive, keys } = this.spec;
    const limit = runtimeInteger(this.#runtime, keys.maxActive, maxActive ?? Number.MAX_SAFE_INTEGER);
    if (Atomics.load(this.#active, 0) >= limit) return false;
    Atomics.add(this.#active, 0, 1);
    return true;
  }

  end(): void {
    Atomics.sub(this.#active, 0, 1);
  }

  /** By the runtime's share where it has one; the client's own first. */
  #isHit({ numerator, denominator }: Fraction, key: string, ownKey: string): boolean {
    const hasOwn = ownKey !== "" && this.#runtime.entry(ownKey) !== null;
    const runtimeKey = hasOwn ? ownKey : key;
    return isInFraction({ numerator, denominator, runtimeKey }, this.#runtime, Math.random());
  }
}

/** The request may ask for a smaller share, not for a greater one. */
function shareIn(head: RequestHead, name: string, share: Fraction): Fraction {
  const asked = wholeNumber(head.find(name));
  return asked === null ? share : { ...share, numerator: Math.min(asked, share.numerator) };
}

function askedAbort(head: RequestHead): Abort | null {
  const http = wholeNumber(head.find("x-envoy-fault-abort-request"));
  if (http !== null && http >= 200 && http < 600) return { httpStatus: http, grpcStatus: -1 };
  const grpc = wholeNumber(head.find("x-envoy-fault-abort-grpc-request"));
  return grpc === null ? null : { httpStatus: 0, grpcStatus: grpc };
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
