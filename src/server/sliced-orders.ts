import type { Slices } from "../router/slices.ts";

/**
 * Does orders one after the other, each in slices of about a millisecond between which the event loop turns. An order that comes while
 * another is being done waits for its end, so that all are in force in the order in which they came.
 */
export class SlicedOrders<Order> {
  readonly #begin: (order: Order) => Slices<void> | undefined;
  readonly #waiting: Order[] = [];
  #work: Slices<void> | null = null;

  /** `begin` does an order, or gives what is left to do of it. */
  constructor(begin: (order: Order) => Slices<void> | undefined) {
    this.#begin = begin;
  }

  push(order: Order): void {
    this.#waiting.push(order);
    if (this.#work === null) this.#run();
  }

  #run(): void {
    const start = performance.now();
    for (;;) {
      if (this.#work === null) {
        const order = this.#waiting.shift();
        if (order === undefined) return;
        this.#work = this.#begin(order) ?? null;
      } else if (this.#work.next().done) {
        this.#work = null;
      }
      if (this.#work !== null && performance.now() - start > sliceMs) {
        setImmediate(() => this.#run());
        return;
      }
    }
  }
}

const sliceMs = 1;
