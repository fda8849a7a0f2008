import { Word64 } from "../../net/word64.ts";
import { xxHash64 } from "../../net/xx-hash.ts";
import type { HashLbSpec } from "../spec.ts";
import type { HashTable } from "./hash-table.ts";
import type { HostShares } from "./hash-weights.ts";

/** Maglev's table ("Maglev: A Fast and Reliable Software Network Load Balancer", section 3.4, with weights). Envoy: MaglevTable. */
export class MaglevTable<H> implements HashTable<H> {
  readonly #hosts: readonly H[];
  /** Whose each place is. Two bytes do for most: the table is large. */
  readonly #owners: Uint16Array | Uint32Array;
  readonly #word = new Word64();
  readonly stats: [name: string, value: number][];

  /** `keyOf`: what a host is hashed by, in wire bytes. */
  constructor(shares: HostShares<H>, spec: HashLbSpec, keyOf: (host: H) => string) {
    // Envoy makes no table for a host that has every key.
    const size = shares.hosts.length === 1 ? 1 : spec.tableSize;
    const entries = shares.hosts
      .map((host, i) => new Entry(host, keyOf(host), shares.shares[i] as number, size))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.#hosts = entries.map(({ host }) => host);
    const Owners = entries.length <= 0x10000 ? Uint16Array : Uint32Array;
    this.#owners = new Owners(entries.length === 0 ? 0 : size);
    fill(this.#owners, entries, shares.most);
    const counts = entries.map(({ count }) => count);
    this.stats =
      entries.length === 0
        ? []
        : [
            ["maglev_lb.min_entries_per_host", Math.min(...counts)],
            ["maglev_lb.max_entries_per_host", Math.max(...counts)],
          ];
  }

  find(hash: Word64, attempt: number): H | null {
    const size = this.#owners.length;
    if (size === 0) return null;
    if (attempt === 0) return this.#hosts[this.#owners[hash.modulo(size)] as number] as H;
    // Envoy: ~0 - attempt + 1, most bits set, so that a refused host's keys spread over all others.
    this.#word.copy(hash);
    this.#word.xor(-1, -attempt);
    return this.#hosts[this.#owners[this.#word.modulo(size)] as number] as H;
  }
}

/** A host and where it stands in its permutation of the table. */
class Entry<H> {
  readonly host: H;
  readonly key: string;
  readonly share: number;
  readonly skip: number;
  place: number;
  target = 0;
  count = 0;

  constructor(host: H, key: string, share: number, size: number) {
    this.host = host;
    this.key = key;
    this.share = share;
    const word = new Word64();
    xxHash64(key, word);
    this.place = word.modulo(size);
    const one = new Word64();
    one.set(0, 1);
    xxHash64(key, word, one);
    this.skip = size === 1 ? 1 : word.modulo(size - 1) + 1;
  }
}

/** Hosts take the next free place of their permutation in turn; one of a third of the greatest share every third time. */
function fill<H>(owners: Uint16Array | Uint32Array, entries: readonly Entry<H>[], greatestShare: number): void {
  const size = owners.length;
  const isTaken = new Uint8Array(size);
  let taken = 0;
  for (let turn = 1; taken < size; turn++) {
    for (let i = 0; i < entries.length && taken < size; i++) {
      const entry = entries[i] as Entry<H>;
      if (turn * entry.share < entry.target) continue;
      entry.target += greatestShare;
      while (isTaken[entry.place] === 1) entry.place = (entry.place + entry.skip) % size;
      owners[entry.place] = i;
      isTaken[entry.place] = 1;
      entry.place = (entry.place + entry.skip) % size;
      entry.count++;
      taken++;
    }
  }
}
