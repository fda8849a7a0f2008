import type { Word64 } from "../../net/word64.ts";
import type { Host } from "../host-set.ts";
import type { LbSpec } from "../spec.ts";
import { LeastRequest } from "./least-request.ts";
import { RandomChoice } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";
import { type PickerContext, SlowStart } from "./slow-start.ts";

/** Chooses among a fixed list of hosts. Made anew when the list, a weight or a health changes. */
export interface HostPicker {
  /**
   * null for an empty list. For consistent hashing: `hash`, the request's, and `attempt`, how many hosts were refused before. Allocates
   * nothing.
   */
  pick(hash: Word64, attempt: number): Host | null;
}

/** The picker of `policy`. */
export function createPicker(spec: LbSpec, hosts: readonly Host[], context: PickerContext): HostPicker {
  switch (spec.policy) {
    case "ROUND_ROBIN":
      return new RoundRobin(hosts, slowStartOf(spec, hosts, context), context.random);
    case "LEAST_REQUEST":
      return new LeastRequest(hosts, spec, slowStartOf(spec, hosts, context), context.random);
    case "RANDOM":
      return new RandomChoice(hosts, context.random);
  }
}

/** null where no host is new. */
function slowStartOf(spec: LbSpec, hosts: readonly Host[], { now }: PickerContext): SlowStart | null {
  if (spec.slowStart === null) return null;
  const slowStart = new SlowStart(spec.slowStart, now);
  return slowStart.isDue(hosts) ? slowStart : null;
}
