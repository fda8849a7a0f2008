import type { HeaderBlock } from "../http/header-block.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { BodyFlow } from "./body-flow.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** Who hears what a limiter does. */
export interface LimiterWatch {
  /** So many bytes go on; `isHeld`: others wait for `waitMs` more. */
  onGiven(bytes: number, isHeld: boolean, waitMs: number): void;
  /** The last byte is out. `trailers`: those that follow it, to add to; null for none. */
  onDone(trailers: HeaderBlock | null): void;
}

/**
 * Gives a body on at the rate of a token bucket, a token a byte. What waits is bounded: the message is paused above `maxBytes`. Envoy:
 * StreamRateLimiter.
 */
export class StreamRateLimiter {
  readonly #flow: BodyFlow;
  readonly #bucket: TokenBucket;
  readonly #intervalMs: number;
  readonly #maxBytes: number;
  readonly #watch: LimiterWatch | null;
  readonly #timer: LazyTimer;
  #soon: NodeJS.Immediate | null = null;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #isEnded = false;
  #hasTrailers = false;
  /** Those that follow; of the message, or of the filter itself. */
  #trailers: HeaderBlock | null = null;
  #isOwn = false;

  /** `maxBytes` 0: no limit. */
  constructor(flow: BodyFlow, bucket: TokenBucket, intervalMs: number, maxBytes: number, watch: LimiterWatch | null) {
    this.#flow = flow;
    this.#bucket = bucket;
    this.#intervalMs = intervalMs;
    this.#maxBytes = maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes;
    this.#watch = watch;
    this.#timer = new LazyTimer(() => this.#give());
  }

  /** The bytes are copied. `own`: trailers to end with where the message has none. */
  data(bytes: Buffer, endStream: boolean, own: HeaderBlock | null): void {
    if (bytes.length > 0) {
      this.#waiting.push(Buffer.from(bytes));
      this.#bytes += bytes.length;
    }
    this.#isEnded = endStream;
    if (own !== null) {
      this.#trailers = own;
      this.#hasTrailers = true;
      this.#isOwn = true;
    }
    if (this.#bytes > this.#maxBytes) this.#flow.pause();
    if (this.#soon === null && !this.#timer.isSet) this.#soon = setImmediate(() => this.#give());
  }

  /** False: nothing waits, and they may go on. */
  trailers(trailers: HeaderBlock): boolean {
    this.#isEnded = true;
    this.#hasTrailers = true;
    this.#trailers = trailers;
    if (this.#bytes > 0) return true;
    this.#watch?.onDone(trailers);
    return false;
  }

  destroy(): void {
    if (this.#soon !== null) clearImmediate(this.#soon);
    this.#timer.dispose();
    this.#waiting = [];
  }

  #give(): void {
    this.#soon = null;
    const bytes = this.#take(this.#bucket.takeUpTo(this.#bytes));
    const isHeld = this.#bytes > 0;
    this.#watch?.onGiven(bytes.length, isHeld, this.#intervalMs);
    if (isHeld) this.#timer.set(eventClock.tick(), this.#intervalMs);
    if (this.#bytes <= this.#maxBytes / 2) this.#flow.resume();
    const isLast = this.#isEnded && !isHeld;
    if (isLast) this.#watch?.onDone(this.#trailers);
    if (bytes.length > 0 || (isLast && !this.#hasTrailers)) this.#flow.send(bytes, isLast && !this.#hasTrailers);
    if (!isLast || this.#trailers === null) return;
    if (this.#isOwn) this.#flow.end(this.#trailers);
    else this.#flow.sendTrailers();
  }

  #take(count: number): Buffer {
    if (count === 0) return empty;
    const all = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting, this.#bytes);
    this.#waiting = count < this.#bytes ? [all.subarray(count)] : [];
    this.#bytes -= count;
    return all.subarray(0, count);
  }
}

/** kbps in Envoy's sense: so many KiB a second. */
export function bytesPerSecond(limitKbps: bigint): number {
  return Number(limitKbps) * 1024;
}

/** Envoy: StreamRateLimiter::DefaultFillInterval. */
export const defaultFillMs = 50;
const empty = Buffer.alloc(0);
