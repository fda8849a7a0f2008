import type { HeaderBlock } from "../http/header-block.ts";
import { eventClock } from "../net/event-clock.ts";
import type { FilterStream } from "./api.ts";

/** One direction of a stream for a filter that gives the body on in its own time. */
export class BodyFlow {
  readonly #stream: FilterStream;
  readonly #slot: number;
  readonly #isRequest: boolean;
  #isPaused = false;

  constructor(stream: FilterStream, slot: number, isRequest: boolean) {
    this.#stream = stream;
    this.#slot = slot;
    this.#isRequest = isRequest;
  }

  /** To the filters behind. */
  send(bytes: Buffer, endStream: boolean): void {
    eventClock.tick();
    const walk = this.#isRequest ? this.#stream.requestWalk : this.#stream.responseWalk;
    walk.inject(this.#slot, bytes, endStream);
  }

  /** The end of a body whose message has no trailers, with trailers of the filter's. */
  end(trailers: HeaderBlock): void {
    eventClock.tick();
    if (this.#isRequest) this.#stream.requestWalk.end(this.#slot, trailers);
    else this.#stream.responseWalk.end(this.#slot, trailers);
  }

  /** Lets the trailers go on that the filter's hook stopped. */
  sendTrailers(): void {
    if (this.#isRequest) this.#stream.continueRequest(this.#slot);
    else this.#stream.continueResponse(this.#slot);
  }

  /** Nothing more of the message, please: once, until resume(). */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    if (this.#isRequest) this.#stream.pauseRequest();
    else this.#stream.pauseResponse();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isRequest) this.#stream.resumeRequest();
    else this.#stream.resumeResponse();
  }
}
