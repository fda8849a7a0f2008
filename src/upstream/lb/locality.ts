import type { Word64 } from "../../net/word64.ts";
import type { Host } from "../host-set.ts";
import { EdfScheduler } from "./edf.ts";
import type { HostPicker } from "./policy.ts";

/** A locality's hosts and its share of the traffic, > 0. */
export interface WeightedPicker {
  picker: HostPicker;
  weight: number;
}

/** Localities by weight, then a host of the locality. */
export class LocalityPicker implements HostPicker {
  readonly #schedule: EdfScheduler<WeightedPicker>;

  constructor(localities: readonly WeightedPicker[]) {
    this.#schedule = new EdfScheduler(localities, (entry) => entry.weight);
  }

  pick(hash: Word64, attempt: number): Host | null {
    const entry = this.#schedule.pick();
    return entry === null ? null : entry.picker.pick(hash, attempt);
  }
}
