import type { HeaderBlock, RequestHead } from "../../http/header-block.ts";
import type { TerminalStream } from "../api.ts";
import type { Attempt } from "./attempt.ts";
import { RequestBody } from "./request-body.ts";

/**
 * Carries a request to its attempts. What comes while there is no connection waits; what may be needed for another attempt is
 * kept; the downstream is paused while an upstream takes no more.
 */
export class RequestFeed {
  readonly #stream: TerminalStream;
  readonly #body: RequestBody = new RequestBody();
  /** 0: no limit. */
  readonly #bufferLimitBytes: number;
  #isHeadOnly = false;
  #isPaused = false;
  /** The body stays for another attempt. */
  isKept = false;

  constructor(stream: TerminalStream, bufferLimitBytes: number) {
    this.#stream = stream;
    this.#bufferLimitBytes = bufferLimitBytes;
  }

  begin(endStream: boolean, isKept: boolean): void {
    this.#isHeadOnly = endStream;
    this.#body.isComplete = endStream;
    this.isKept = isKept;
  }

  get isComplete(): boolean {
    return this.#body.isComplete;
  }

  /** Whether the body would be longer than what may be kept. */
  isTooLong(bytes: Buffer): boolean {
    return this.isKept && this.#body.bytes + bytes.length > this.#keptBytes;
  }

  /** `attempt`: the newest one; null while a retry is waited for. */
  data(bytes: Buffer, endStream: boolean, attempt: Attempt | null): void {
    const body = this.#body;
    const writer = attempt === null ? null : attempt.writer;
    if (this.isKept || writer === null) body.add(bytes);
    if (endStream) body.isComplete = true;
    if (writer === null) {
      const limit = this.isKept ? Math.max(this.#bufferLimitBytes, this.#keptBytes) : this.#bufferLimitBytes;
      if (!endStream && body.bytes > limit) this.#pause();
    } else if (!writer.writeData(bytes, endStream) && !endStream) this.#pause();
  }

  trailers(trailers: HeaderBlock, attempt: Attempt | null): void {
    this.#body.isComplete = true;
    this.#body.trailers = trailers;
    attempt?.writer?.writeTrailers(trailers);
  }

  /** All there is to an attempt that is ready. */
  sendTo(attempt: Attempt, head: RequestHead): void {
    const body = this.#body;
    const { writer } = attempt;
    if (writer === null) return;
    writer.writeHead(head, this.#isHeadOnly);
    if (this.#isHeadOnly || attempt.writer !== writer) return;
    const isWritable = body.writeTo(writer);
    if (!this.isKept) body.drop();
    if (!isWritable && !body.isComplete) this.#pause();
    else this.resume();
  }

  /** No other attempt is made. What the newest one has not sent yet still waits for it. */
  stopKeeping(attempt: Attempt | null): void {
    this.isKept = false;
    if (attempt?.writer != null) this.#body.drop();
  }

  /** A complete request that is kept whole: its body, and what it ended with. */
  get body(): RequestBody {
    return this.#body;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream.resumeRequest();
  }

  reset(): void {
    this.#body.reset();
    this.#isHeadOnly = false;
    this.#isPaused = false;
    this.isKept = false;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pauseRequest();
  }

  get #keptBytes(): number {
    return this.#stream.route?.bodyBufferLimitBytes ?? (this.#bufferLimitBytes || Infinity);
  }
}
