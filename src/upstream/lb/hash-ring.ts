import { murmurHash2 } from "../../net/murmur-hash.ts";
import { Word64 } from "../../net/word64.ts";
import { xxHash64 } from "../../net/xx-hash.ts";
import type { HashLbSpec } from "../spec.ts";
import type { HashTable } from "./hash-table.ts";
import type { HostShares } from "./hash-weights.ts";

/** Ketama's ring: each host stands on it many times, a key belongs to the next place. Envoy: RingHashLoadBalancer::Ring. */
export class HashRing<H> implements HashTable<H> {
  readonly #hosts: readonly H[];
  /** The places by rising hash, halves as signed numbers, and whose each is. */
  readonly #highs: Int32Array;
  readonly #lows: Int32Array;
  readonly #owners: Uint32Array;
  readonly stats: [name: string, value: number][];

  /** `keyOf`: what a host is hashed by, in wire bytes. */
  constructor(shares: HostShares<H>, spec: HashLbSpec, keyOf: (host: H) => string) {
    this.#hosts = shares.hosts;
    const isEmpty = shares.hosts.length === 0;
    // The host of least weight gets a whole number of places.
    const scale = isEmpty ? 0 : Math.min(Math.ceil(shares.least * spec.minRingSize) / shares.least, spec.maxRingSize);
    const size = Math.ceil(scale);
    const places: Place[] = [];
    const hash = spec.isMurmur ? murmurHash2 : xxHash64;
    const word = new Word64();
    let target = 0;
    let fewest = size;
    let most = 0;
    for (const [owner, host] of shares.hosts.entries()) {
      const key = `${keyOf(host)}_`;
      target += scale * (shares.shares[owner] as number);
      let count = 0;
      for (; places.length < target; count++) {
        hash(key + count, word);
        places.push({ high: word.high, low: word.low, owner });
      }
      fewest = Math.min(fewest, count);
      most = Math.max(most, count);
    }
    places.sort((a, b) => (a.high === b.high ? (a.low >>> 0) - (b.low >>> 0) : (a.high >>> 0) - (b.high >>> 0)));
    this.#highs = Int32Array.from(places, ({ high }) => high);
    this.#lows = Int32Array.from(places, ({ low }) => low);
    this.#owners = Uint32Array.from(places, ({ owner }) => owner);
    this.stats = isEmpty
      ? []
      : [
          ["ring_hash_lb.size", size],
          ["ring_hash_lb.min_hashes_per_host", fewest],
          ["ring_hash_lb.max_hashes_per_host", most],
        ];
  }

  find(hash: Word64, attempt: number): H | null {
    const size = this.#owners.length;
    if (size === 0) return null;
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (hash.compare(this.#highs[middle] as number, this.#lows[middle] as number) > 0) low = middle + 1;
      else high = middle;
    }
    // A host that was refused: the places that follow.
    return this.#hosts[this.#owners[(low + attempt) % size] as number] as H;
  }
}

interface Place {
  high: number;
  low: number;
  owner: number;
}
