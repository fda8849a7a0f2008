import type { ByteCounts } from "../http/byte-counts.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import { type GrpcSink, GrpcStream, type GrpcTarget } from "./grpc-stream.ts";

/** Hears the end of a call, once, perhaps before call() returns. */
export interface GrpcCallSink {
  /** The bytes are the owner's. */
  onAnswer(message: Uint8Array): void;
  /** There is no whole answer; a gRPC status, and why. */
  onFailure(status: number, why: string): void;
}

/** One unary gRPC call over a cluster. Envoy: Grpc::AsyncRequestImpl. */
export class GrpcCall implements GrpcSink {
  readonly #sink: GrpcCallSink;
  readonly #timer: LazyTimer;
  #stream: GrpcStream | null = null;
  #answer: Uint8Array | null = null;
  #isOver = false;

  /** `timeoutMs`: 0 for none. */
  constructor(target: GrpcTarget, message: Uint8Array, timeoutMs: number, sink: GrpcCallSink) {
    this.#sink = sink;
    this.#timer = new LazyTimer(() => this.#onTimeout());
    if (timeoutMs > 0) this.#timer.set(eventClock.now, timeoutMs);
    const stream = new GrpcStream(target, this);
    if (this.#isOver) return;
    this.#stream = stream;
    stream.send(message, true);
  }

  /** null before there was a connection. */
  get wireBytes(): ByteCounts | null {
    return this.#stream?.wireBytes ?? null;
  }

  /** The sink hears nothing more. */
  cancel(): void {
    if (this.#end()) this.#stream?.close();
  }

  // From the stream.

  onMessage(bytes: Uint8Array): void {
    if (this.#answer !== null) {
      this.cancel();
      this.#sink.onFailure(internal, "more than one answer");
      return;
    }
    this.#answer = bytes;
  }

  onEnd(status: number, message: string): void {
    if (!this.#end()) return;
    if (status !== 0) this.#sink.onFailure(status, message);
    else if (this.#answer === null) this.#sink.onFailure(internal, "an end without an answer");
    else this.#sink.onAnswer(this.#answer);
  }

  #onTimeout(): void {
    if (this.#end()) this.#stream?.timeOut();
    this.#sink.onFailure(deadlineExceeded, "no answer in time");
  }

  /** False when it was over. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer.dispose();
    return true;
  }
}

const deadlineExceeded = 4;
const internal = 13;
