/**
 * Monotonic milliseconds, read once an event (bytes, a timer, a filter that goes on) and not once a question: what happens
 * within one event happens at one time.
 */
class EventClock {
  now: number = performance.now();
  #wallOffset = Date.now() - this.now;
  #offsetExpires: number = this.now + offsetLifeMs;

  /** An event begins. */
  tick(): number {
    this.now = clock.now();
    return this.now;
  }

  /** `now` as milliseconds since 1970. The system's clock may be moved: it is asked again now and then. */
  get wallNow(): number {
    if (this.now >= this.#offsetExpires) {
      this.#wallOffset = Date.now() - clock.now();
      this.#offsetExpires = this.now + offsetLifeMs;
    }
    return this.now + this.#wallOffset;
  }
}

const offsetLifeMs = 1000;
// The global `performance` is a getter.
const clock = performance;

/** The clock of this thread. */
export const eventClock: EventClock = new EventClock();
