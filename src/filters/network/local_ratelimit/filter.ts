import { ResponseFlag } from "../../../observability/response-flags.ts";
import type { RuntimeLookup } from "../../../router/runtime-fraction.ts";
import { isFlagOn } from "../../feature-flag.ts";
import { TokenBucket } from "../../token-bucket.ts";
import type { NetworkFilter, Refusal } from "../api.ts";
import type { NetworkFilterDeps } from "../linkers.ts";
import type { LocalRateLimitNetworkSpec } from "./parse.ts";

/** Each connection takes a token of a bucket of all workers, or is closed. Envoy: LocalRateLimitFilter. */
export class LocalRateLimitNetworkFilter implements NetworkFilter {
  readonly #spec: LocalRateLimitNetworkSpec;
  readonly #runtime: RuntimeLookup;
  readonly #bucket: TokenBucket;
  readonly #values: Float64Array;
  readonly #limited: number;

  constructor(spec: LocalRateLimitNetworkSpec, { slab, runtime }: NetworkFilterDeps) {
    this.#spec = spec;
    this.#runtime = runtime;
    const { maxTokens, fillRate, memory } = spec.bucket;
    this.#bucket = new TokenBucket(maxTokens, fillRate, memory, 0);
    this.#values = slab.values;
    this.#limited = slab.counter(`local_rate_limit.${spec.statPrefix}.rate_limited`);
  }

  onNewConnection(): Refusal | null {
    if (!isFlagOn(this.#spec.enabled, this.#runtime) || this.#bucket.take(1)) return null;
    this.#values[this.#limited]++;
    return overLimit;
  }
}

const overLimit: Refusal = {
  delayMs: 0,
  closeReason: "local_ratelimit_close_over_limit",
  details: "",
  flags: ResponseFlag.URX,
};
