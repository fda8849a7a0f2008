import type { Word64 } from "../../net/word64.ts";
import type { Host } from "../host-set.ts";
import type { LbSpec } from "../spec.ts";
import { LeastRequest } from "./least-request.ts";
import { RandomChoice } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";

/** Chooses among a fixed list of hosts. Made anew when the list, a weight or a health changes. */
export interface HostPicker {
  /** null for an empty list. `hash`: the request's, for consistent hashing. Allocates nothing. */
  pick(hash: Word64): Host | null;
}

/** The picker of `policy`. `random` gives [0, 1). */
export function createPicker(spec: LbSpec, hosts: readonly Host[], random: () => number): HostPicker {
  switch (spec.policy) {
    case "ROUND_ROBIN":
      return new RoundRobin(hosts, random);
    case "LEAST_REQUEST":
      return new LeastRequest(hosts, spec, random);
    case "RANDOM":
      return new RandomChoice(hosts, random);
  }
}
