import type { Word64 } from "../../net/word64.ts";
import type { Host, LiveLocality } from "../host-set.ts";
import type { HashLbSpec } from "../spec.ts";
import { BoundedLoad } from "./bounded-load.ts";
import { hashKeyOf } from "./hash-key.ts";
import { createHashTable, type HashTable } from "./hash-table.ts";
import { hostShares } from "./hash-weights.ts";
import type { HostPicker } from "./policy.ts";

/** RING_HASH or MAGLEV over the hosts of one priority. Envoy: ThreadAwareLoadBalancerBase. */
export class ConsistentHash implements HostPicker {
  readonly #table: HashTable<Host>;

  /** `localKey`: of the locality that comes first; `activeRequests`: of the whole cluster, all workers. */
  constructor(
    spec: HashLbSpec,
    group: readonly LiveLocality[],
    isPanic: boolean,
    isLocalityWeighted: boolean,
    localKey: string,
    activeRequests: () => number,
  ) {
    const shares = hostShares(group, isPanic, isLocalityWeighted, localKey);
    const table = createHashTable(spec, shares, (host) => hashKeyOf(host, spec.usesHostname));
    this.#table =
      spec.balanceFactorPct === 0 ? table : new BoundedLoad(table, shares, spec.balanceFactorPct, activeRequests);
  }

  pick(hash: Word64, attempt: number): Host | null {
    return this.#table.find(hash, attempt);
  }
}
