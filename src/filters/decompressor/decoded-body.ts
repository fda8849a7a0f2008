import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import { HeaderBlock } from "../../http/header-block.ts";
import type { BodyFlow } from "../body-flow.ts";
import type { CodingCounters, CodingStream } from "../coded-body.ts";
import type { DecompressionLibrarySpec } from "./parse.ts";

/**
 * A body that is decompressed on Node's pool. What cannot be, or grows too much, ends there: the rest of the message is dropped, as in
 * Envoy. Two trailers tell how much it was. What waits is bounded by the stream's writableHighWaterMark and the greatest ratio.
 */
export class DecodedBody {
  readonly #decoder: CodingStream;
  readonly #flow: BodyFlow;
  readonly #counters: CodingCounters;
  readonly #library: DecompressionLibrarySpec;
  #taken = 0;
  #given = 0;
  #isFailed = false;
  #isEnded = false;
  /** Those of the message; null where it has none. */
  #trailers: HeaderBlock | null = null;

  constructor(
    library: DecompressionLibrarySpec,
    flow: BodyFlow,
    counters: CodingCounters,
    onError: (error: Error | null) => void,
  ) {
    this.#library = library;
    this.#flow = flow;
    this.#counters = counters;
    const decoder = newDecoder(library);
    this.#decoder = decoder;
    decoder.on("data", (bytes: Buffer) => {
      if (this.#isFailed) return;
      // Envoy looks at it after each of its chunks.
      const most = Math.floor((this.#taken * library.maxRatio) / library.chunkBytes + 1) * library.chunkBytes;
      const isTooMuch = this.#given + bytes.length >= most;
      const kept = isTooMuch ? bytes.subarray(0, most - this.#given) : bytes;
      this.#given += kept.length;
      counters.values[counters.given] += kept.length;
      flow.send(kept, false);
      if (!isTooMuch || this.#isFailed) return;
      onError(null);
      decoder.destroy();
      this.#fail();
    });
    decoder.on("drain", () => flow.resume());
    decoder.on("end", () => this.#finish());
    decoder.on("error", (error: Error) => {
      if (this.#isFailed) return;
      onError(error);
      this.#fail();
    });
  }

  /** The bytes are copied. */
  data(bytes: Buffer, endStream: boolean): void {
    this.#isEnded ||= endStream;
    this.#taken += bytes.length;
    this.#counters.values[this.#counters.taken] += bytes.length;
    if (this.#isFailed) {
      if (endStream) this.#finish();
      return;
    }
    if (bytes.length > 0 && !this.#decoder.write(Buffer.from(bytes)) && !endStream) this.#flow.pause();
    if (endStream) this.#decoder.end();
  }

  /** The trailers wait until the body is out. False: it is. */
  trailers(trailers: HeaderBlock): boolean {
    this.#isEnded = true;
    this.#trailers = trailers;
    if (this.#isFailed) {
      this.#tell(trailers);
      return false;
    }
    this.#decoder.end();
    return true;
  }

  destroy(): void {
    this.#isFailed = true;
    this.#decoder.destroy();
  }

  #fail(): void {
    this.#isFailed = true;
    this.#flow.resume();
    if (this.#isEnded) this.#finish();
  }

  #finish(): void {
    const trailers = this.#trailers;
    if (trailers !== null) {
      this.#tell(trailers);
      this.#flow.sendTrailers();
      return;
    }
    const own = new HeaderBlock();
    this.#tell(own);
    this.#flow.end(own);
  }

  #tell(trailers: HeaderBlock): void {
    const prefix = `x-envoy-decompressor-${this.#library.name.toLowerCase()}`;
    trailers.append(`${prefix}-compressed-bytes`, String(this.#taken));
    trailers.append(`${prefix}-uncompressed-bytes`, String(this.#given));
  }
}

/** A body that stops in the middle is no error. */
function newDecoder({ encoding, windowBits }: DecompressionLibrarySpec): CodingStream {
  const chunkSize = 65_536;
  switch (encoding) {
    case "gzip":
      return createGunzip({ chunkSize, windowBits, finishFlush: constants.Z_SYNC_FLUSH });
    case "br":
      return createBrotliDecompress({ chunkSize, finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case "zstd":
      return createZstdDecompress({ chunkSize, finishFlush: constants.ZSTD_e_flush });
  }
}
