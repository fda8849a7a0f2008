import type { RequestHead } from "../http/header-block.ts";
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

  /** `routes` stand in the order of spec.entries. */
  constructor(spec: WeightedSpec, routes: readonly Route[], runtime: RuntimeLookup) {
    const prefix = spec.runtimeKeyPrefix;
    this.#routes = routes;
    this.#weights = spec.entries.map((entry) => entry.weight);
    this.#keys = prefix === "" ? null : spec.entries.map((entry) => `${prefix}.${entry.name}`);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#randomHeader = spec.randomHeader;
    this.#runtime = runtime;
  }

  choose(head: RequestHead, random: number): Route {
    let total = this.#total;
    if (this.#keys !== null) {
      total = 0;
      for (let i = 0; i < this.#routes.length; i++) total += this.#weight(i);
    }
    let left = this.#point(head, random, total);
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

  /** Where in 0..total the request falls: by the header's number where there is one. */
  #point(head: RequestHead, random: number, total: number): number {
    const given = this.#randomHeader === "" ? null : head.find(this.#randomHeader);
    if (given !== null && /^\d{1,20}$/.test(given) && total > 0) return Number(BigInt(given) % BigInt(total));
    return Math.floor(random * total);
  }
}
