/** Requests and successes of the last seconds, by the second. Times are monotonic milliseconds. Envoy: ThreadLocalControllerImpl. */
export class RequestHistory {
  readonly #windowMs: number;
  /** The oldest first. */
  readonly #samples: Sample[] = [];
  requests = 0;
  successes = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(isSuccess: boolean, now: number): void {
    this.forget(now);
    let newest = this.#samples.at(-1);
    if (newest === undefined || now - newest.start >= 1000) {
      newest = { start: now, requests: 0, successes: 0 };
      this.#samples.push(newest);
    }
    newest.requests++;
    this.requests++;
    if (!isSuccess) return;
    newest.successes++;
    this.successes++;
  }

  /** Samples that are too old do not count any more. */
  forget(now: number): void {
    const samples = this.#samples;
    for (let oldest = samples[0]; oldest !== undefined && now - oldest.start >= this.#windowMs; oldest = samples[0]) {
      this.requests -= oldest.requests;
      this.successes -= oldest.successes;
      samples.shift();
    }
  }

  /** Requests a second over the window, whole; old samples count until the next request is added, as in Envoy. */
  averageRps(now: number): number {
    const oldest = this.#samples[0];
    if (oldest === undefined || this.requests === 0) return 0;
    const seconds = Math.max(1, Math.trunc(this.#windowMs / 1000), Math.trunc((now - oldest.start) / 1000));
    return Math.trunc(this.requests / seconds);
  }
}

interface Sample {
  start: number;
  requests: number;
  successes: number;
}
