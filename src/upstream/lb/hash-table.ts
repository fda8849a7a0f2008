import type { Word64 } from "../../net/word64.ts";
import type { HashLbSpec } from "../spec.ts";
import { HashRing } from "./hash-ring.ts";
import type { HostShares } from "./hash-weights.ts";
import { MaglevTable } from "./maglev.ts";

/** A consistent hash: which host a key belongs to. Made anew when hosts, weights or health change. */
export interface HashTable<H> {
  /** null without hosts. `attempt`: how many hosts were refused before. Allocates nothing. */
  find(hash: Word64, attempt: number): H | null;
  /** The gauges of its making, by the name below the cluster's prefix. */
  readonly stats: readonly (readonly [name: string, value: number])[];
}

/** The table of a policy. `keyOf`: what a host is hashed by, in wire bytes. */
export function createHashTable<H>(spec: HashLbSpec, shares: HostShares<H>, keyOf: (host: H) => string): HashTable<H> {
  return spec.kind === "RING_HASH" ? new HashRing(shares, spec, keyOf) : new MaglevTable(shares, spec, keyOf);
}
