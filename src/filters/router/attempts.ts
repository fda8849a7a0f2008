import type { ByteCounts } from "../../http/byte-counts.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";

/** The attempts of one request that are alive: one, or with hedging the older ones beside it. */
export class Attempts {
  readonly #owner: AttemptOwner;
  readonly #bytes: ByteCounts;
  readonly #spare: Attempt[] = [];
  /** null while a retry is waited for. */
  newest: Attempt | null = null;
  #older: Attempt[] = [];

  /** `bytes`: of all attempts together. */
  constructor(owner: AttemptOwner, bytes: ByteCounts) {
    this.#owner = owner;
    this.#bytes = bytes;
  }

  /** Another one; those alive go on beside it. */
  next(): Attempt {
    if (this.newest !== null) this.#older.push(this.newest);
    this.newest = this.#spare.pop() ?? new Attempt(this.#owner, this.#bytes);
    return this.newest;
  }

  /** Newest first. */
  alive(): Attempt[] {
    return this.newest === null ? [...this.#older] : [this.newest, ...this.#older];
  }

  get isAnyAwaitingHead(): boolean {
    return this.newest?.isAwaitingHead === true || this.#older.some((attempt) => attempt.isAwaitingHead);
  }

  /** It has ended. */
  remove(attempt: Attempt): void {
    if (attempt === this.newest) this.newest = null;
    else this.#older.splice(this.#older.indexOf(attempt), 1);
    attempt.reset();
    this.#spare.push(attempt);
  }

  /** Its response is the one: the others are given up. */
  choose(attempt: Attempt): void {
    if (this.newest === attempt && this.#older.length === 0) return;
    for (const other of this.alive()) {
      if (other === attempt) continue;
      other.abandon();
      this.remove(other);
    }
    this.newest = attempt;
    this.#older = [];
  }

  /** The request is over. */
  reset(): void {
    if (this.newest !== null) this.remove(this.newest);
    while (this.#older.length > 0) this.remove(this.#older[0] as Attempt);
  }
}
