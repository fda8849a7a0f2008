import { Word64 } from "../../net/word64.ts";
import { xxHash64 } from "../../net/xx-hash.ts";
import { nowSeconds, TokenBucket, toBits, toDouble } from "../token-bucket.ts";

/** Buckets of values that are only known when they come, in memory that all workers share. */
export interface DynamicBucketsSpec {
  /** max_dynamic_descriptors */
  count: number;
  memory: SharedArrayBuffer;
}

/** On the main thread. */
export function newDynamicBuckets(atMost: number): DynamicBucketsSpec {
  const count = Math.max(1, atMost);
  return { count, memory: new SharedArrayBuffer(count * rowCells * 8) };
}

/**
 * A bucket for each value, told apart by a hash of 64 bits. Where there are as many as may be, the one that was not asked for longest
 * makes room. A row is [hash, time of the bucket, when it was asked for]; a worker takes a row by compare-and-swap of its hash.
 */
export class DynamicBuckets {
  readonly #rows: BigInt64Array;
  readonly #count: number;
  readonly #buckets: TokenBucket[];
  /** Where a hash was last, which must be looked at again. */
  readonly #places = new Map<bigint, number>();

  constructor({ count, memory }: DynamicBucketsSpec, maxTokens: number, fillRate: number) {
    this.#rows = new BigInt64Array(memory);
    this.#count = count;
    this.#buckets = Array.from(
      { length: count },
      (_, row) => new TokenBucket(maxTokens, fillRate, memory, row * rowCells + 1),
    );
  }

  /** `key`: all that tells the value apart. */
  of(key: string): TokenBucket {
    xxHash64(key, word);
    const hash = (BigInt(word.high >>> 0) << 32n) | BigInt(word.low >>> 0);
    const wanted = BigInt.asIntN(64, hash === 0n || hash === (1n << 64n) - 1n ? 1n : hash);
    const row = this.#find(wanted);
    Atomics.store(this.#rows, row * rowCells + 2, toBits(nowSeconds()));
    return this.#buckets[row] as TokenBucket;
  }

  #find(hash: bigint): number {
    const known = this.#places.get(hash);
    if (known !== undefined && Atomics.load(this.#rows, known * rowCells) === hash) return known;
    for (;;) {
      let oldest = 0;
      let oldestTime = Infinity;
      for (let row = 0; row < this.#count; row++) {
        const own = Atomics.load(this.#rows, row * rowCells);
        if (own === hash) return this.#keep(hash, row);
        const time = own === 0n ? -1 : toDouble(Atomics.load(this.#rows, row * rowCells + 2));
        if (own !== busy && time < oldestTime) [oldest, oldestTime] = [row, time];
      }
      if (this.#claim(oldest, hash)) return this.#keep(hash, oldest);
    }
  }

  /** False where another worker was faster. */
  #claim(row: number, hash: bigint): boolean {
    const at = row * rowCells;
    const before = Atomics.load(this.#rows, at);
    if (before === busy || Atomics.compareExchange(this.#rows, at, before, busy) !== before) return false;
    const { maxTokens, fillRate } = this.#buckets[row] as TokenBucket;
    const now = nowSeconds();
    Atomics.store(this.#rows, at + 1, toBits(now - maxTokens / fillRate));
    Atomics.store(this.#rows, at + 2, toBits(now));
    Atomics.store(this.#rows, at, hash);
    return true;
  }

  #keep(hash: bigint, row: number): number {
    if (this.#places.size >= 2 * this.#count) this.#places.clear();
    this.#places.set(hash, row);
    return row;
  }
}

const rowCells = 3;
/** Stands for the hash while a worker makes the row its own. */
const busy = -1n;
const word = new Word64();
