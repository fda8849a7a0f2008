import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { KeepaliveSpec } from "./parse-http2.ts";

/** PINGs on an HTTP/2 connection (Envoy: connection_keepalive). */
export class Keepalive {
  readonly #spec: KeepaliveSpec;
  readonly #codec: { sendPing(): void };
  readonly #onTimeout: () => void;
  readonly #timer: LazyTimer;
  #isWaiting = false;

  private constructor(spec: KeepaliveSpec, codec: { sendPing(): void }, onTimeout: () => void) {
    this.#spec = spec;
    this.#codec = codec;
    this.#onTimeout = onTimeout;
    this.#timer = new LazyTimer(() => this.#onTimer());
    this.#plan();
  }

  /** null where the configuration asks for none. */
  static of(spec: KeepaliveSpec, codec: { sendPing(): void }, onTimeout: () => void): Keepalive | null {
    return spec.intervalMs > 0 ? new Keepalive(spec, codec, onTimeout) : null;
  }

  onAck(): void {
    if (this.#isWaiting) this.#plan();
  }

  stop(): void {
    this.#timer.dispose();
  }

  #plan(): void {
    this.#isWaiting = false;
    const { intervalMs, jitterPct } = this.#spec;
    this.#timer.set(eventClock.now, intervalMs * (1 + (Math.random() * jitterPct) / 100));
  }

  #onTimer(): void {
    if (this.#isWaiting) {
      this.#onTimeout();
      return;
    }
    this.#isWaiting = true;
    this.#codec.sendPing();
    this.#timer.set(eventClock.now, this.#spec.timeoutMs);
  }
}
