import type { RequestHead } from "../http/header-block.ts";
import { Word64 } from "../net/word64.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { HashPolicy } from "./hash-policy.ts";
import type { Route } from "./route.ts";
import { type RuntimeLookup, runtimeInteger } from "./runtime-fraction.ts";
import type { WeightedSpec } from "./spec.ts";

/** Chooses among weighted clusters by the request's random number. */
export class WeightedChoice {
  readonly #routes: readonly Route[];
  readonly #weights: readonly number[];
  readonly #keys: readonly string[] | null;
  readonly #total: number;
  readonly #randomHeader: string;
  readonly #runtime: RuntimeLookup;
  /** null where it is not asked for. */
  readonly #hashPolicy: HashPolicy | null;

  /** `routes` stand in the order of spec.entries. */
  constructor(spec: WeightedSpec, routes: readonly Route[], hashPolicy: HashPolicy | null, runtime: RuntimeLookup) {
    const prefix = spec.runtimeKeyPrefix;
    this.#routes = routes;
    this.#weights = spec.entries.map((entry) => entry.weight);
    this.#keys = prefix === "" ? null : spec.entries.map((entry) => `${prefix}.${entry.name}`);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#randomHeader = spec.randomHeader;
    this.#runtime = runtime;
    this.#hashPolicy = spec.usesHashPolicy ? hashPolicy : null;
  }

  choose(head: RequestHead, info: StreamInfo, random: number): Route {
    let total = this.#total;
    if (this.#keys !== null) {
      total = 0;
      for (let i = 0; i < this.#routes.length; i++) total += this.#weight(i);
    }
    let left = this.#point(head, info, random, total);
    for (let i = 0; i < this.#routes.length; i++) {
      left -= this.#weight(i);
      if (left < 0) return this.#routes[i] as Route;
    }
    return this.#routes[this.#routes.length - 1] as Route;
  }

  #weight(i: number): number {
    const configured = this.#weights[i] as number;
    if (this.#keys === null) return configured;
    return runtimeInteger(this.#runtime, this.#keys[i] as string, configured);
  }

  /** Where in 0..total the request falls: by the header's number where there is one, by the hash where that is asked for. */
  #point(head: RequestHead, info: StreamInfo, random: number, total: number): number {
    if (total === 0) return 0;
    const given = this.#randomHeader === "" ? null : onlyValue(head, this.#randomHeader);
    if (given !== null && isUint64(given)) return Number(BigInt(given) % BigInt(total));
    if (this.#hashPolicy?.compute(head, info, null, hash) === true) return hash.modulo(total);
    return Math.floor(random * total);
  }
}

/** null where the field is missing or repeated: Envoy then draws at random. */
function onlyValue(head: RequestHead, name: string): string | null {
  let value: string | null = null;
  for (let i = 0; i < head.size; i++) {
    if (head.names[i] !== name) continue;
    if (value !== null) return null;
    value = head.values[i] as string;
  }
  return value;
}

/** As absl::SimpleAtoi takes it: blanks and a sign around are fine. */
function isUint64(text: string): boolean {
  return /^[\t-\r ]*\+?\d{1,20}[\t-\r ]*$/.test(text) && BigInt(text.trim()) < 2n ** 64n;
}

const hash = new Word64();
