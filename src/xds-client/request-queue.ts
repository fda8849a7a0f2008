import type { XdsSubscription } from "./subscription.ts";
import type { XdsClock } from "./transport.ts";

/** rate_limit_settings */
export interface XdsRateLimit {
  maxTokens: number;
  tokensPerSecond: number;
}

/** A request that is due. */
export interface DueRequest {
  subscription: XdsSubscription;
  /** See XdsProtocol.request. */
  refusal: string | null;
  /** Of the response that it answers. */
  nonce: string;
}

/** The requests of one stream, as fast as rate_limit_settings allow. Envoy: GrpcStream's token bucket. */
export class RequestQueue {
  readonly #send: (request: DueRequest) => void;
  readonly #onLimited: () => void;
  readonly #limit: XdsRateLimit | null;
  readonly #clock: XdsClock;
  #waiting: DueRequest[] = [];
  #tokens: number;
  #filledAt: number;
  #cancel: (() => void) | null = null;

  /** `onLimited` is called when a request has to wait. */
  constructor(limit: XdsRateLimit | null, clock: XdsClock, send: (request: DueRequest) => void, onLimited: () => void) {
    this.#limit = limit;
    this.#clock = clock;
    this.#send = send;
    this.#onLimited = onLimited;
    this.#tokens = limit?.maxTokens ?? 0;
    this.#filledAt = clock.now();
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(request: DueRequest): void {
    // What it names is read when it is sent.
    const { subscription, refusal } = request;
    if (refusal === null && this.#waiting.some((other) => other.subscription === subscription)) return;
    this.#waiting.push(request);
    this.#drain();
  }

  /** The stream is over. */
  clear(): void {
    this.#waiting = [];
    this.#cancel?.();
    this.#cancel = null;
  }

  #drain(): void {
    while (this.#waiting.length > 0 && this.#take()) this.#send(this.#waiting.shift() as DueRequest);
    if (this.#waiting.length === 0 || this.#limit === null) return;
    this.#onLimited();
    this.#cancel ??= this.#clock.schedule(
      () => {
        this.#cancel = null;
        this.#drain();
      },
      Math.ceil(((1 - this.#tokens) / this.#limit.tokensPerSecond) * 1000),
    );
  }

  /** Whether there is a token for one more. */
  #take(): boolean {
    if (this.#limit === null) return true;
    const now = this.#clock.now();
    const { maxTokens, tokensPerSecond } = this.#limit;
    this.#tokens = Math.min(maxTokens, this.#tokens + ((now - this.#filledAt) / 1000) * tokensPerSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
