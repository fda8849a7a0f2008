import type { Word64 } from "../../net/word64.ts";
import type { Host } from "../host-set.ts";
import type { HashTable } from "./hash-table.ts";
import type { HostShares } from "./hash-weights.ts";
import { MersenneTwister } from "./mersenne-twister.ts";

/**
 * Consistent hashing with bounded loads: a host that has more than its part of the requests in flight passes its keys to
 * others, always the same ones for a key. Envoy: BoundedLoadHashingLoadBalancer.
 */
export class BoundedLoad implements HashTable<Host> {
  readonly #table: HashTable<Host>;
  readonly #hosts: readonly Host[];
  readonly #shares: ReadonlyMap<Host, number>;
  readonly #factorPct: number;
  readonly #activeRequests: () => number;
  readonly #order: Uint32Array;
  readonly stats: HashTable<Host>["stats"];

  /** `activeRequests`: of the whole cluster, all workers. */
  constructor(table: HashTable<Host>, shares: HostShares<Host>, factorPct: number, activeRequests: () => number) {
    this.#table = table;
    this.#hosts = shares.hosts;
    this.#shares = new Map(shares.hosts.map((host, i) => [host, shares.shares[i] as number]));
    this.#factorPct = factorPct;
    this.#activeRequests = activeRequests;
    this.#order = new Uint32Array(shares.hosts.length);
    this.stats = table.stats;
  }

  find(hash: Word64, attempt: number): Host | null {
    const first = this.#table.find(hash, attempt);
    if (first === null) return null;
    const slots = Math.floor(((this.#activeRequests() + 1) * this.#factorPct + 99) / 100);
    let least = this.#load(first, slots);
    if (least <= 1) return first;
    const order = this.#order;
    for (let i = 0; i < order.length; i++) order[i] = i;
    const random = new MersenneTwister(hash.low);
    let best = first;
    for (let i = 0; i < order.length; i++) {
      const other = i + random.below(order.length - i);
      const index = order[other] as number;
      order[other] = order[i] as number;
      order[i] = index;
      const host = this.#hosts[index] as Host;
      if (host === first) continue;
      const load = this.#load(host, slots);
      if (load <= 1) return host;
      if (load < least) {
        best = host;
        least = load;
      }
    }
    return best;
  }

  /** Above 1: more than its part. */
  #load(host: Host, slots: number): number {
    const own = Math.max(1, Math.ceil(slots * (this.#shares.get(host) as number)));
    return host.stats.totalActiveRequests / own;
  }
}
