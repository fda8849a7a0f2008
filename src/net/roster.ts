/** What a roster holds: it knows its place there, -1 for none. In one roster at a time. */
export interface Rostered {
  place: number;
}

/**
 * Those that are there, for what comes and goes. A Set that is added to and deleted from makes a new table again and again, and V8's young
 * collections keep each alive by the one before it, with all that was in it: dead connections grew old (a fifth of
 * `npm run bench -- --cases new-connections`).
 */
export class Roster<T extends Rostered> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (this.has(item)) return;
    item.place = this.#items.length;
    this.#items.push(item);
  }

  has(item: T): boolean {
    return this.#items[item.place] === item;
  }

  /** Nothing happens where it is not there. */
  delete(item: T): void {
    if (!this.has(item)) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[item.place] = last;
      last.place = item.place;
    }
    item.place = -1;
  }

  /** As they are now, in no order. */
  all(): T[] {
    return [...this.#items];
  }
}
