import type { HeaderBlock } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import type { LimiterWatch, StreamRateLimiter } from "../stream-rate-limiter.ts";

/** The stats of one direction of one config. */
export class TransferStats {
  readonly slab: StatsSlab;
  readonly enabled: number;
  readonly enforced: number;
  readonly pending: number;
  readonly incoming: number;
  readonly incomingTotal: number;
  readonly allowed: number;
  readonly allowedTotal: number;
  readonly duration: number;

  /** `prefix`: up to "request_" or "response_". */
  constructor(slab: StatsSlab, prefix: string) {
    this.slab = slab;
    this.enabled = slab.counter(`${prefix}enabled`);
    this.enforced = slab.counter(`${prefix}enforced`);
    this.pending = slab.gauge(`${prefix}pending`);
    this.incoming = slab.gauge(`${prefix}incoming_size`);
    this.incomingTotal = slab.counter(`${prefix}incoming_total_size`);
    this.allowed = slab.gauge(`${prefix}allowed_size`);
    this.allowedTotal = slab.counter(`${prefix}allowed_total_size`);
    this.duration = slab.histogram(`${prefix}transfer_duration`);
  }
}

/** One direction of one stream under the limit. */
export class Transfer implements LimiterWatch {
  readonly #stats: TransferStats;
  readonly #tell: ((trailers: HeaderBlock) => void) | null;
  limiter: StreamRateLimiter | null = null;
  /** Monotonic milliseconds; -1 while nothing came, and once it is over. */
  #start = -1;
  /** From the first byte to the last. */
  durationMs = 0;
  /** That the limit added. */
  delayMs = 0;

  /** `tell`: adds what the trailers of the response shall say. */
  constructor(stats: TransferStats, tell: ((trailers: HeaderBlock) => void) | null) {
    this.#stats = stats;
    this.#tell = tell;
    stats.slab.values[stats.enabled]++;
  }

  onTaken(bytes: number): void {
    const stats = this.#stats;
    const { values } = stats.slab;
    if (this.#start < 0) {
      this.#start = eventClock.now;
      values[stats.pending]++;
    }
    values[stats.incoming] = bytes;
    values[stats.incomingTotal] += bytes;
  }

  onGiven(bytes: number, isHeld: boolean, waitMs: number): void {
    const stats = this.#stats;
    const { values } = stats.slab;
    values[stats.allowed] = bytes;
    values[stats.allowedTotal] += bytes;
    if (!isHeld) return;
    values[stats.enforced]++;
    this.delayMs += waitMs;
  }

  onDone(trailers: HeaderBlock | null): void {
    if (this.#start < 0) return;
    this.durationMs = eventClock.tick() - this.#start;
    if (trailers !== null) this.#tell?.(trailers);
    this.#stats.slab.record(this.#stats.duration, this.durationMs);
    this.#end();
  }

  /** Its stream ended. */
  destroy(): void {
    this.limiter?.destroy();
    if (this.#start >= 0) this.#end();
  }

  #end(): void {
    this.#start = -1;
    this.#stats.slab.values[this.#stats.pending]--;
  }
}
