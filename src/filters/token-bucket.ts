/** type.v3.TokenBucket, with the memory that all workers share: when the bucket would have been empty, in seconds of the process-wide monotonic clock. */
export interface TokenBucketSpec {
  maxTokens: number;
  /** Per second. */
  fillRate: number;
  memory: SharedArrayBuffer;
}

/** A bucket with so many tokens, full by default. `fillIntervalMs` above 0. What it gives may be posted to other threads. */
export function newTokenBucket(
  maxTokens: number,
  tokensPerFill: number,
  fillIntervalMs: number,
  tokens: number = maxTokens,
): TokenBucketSpec {
  const fillRate = (tokensPerFill * 1000) / fillIntervalMs;
  const memory = new SharedArrayBuffer(8);
  new Float64Array(memory)[0] = nowSeconds() - tokens / fillRate;
  return { maxTokens, fillRate, memory };
}

/**
 * A bucket that fills all the time. Its one number moves forward by what is taken, by compare-and-swap: no two workers get the same token.
 * Envoy: AtomicTokenBucketImpl.
 */
export class TokenBucket {
  readonly maxTokens: number;
  readonly fillRate: number;
  readonly #bits: BigInt64Array;
  readonly #at: number;

  /** `at`: its place in `memory`, in units of 8 bytes. */
  constructor(maxTokens: number, fillRate: number, memory: SharedArrayBuffer, at: number) {
    this.maxTokens = maxTokens;
    this.fillRate = fillRate;
    this.#bits = new BigInt64Array(memory);
    this.#at = at;
  }

  /** False, and nothing taken, where there are fewer. */
  take(tokens: number): boolean {
    for (;;) {
      const old = Atomics.load(this.#bits, this.#at);
      const now = nowSeconds();
      const there = Math.min(this.maxTokens, (now - toDouble(old)) * this.fillRate);
      if (there < tokens) return false;
      const next = toBits(now - (there - tokens) / this.fillRate);
      if (Atomics.compareExchange(this.#bits, this.#at, old, next) === old) return true;
    }
  }

  /** As many whole ones as there are, up to `tokens`. */
  takeUpTo(tokens: number): number {
    for (;;) {
      const old = Atomics.load(this.#bits, this.#at);
      const now = nowSeconds();
      const there = Math.min(this.maxTokens, (now - toDouble(old)) * this.fillRate);
      const taken = Math.min(tokens, Math.floor(there));
      if (!(taken > 0)) return 0;
      const next = toBits(now - (there - taken) / this.fillRate);
      if (Atomics.compareExchange(this.#bits, this.#at, old, next) === old) return taken;
    }
  }

  /** Whole tokens that are there. */
  get remaining(): number {
    const since = nowSeconds() - toDouble(Atomics.load(this.#bits, this.#at));
    return Math.max(0, Math.floor(Math.min(this.maxTokens, since * this.fillRate)));
  }

  /** Seconds until the next token is there; 0 where one is. */
  get secondsToNext(): number {
    const since = nowSeconds() - toDouble(Atomics.load(this.#bits, this.#at));
    const there = Math.min(this.maxTokens, since * this.fillRate);
    return there >= 1 ? 0 : (1 - there) / this.fillRate;
  }
}

/** The same for all threads of the process. */
export function nowSeconds(): number {
  return originS + performance.now() / 1000;
}

/** When this thread's performance.now() was 0. Both clocks are CLOCK_MONOTONIC, and never part. */
const originS = Number(process.hrtime.bigint()) / 1e9 - performance.now() / 1000;

export function toBits(value: number): bigint {
  double[0] = value;
  return bits[0] as bigint;
}

export function toDouble(value: bigint): number {
  bits[0] = value;
  return double[0] as number;
}

const double = new Float64Array(1);
const bits = new BigInt64Array(double.buffer);
