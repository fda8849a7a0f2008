import type { Word64 } from "../../net/word64.ts";
import type { Host, LiveLocality } from "../host-set.ts";
import type { HashLbSpec } from "../spec.ts";
import { BoundedLoad } from "./bounded-load.ts";
import { hashKeyOf } from "./hash-key.ts";
import { createHashTable, type HashTable } from "./hash-table.ts";
import { type HostShares, hostShares } from "./hash-weights.ts";
import type { HostPicker } from "./policy.ts";

/** RING_HASH or MAGLEV over the hosts of one priority. Its table is made when the first request needs it. Envoy: ThreadAwareLoadBalancerBase. */
export class ConsistentHash implements HostPicker {
  readonly #spec: HashLbSpec;
  readonly #shares: HostShares<Host>;
  readonly #activeRequests: () => number;
  #table: HashTable<Host> | null = null;

  /** `localKey`: of the locality that comes first; `activeRequests`: of the whole cluster, all workers. */
  constructor(
    spec: HashLbSpec,
    group: readonly LiveLocality[],
    isPanic: boolean,
    isLocalityWeighted: boolean,
    localKey: string,
    activeRequests: () => number,
  ) {
    this.#spec = spec;
    this.#shares = hostShares(group, isPanic, isLocalityWeighted, localKey);
    this.#activeRequests = activeRequests;
  }

  pick(hash: Word64, attempt: number): Host | null {
    this.#table ??= this.#make();
    return this.#table.find(hash, attempt);
  }

  #make(): HashTable<Host> {
    const spec = this.#spec;
    const table = createHashTable(spec, this.#shares, (host) => hashKeyOf(host, spec.usesHostname));
    if (spec.balanceFactorPct === 0) return table;
    return new BoundedLoad(table, this.#shares, spec.balanceFactorPct, this.#activeRequests);
  }
}
