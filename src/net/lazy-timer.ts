import { eventClock } from "./event-clock.ts";
import { TimerNode, timers } from "./timer-wheel.ts";

/**
 * A time limit that is set and cleared far more often than it passes: both are plain stores. The wheel's node stays armed
 * for an older limit and is moved when it fires.
 */
export class LazyTimer {
  /** Monotonic milliseconds; 0: no limit is set. */
  #deadline = 0;
  readonly #node: TimerNode;

  constructor(onTimeout: () => void) {
    this.#node = new TimerNode(() => {
      if (this.#deadline === 0) return;
      const left = this.#deadline - eventClock.now;
      if (left > 0) {
        timers.add(this.#node, left);
        return;
      }
      this.#deadline = 0;
      onTimeout();
    });
  }

  /** The limit is `delayMs` after `now`. */
  set(now: number, delayMs: number): void {
    const deadline = now + delayMs;
    this.#deadline = deadline;
    if (this.#node.deadline === 0 || this.#node.deadline > deadline) timers.add(this.#node, delayMs);
  }

  get isSet(): boolean {
    return this.#deadline !== 0;
  }

  clear(): void {
    this.#deadline = 0;
  }

  /** Takes it off the wheel: its owner ends. */
  dispose(): void {
    this.#deadline = 0;
    timers.remove(this.#node);
  }
}
