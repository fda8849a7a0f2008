import { HeaderBlock, type RequestHead, type ResponseHead } from "../../http/header-block.ts";
import type { PerFilter } from "../../router/route.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { BodyFlow } from "../body-flow.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { StreamRateLimiter } from "../stream-rate-limiter.ts";
import { TokenBucket } from "../token-bucket.ts";
import type { BandwidthLimitSpec } from "./parse.ts";
import { Transfer, TransferStats } from "./transfer.ts";

/** Gives bodies on at the rate of a bucket of the process. Envoy: BandwidthLimiter. */
export class BandwidthLimitFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Config;

  constructor(spec: BandwidthLimitSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Config(spec, deps);
  }

  linkRoute(perFilter: PerFilter, name: string): Config | null {
    const spec = routeConfig<BandwidthLimitSpec>(perFilter, name);
    return spec === null ? null : new Config(spec, this.#deps);
  }

  onRequestHead(stream: FilterStream, _head: RequestHead): HeadersStatus {
    const config = this.#configOf(stream);
    if (config.spec.limitsRequests && this.#isOn(config)) {
      this.#limitedOf(stream).request = this.#begin(stream, config, true, null);
    }
    return HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const transfer = (stream.scratch[this.#slot] as Limited | undefined)?.request ?? null;
    return transfer === null ? DataStatus.Continue : take(transfer, chunk, endStream, null);
  }

  onRequestTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const transfer = (stream.scratch[this.#slot] as Limited | undefined)?.request ?? null;
    return transfer?.limiter?.trailers(trailers) ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, _head: ResponseHead): HeadersStatus {
    const config = this.#configOf(stream);
    if (config.spec.limitsResponses && this.#isOn(config)) {
      const limited = this.#limitedOf(stream);
      const { tellsDelays, trailerPrefix } = config.spec;
      const tell = tellsDelays ? (trailers: HeaderBlock) => tellDelays(trailers, trailerPrefix, limited) : null;
      limited.response = this.#begin(stream, config, false, tell);
    }
    return HeadersStatus.Continue;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const transfer = (stream.scratch[this.#slot] as Limited | undefined)?.response ?? null;
    if (transfer === null) return DataStatus.Continue;
    const isTold = endStream && this.#configOf(stream).spec.tellsDelays;
    return take(transfer, chunk, endStream, isTold ? new HeaderBlock() : null);
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const transfer = (stream.scratch[this.#slot] as Limited | undefined)?.response ?? null;
    return transfer?.limiter?.trailers(trailers) ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onDestroy(stream: FilterStream): void {
    const limited = stream.scratch[this.#slot] as Limited | undefined;
    limited?.request?.destroy();
    limited?.response?.destroy();
  }

  #configOf(stream: FilterStream): Config {
    return (stream.override(this.#slot) as Config | null) ?? this.#own;
  }

  #isOn(config: Config): boolean {
    return isFlagOn(config.spec.enabled, this.#deps.runtime);
  }

  #begin(
    stream: FilterStream,
    config: Config,
    isRequest: boolean,
    tell: ((trailers: HeaderBlock) => void) | null,
  ): Transfer {
    const transfer = new Transfer(isRequest ? config.request : config.response, tell);
    const flow = new BodyFlow(stream, this.#slot, isRequest);
    const { bufferLimit } = isRequest ? stream.requestWalk : stream.responseWalk;
    transfer.limiter = new StreamRateLimiter(flow, config.bucket, config.spec.fillMs, bufferLimit, transfer);
    return transfer;
  }

  #limitedOf(stream: FilterStream): Limited {
    const found = stream.scratch[this.#slot] as Limited | undefined;
    if (found !== undefined) return found;
    const limited: Limited = { request: null, response: null };
    stream.scratch[this.#slot] = limited;
    return limited;
  }
}

/** What one level says, linked. */
class Config {
  readonly spec: BandwidthLimitSpec;
  readonly bucket: TokenBucket;
  readonly request: TransferStats;
  readonly response: TransferStats;

  constructor(spec: BandwidthLimitSpec, { slab }: FilterDeps) {
    this.spec = spec;
    this.bucket = new TokenBucket(spec.bucket.maxTokens, spec.bucket.fillRate, spec.bucket.memory, 0);
    const prefix = `${spec.statPrefix}.http_bandwidth_limit.`;
    this.request = new TransferStats(slab, `${prefix}request_`);
    this.response = new TransferStats(slab, `${prefix}response_`);
  }
}

interface Limited {
  request: Transfer | null;
  response: Transfer | null;
}

function take(transfer: Transfer, chunk: BodyChunk, endStream: boolean, own: HeaderBlock | null): DataStatus {
  transfer.onTaken(chunk.bytes.length);
  transfer.limiter?.data(chunk.bytes, endStream, own);
  return DataStatus.StopIterationNoBuffer;
}

/** What was no time is not told. */
function tellDelays(trailers: HeaderBlock, prefix: string, { request, response }: Limited): void {
  const tell = (name: string, ms: number) => {
    if (ms >= 1) trailers.set(`${prefix}bandwidth-${name}-ms`, String(Math.trunc(ms)));
  };
  tell("request-delay", request?.durationMs ?? 0);
  tell("request-filter-delay", request?.delayMs ?? 0);
  tell("response-delay", response?.durationMs ?? 0);
  tell("response-filter-delay", response?.delayMs ?? 0);
}
