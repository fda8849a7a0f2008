import { threadId } from "node:worker_threads";

/** Memory for a SharedCount. On the main thread; it may be posted to workers. */
export function newSharedCount(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (1 + 2 * maxWorkers));
}

/**
 * A number of things that the workers of the process have together, exact. What a worker that died had is taken off when the one in its place
 * comes.
 *
 *     Int32: the sum, then for each worker which thread it is and how many it has
 */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #own: number;

  /** `worker`: its index; a replacement has that of the worker it replaces. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#cells = new Int32Array(memory);
    this.#own = 1 + 2 * (worker % maxWorkers);
    if (this.#cells[this.#own] === threadId) return;
    this.#cells[this.#own] = threadId;
    Atomics.sub(this.#cells, 0, Atomics.exchange(this.#cells, this.#own + 1, 0));
  }

  /** How many there were before this one. */
  add(): number {
    Atomics.add(this.#cells, this.#own + 1, 1);
    return Atomics.add(this.#cells, 0, 1);
  }

  remove(): void {
    Atomics.sub(this.#cells, this.#own + 1, 1);
    Atomics.sub(this.#cells, 0, 1);
  }
}

/** Far above any concurrency. */
const maxWorkers = 1024;
