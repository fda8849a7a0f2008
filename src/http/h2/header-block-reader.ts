import type { ByteCounts } from "../byte-counts.ts";
import type { Http2Counters } from "./counters.ts";
import { ErrorCode, FrameFlag, frameHeaderSize, readUint31 } from "./frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { MessageReader } from "./message-head.ts";
import type { Http2Options } from "./settings.ts";

/** Puts HEADERS and its CONTINUATIONs together (RFC 9113 section 4.3), bounded in bytes and in frames, and decodes them. */
export class HeaderBlockReader {
  streamId = 0;
  endStream = false;
  /** CONTINUATION must follow. */
  isOpen = false;
  /** Of its frames. */
  frameBytes = 0;
  /** The last frame said nothing: no fragment, no END_STREAM. */
  isFrameEmpty = false;
  /** The HEADERS frame says that its stream depends on itself. */
  isSelfDependent = false;
  /** What is wrong when start or continue do not answer NO_ERROR. */
  detail = "";
  readonly decoder: HpackDecoder;
  readonly reader: MessageReader;
  readonly #maxBytes: number;
  #bytes: Buffer = none;
  #from = 0;
  #to = 0;
  #frames = 0;

  constructor(options: Http2Options, counters: Http2Counters) {
    this.decoder = new HpackDecoder(options.hpackTableSize);
    this.reader = new MessageReader(options, counters);
    this.#maxBytes = options.maxHeadBytes + blockSlack;
  }

  /** A HEADERS frame's payload; an error code of the connection's. */
  start(bytes: Buffer, from: number, to: number, flags: number, streamId: number): number {
    let begin = from;
    let end = to;
    this.streamId = streamId;
    this.frameBytes = to - from + frameHeaderSize;
    this.endStream = (flags & FrameFlag.endStream) !== 0;
    this.isSelfDependent = false;
    if (streamId === 0) return this.#fail(ErrorCode.protocolError, "HEADERS: stream_id == 0");
    if ((flags & FrameFlag.padded) !== 0) {
      if (begin === end) return this.#fail(ErrorCode.frameSizeError, "HEADERS: invalid padding");
      end -= bytes[begin++] as number;
    }
    if ((flags & FrameFlag.priority) !== 0) {
      if (begin + 5 > to) return this.#fail(ErrorCode.frameSizeError, "HEADERS: wrong length");
      this.isSelfDependent = readUint31(bytes, begin) === streamId;
      begin += 5;
    }
    if (begin > end) return this.#fail(ErrorCode.protocolError, "HEADERS: invalid padding");
    this.isFrameEmpty = begin === end && !this.endStream;
    this.isOpen = (flags & FrameFlag.endHeaders) === 0;
    this.#bytes = bytes;
    this.#from = begin;
    this.#to = end;
    if (this.isOpen) this.#keep();
    return ErrorCode.noError;
  }

  /** A CONTINUATION frame's payload, while isOpen. */
  continue(bytes: Buffer, from: number, to: number, flags: number): number {
    this.isFrameEmpty = from === to;
    const size = to - from;
    this.frameBytes += size + frameHeaderSize;
    if (++this.#frames > maxContinuations) return this.#fail(ErrorCode.enhanceYourCalm, "too many CONTINUATION frames");
    if (this.#to + size > this.#maxBytes) {
      return this.#fail(ErrorCode.enhanceYourCalm, "http2.header_list_size_too_large");
    }
    if (this.#to + size > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(this.#to + size, this.#bytes.length * 2), this.#maxBytes));
      this.#bytes.copy(grown, 0, 0, this.#to);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#to, from, to);
    this.#to += size;
    this.isOpen = (flags & FrameFlag.endHeaders) === 0;
    return ErrorCode.noError;
  }

  /** Decodes the whole block into `reader`, which was started. False: COMPRESSION_ERROR. */
  decode(): boolean {
    if (!this.decoder.decode(this.#bytes, this.#from, this.#to, this.reader)) return false;
    this.reader.finish(this.endStream);
    return true;
  }

  /** The block is the stream's whose bytes these are. */
  countInto(bytes: ByteCounts): void {
    bytes.wireReceived += this.frameBytes;
    bytes.headerReceived += this.frameBytes;
    bytes.decompressedReceived += this.reader.fieldBytes;
  }

  /** The block was handled. */
  release(): void {
    this.#bytes = none;
  }

  /** The frame's bytes are only lent. */
  #keep(): void {
    const size = this.#to - this.#from;
    const kept = Buffer.allocUnsafeSlow(Math.max(size, 1024));
    this.#bytes.copy(kept, 0, this.#from, this.#to);
    this.#bytes = kept;
    this.#from = 0;
    this.#to = size;
    this.#frames = 0;
  }

  #fail(code: number, detail: string): number {
    this.detail = detail;
    return code;
  }
}

const none = Buffer.alloc(0);
// Bytes of a block beyond those of the largest head: Envoy resets only the stream of a head that is too large.
const blockSlack = 65536;
// Envoy's setting of nghttp2.
const maxContinuations = 512;
