import { eventClock } from "./event-clock.ts";

/** A timer that lives inside its owner: subclass it or point `owner` at the object to call. Reused without allocation. */
export class TimerNode {
  next: TimerNode = this;
  prev: TimerNode = this;
  /** Monotonic milliseconds; 0 when not armed. */
  deadline = 0;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

/**
 * Coarse timers shared by all requests of a thread: arming and disarming are a few stores, no setTimeout a request.
 * Short delays (below a second) run on a wheel of 5 ms ticks, the others on one of 100 ms. A timer never fires early.
 * A wheel without timers does not tick.
 */
export class Timers {
  readonly #fine: Wheel;
  readonly #coarse: Wheel;
  readonly #now: () => number;

  constructor(now: () => number = () => eventClock.tick(), schedule: Schedule = scheduleInterval) {
    this.#now = now;
    this.#fine = new Wheel(5, 256, schedule);
    this.#coarse = new Wheel(100, 1024, schedule);
  }

  /** Arms (again) `node` to fire in `delayMs` at the earliest. */
  add(node: TimerNode, delayMs: number): void {
    if (node.deadline !== 0) this.remove(node);
    const now = this.#now();
    node.deadline = now + delayMs;
    (delayMs < 1000 ? this.#fine : this.#coarse).add(node, now, this);
  }

  /** Disarms `node`; nothing happens when it is not armed. */
  remove(node: TimerNode): void {
    if (node.deadline === 0) return;
    node.deadline = 0;
    node.prev.next = node.next;
    node.next.prev = node.prev;
    node.next = node;
    node.prev = node;
  }

  /** Fires what is due. The wheels call it; tests with their own clock too. */
  advance(): void {
    const now = this.#now();
    this.#fine.advance(now, this);
    this.#coarse.advance(now, this);
  }
}

/** Calls `tick` every `ms` until the returned function is called. */
type Schedule = (tick: () => void, ms: number) => () => void;

function scheduleInterval(tick: () => void, ms: number): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

class Wheel {
  readonly #tickMs: number;
  readonly #buckets: TimerNode[] = [];
  readonly #schedule: Schedule;
  #stop: (() => void) | null = null;
  #lastTick = 0;
  #emptyTurns = 0;

  constructor(tickMs: number, size: number, schedule: Schedule) {
    this.#tickMs = tickMs;
    this.#schedule = schedule;
    for (let i = 0; i < size; i++) this.#buckets.push(new TimerNode(noop));
  }

  add(node: TimerNode, now: number, owner: Timers): void {
    if (this.#stop === null) {
      this.#lastTick = Math.floor(now / this.#tickMs);
      this.#stop = this.#schedule(() => owner.advance(), this.#tickMs);
    }
    this.#emptyTurns = 0;
    const tick = Math.max(Math.ceil(node.deadline / this.#tickMs), this.#lastTick + 1);
    const bucket = this.#buckets[tick % this.#buckets.length] as TimerNode;
    node.next = bucket;
    node.prev = bucket.prev;
    bucket.prev.next = node;
    bucket.prev = node;
  }

  advance(now: number, owner: Timers): void {
    if (this.#stop === null) return;
    const tick = Math.floor(now / this.#tickMs);
    const size = this.#buckets.length;
    // After a long stall one turn of the wheel visits every bucket.
    for (let t = Math.max(this.#lastTick + 1, tick - size + 1); t <= tick; t++) {
      const bucket = this.#buckets[t % size] as TimerNode;
      let node = bucket.next;
      while (node !== bucket) {
        const next = node.next;
        if (node.deadline <= now) {
          owner.remove(node);
          node.fire();
        }
        // fire() may have disarmed `next`: then it points to itself, and the walk starts again.
        node = next.deadline === 0 && next !== bucket ? bucket.next : next;
      }
    }
    this.#lastTick = tick;
    if (++this.#emptyTurns > size && this.#buckets.every((b) => b.next === b)) {
      this.#stop();
      this.#stop = null;
    }
  }
}

function noop(): void {}

/** The timers of this thread. */
export const timers: Timers = new Timers();
