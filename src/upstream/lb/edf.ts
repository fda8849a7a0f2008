import type { Host } from "../host-set.ts";

/**
 * Earliest deadline first, as Envoy spreads weighted hosts: the entry with the earliest deadline is picked and comes back
 * 1/weight later; equal deadlines in the order of insertion. A binary heap whose root is moved down in place, so that a pick allocates
 * nothing.
 */
export class EdfScheduler<Item> {
  readonly #items: Item[] = [];
  readonly #deadlines: number[] = [];
  readonly #orders: number[] = [];
  readonly #weightOf: (item: Item) => number;
  #now = 0;
  #order = 0;

  constructor(items: readonly Item[], weightOf: (item: Item) => number) {
    this.#weightOf = weightOf;
    for (const item of items) {
      this.#items.push(item);
      this.#deadlines.push(1 / weightOf(item));
      this.#orders.push(this.#order++);
      this.#up(this.#items.length - 1);
    }
  }

  /** The next one; null when there is none. */
  pick(): Item | null {
    if (this.#items.length === 0) return null;
    const item = this.#items[0] as Item;
    this.#now = this.#deadlines[0] as number;
    this.#deadlines[0] = this.#now + 1 / this.#weightOf(item);
    this.#orders[0] = this.#order++;
    this.#down();
    return item;
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.#deadlines[a] as number;
    const right = this.#deadlines[b] as number;
    return left === right ? (this.#orders[a] as number) < (this.#orders[b] as number) : left < right;
  }

  #up(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0; ; ) {
      let least = at;
      const left = 2 * at + 1;
      if (left < this.#items.length && this.#isBefore(left, least)) least = left;
      if (left + 1 < this.#items.length && this.#isBefore(left + 1, least)) least = left + 1;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    swap(this.#items, a, b);
    swap(this.#deadlines, a, b);
    swap(this.#orders, a, b);
  }
}

/** Whether weights need a scheduler at all. */
export function hasEqualWeights(hosts: readonly Host[]): boolean {
  return hosts.every((host) => host.weight === (hosts[0] as Host).weight);
}

function swap<T>(list: T[], a: number, b: number): void {
  const kept = list[a] as T;
  list[a] = list[b] as T;
  list[b] = kept;
}
