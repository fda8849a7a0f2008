import type { RateLimitDescriptor } from "../../router/rate-limits.ts";
import { newTokenBucket, TokenBucket, type TokenBucketSpec } from "../token-bucket.ts";
import { DynamicBuckets } from "./dynamic-buckets.ts";
import type { LocalDescriptorSpec, LocalRateLimitSpec } from "./parse.ts";

/** The buckets of one config. Envoy: LocalRateLimiterImpl. */
export class LocalLimiter {
  readonly #default: TokenBucket | null;
  readonly #alwaysTakesDefault: boolean;
  readonly #exact = new Map<string, LimitedDescriptor>();
  /** Those with values that are not known before. */
  readonly #dynamic: { spec: LocalDescriptorSpec; limited: DynamicDescriptor }[] = [];
  /** Of the request under way. */
  readonly #matched: Matched[] = [];
  /** What x-ratelimit-* tell of the last answer; null where nothing limits. */
  bucket: TokenBucket | null = null;
  /** How many descriptors in shadow_mode would have limited the last request. */
  shadowed = 0;

  constructor(spec: Pick<LocalRateLimitSpec, "bucket" | "descriptors" | "alwaysTakesDefault">) {
    this.#default = spec.bucket === null ? null : linkBucket(spec.bucket);
    this.#alwaysTakesDefault = spec.alwaysTakesDefault;
    for (const one of spec.descriptors) {
      const { bucket, dynamic, isShadow } = one;
      if (dynamic === null) {
        this.#exact.set(keyOf(one.entries), { bucket: linkBucket(bucket), isShadow });
        continue;
      }
      const buckets = new DynamicBuckets(dynamic, bucket.maxTokens, bucket.fillRate);
      this.#dynamic.push({ spec: one, limited: { buckets, isShadow } });
    }
  }

  get hasDescriptors(): boolean {
    return this.#exact.size + this.#dynamic.length > 0;
  }

  /** Takes a token of each bucket that is the request's, the slowest first, until one has none. */
  allows(descriptors: readonly RateLimitDescriptor[]): boolean {
    const matched = this.#matched;
    matched.length = 0;
    this.shadowed = 0;
    for (const descriptor of descriptors) this.#match(descriptor);
    if (matched.length > 1) matched.sort((a, b) => a.bucket.fillRate - b.bucket.fillRate);
    for (const { bucket, hits, isShadow } of matched) {
      if (bucket.take(hits)) continue;
      if (isShadow) {
        this.shadowed++;
        continue;
      }
      this.bucket = bucket;
      return false;
    }
    const first = matched[0]?.bucket ?? null;
    if (first !== null && !this.#alwaysTakesDefault) {
      this.bucket = first;
      return true;
    }
    const isAllowed = this.#default === null || this.#default.take(1);
    this.bucket = isAllowed ? (first ?? this.#default) : this.#default;
    return isAllowed;
  }

  #match({ entries, hits }: RateLimitDescriptor): void {
    const key = keyOf(entries);
    const exact = this.#exact.get(key);
    if (exact !== undefined) {
      this.#matched.push({ ...exact, hits: hits ?? 1 });
      return;
    }
    for (const { spec, limited } of this.#dynamic) {
      if (!isOf(spec.entries, entries)) continue;
      this.#matched.push({ bucket: limited.buckets.of(key), isShadow: limited.isShadow, hits: hits ?? 1 });
      return;
    }
  }
}

/** A limiter of one connection: as the config's, but with full buckets of its own. */
export function limiterOfConnection(spec: LocalRateLimitSpec): LocalLimiter {
  const copy = ({ maxTokens, fillRate }: TokenBucketSpec) => newTokenBucket(maxTokens, fillRate, 1000);
  return new LocalLimiter({
    ...spec,
    bucket: spec.bucket === null ? null : copy(spec.bucket),
    descriptors: spec.descriptors.map((one) => ({ ...one, bucket: copy(one.bucket) })),
  });
}

interface LimitedDescriptor {
  bucket: TokenBucket;
  isShadow: boolean;
}

interface DynamicDescriptor {
  buckets: DynamicBuckets;
  isShadow: boolean;
}

interface Matched extends LimitedDescriptor {
  hits: number;
}

function linkBucket({ maxTokens, fillRate, memory }: TokenBucketSpec): TokenBucket {
  return new TokenBucket(maxTokens, fillRate, memory, 0);
}

function keyOf(entries: RateLimitDescriptor["entries"]): string {
  let key = "";
  for (const [name, value] of entries) key += `${name.length}:${name}${value.length}:${value}`;
  return key;
}

/** Whether a descriptor is one of those that an entry with free values stands for. */
function isOf(wanted: LocalDescriptorSpec["entries"], entries: RateLimitDescriptor["entries"]): boolean {
  if (wanted.length !== entries.length) return false;
  return wanted.every(([key, value], i) => {
    const [ownKey, ownValue] = entries[i] as readonly [string, string];
    return key === ownKey && (value === "" || value === ownValue);
  });
}
