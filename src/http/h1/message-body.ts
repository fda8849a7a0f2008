import type { ByteCounts } from "../byte-counts.ts";
import type { ByteOutput } from "../codec.ts";
import type { HeaderBlock } from "../header-block.ts";
import { parseContentLength } from "./framing.ts";
import type { Http1Options } from "./options.ts";
import { appendFields } from "./serializer.ts";

/** Writes one message's body by its framing. Never more than Content-Length said; isWhole tells if all of it came. */
export class MessageBody {
  /** Where it goes; null between two messages. */
  output: ByteOutput | null = null;
  /** null: nobody asks. */
  bytes: ByteCounts | null = null;
  readonly #options: Http1Options;
  #mode: "none" | "length" | "chunked" | "raw" = "none";
  #left = 0;

  constructor(options: Http1Options) {
    this.#options = options;
  }

  startNone(): void {
    this.#mode = "none";
    this.#left = 0;
  }

  startRaw(): void {
    this.#mode = "raw";
    this.#left = 0;
  }

  startChunked(): void {
    this.#mode = "chunked";
    this.#left = 0;
  }

  startLength(text: string): void {
    this.#mode = "length";
    this.#left = Math.max(0, parseContentLength(text, true));
  }

  /** False when the message is shorter than its Content-Length: only closing the connection can tell the peer. */
  get isWhole(): boolean {
    return this.#left === 0;
  }

  write(bytes: Buffer, endStream: boolean): boolean {
    const length = bytes.length;
    const output = this.output as ByteOutput;
    switch (this.#mode) {
      case "none":
        return true;
      case "raw":
        if (this.bytes !== null) this.bytes.wireSent += length;
        return length === 0 || output.writeBytes(bytes);
      case "length": {
        if (length === 0) return true;
        const isOver = length > this.#left;
        if (this.bytes !== null) this.bytes.wireSent += isOver ? this.#left : length;
        const isWritable = output.writeBytes(isOver ? bytes.subarray(0, this.#left) : bytes);
        this.#left -= isOver ? this.#left : length;
        return isWritable;
      }
      case "chunked": {
        if (length === 0) {
          if (endStream) {
            output.writeText(lastChunk);
            if (this.bytes !== null) this.bytes.wireSent += lastChunk.length;
          }
          return true;
        }
        const size = `${length.toString(16)}\r\n`;
        if (this.bytes !== null) this.bytes.wireSent += size.length + length + 2 + (endStream ? lastChunk.length : 0);
        output.writeText(size);
        const isWritable = output.writeBytes(bytes);
        output.writeText(endStream ? "\r\n0\r\n\r\n" : "\r\n");
        return isWritable;
      }
    }
  }

  /** Ends the message. Trailers need chunks and enable_trailers; else they are dropped. */
  writeTrailers(trailers: HeaderBlock): void {
    if (this.#mode !== "chunked") return;
    const fields = this.#options.enableTrailers ? appendFields("", trailers, this.#options.headerCase) : "";
    this.output?.writeText(`0\r\n${fields}\r\n`);
    this.addHead(lastChunk.length, fields.length);
  }

  /** Counts a head, or trailers, of so many bytes of field lines and others. */
  addHead(otherBytes: number, fieldBytes: number): void {
    const bytes = this.bytes;
    if (bytes === null) return;
    bytes.wireSent += otherBytes + fieldBytes;
    bytes.headerSent += fieldBytes;
    bytes.decompressedSent += fieldBytes;
  }
}

const lastChunk = "0\r\n\r\n";
