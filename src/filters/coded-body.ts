import type { Transform } from "node:stream";
import type { BrotliCompress, BrotliDecompress, Gunzip, Gzip, ZstdCompress, ZstdDecompress } from "node:zlib";
import type { BodyFlow } from "./body-flow.ts";

/** A stream of node:zlib. It works on a thread of Node's pool. */
export type CodingStream = Gzip | Gunzip | BrotliCompress | BrotliDecompress | ZstdCompress | ZstdDecompress;

/** Where bytes in and out are counted. */
export interface CodingCounters {
  values: Float64Array;
  taken: number;
  given: number;
}

/**
 * A body on its way through a stream of node:zlib, which gives it on when it is done. What waits for it is bounded: the message is
 * paused above the stream's writableHighWaterMark, and what comes out stops with what goes in.
 */
export class CodedBody {
  readonly #coder: Transform;
  readonly #flow: BodyFlow;
  readonly #counters: CodingCounters;
  #hasTrailers = false;

  constructor(coder: CodingStream, flow: BodyFlow, counters: CodingCounters) {
    this.#coder = coder;
    this.#flow = flow;
    this.#counters = counters;
    coder.on("data", (bytes: Buffer) => {
      counters.values[counters.given] += bytes.length;
      flow.send(bytes, false);
    });
    coder.on("drain", () => flow.resume());
    coder.on("end", () => (this.#hasTrailers ? flow.sendTrailers() : flow.send(empty, true)));
  }

  /** The bytes are copied. */
  data(bytes: Buffer, endStream: boolean): void {
    const { values, taken } = this.#counters;
    values[taken] += bytes.length;
    if (bytes.length > 0 && !this.#coder.write(Buffer.from(bytes)) && !endStream) this.#flow.pause();
    if (endStream) this.#coder.end();
  }

  /** The trailers wait until the body is out. */
  trailers(): void {
    this.#hasTrailers = true;
    this.#coder.end();
  }

  destroy(): void {
    this.#coder.destroy();
  }
}

/**
 * Up to this size a whole body is coded at once, in the worker's own time. A hop to the pool costs 50-80 us of it; 16 KiB of JSON take
 * 70 us with gzip, 50 with brotli, 30 with zstd, four times as much four times as long (measured on Node 26, one core).
 */
export const maxBytesAtOnce = 16_384;
const empty = Buffer.alloc(0);
