import { HeaderBlock } from "../header-block.ts";
import type { Framing } from "./framing.ts";
import { needMore } from "./head-parser.ts";
import type { Http1Options } from "./options.ts";
import { TrailerParser } from "./parser.ts";
import { invalidChunk, type ProtocolError, tooManyTrailers, trailersTooLarge } from "./protocol-error.ts";

/**
 * Finds the body in the bytes behind a head. `next` goes one piece forward and leaves it as bytes[from, to):
 *
 *     length:  left > 0 ──▶ done                     untilClose: never done
 *     chunked: size ─▶ extension ─▶ sizeLf ─▶ data ─▶ dataCr ─▶ dataLf ─▶ size …
 *                                     └─ size 0 ─▶ trailers ─▶ done
 */
export class BodyDecoder {
  from = 0;
  to = 0;
  isDone = true;
  error: ProtocolError | null = null;
  readonly trailers = new HeaderBlock();
  readonly #trailerParser: TrailerParser;
  readonly #leniency: boolean;
  #mode: "length" | "chunked" | "untilClose" = "length";
  #state: ChunkState = "size";
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #extension: ExtensionState = "name";

  constructor(options: Http1Options) {
    this.#leniency = options.leniency;
    this.#trailerParser = new TrailerParser(options, this.trailers, tooManyTrailers, trailersTooLarge);
  }

  /** Begins a body by its framing; without any it is empty, or lasts until the end of the connection. */
  start(framing: Framing, untilClose: boolean): void {
    this.error = null;
    this.from = 0;
    this.to = 0;
    this.isDone = false;
    if (this.trailers.size > 0) this.trailers.reset();
    if (framing.isChunked) {
      this.#mode = "chunked";
      this.#state = "size";
      this.#left = 0;
      this.#digits = 0;
    } else if (framing.contentLength >= 0) {
      this.#mode = "length";
      this.#left = framing.contentLength;
      this.isDone = this.#left === 0;
    } else {
      this.#mode = "untilClose";
      this.isDone = !untilClose;
    }
  }

  /** No body, whatever the framing fields say: HEAD, 204, 304. */
  startEmpty(): void {
    this.error = null;
    this.isDone = true;
    this.#mode = "length";
    if (this.trailers.size > 0) this.trailers.reset();
  }

  /** Of trailers: see HeadParser.fieldBytes. */
  get trailerBytes(): number {
    return this.#trailerParser.fieldBytes;
  }

  get endsWithConnection(): boolean {
    return this.#mode === "untilClose" && !this.isDone;
  }

  /** One step into bytes[at, length); the offset to go on from. The piece may be empty. */
  next(bytes: Buffer, at: number, length: number): number {
    this.from = at;
    this.to = at;
    if (this.#mode === "length") {
      this.to = Math.min(length, at + this.#left);
      this.#left -= this.to - at;
      this.isDone = this.#left === 0;
      return this.to;
    }
    if (this.#mode === "chunked") return this.#chunked(bytes, at, length);
    this.to = length;
    return length;
  }

  #chunked(bytes: Buffer, at: number, length: number): number {
    let i = at;
    while (i < length) {
      switch (this.#state) {
        case "size":
          if (!this.#size(bytes[i++] as number)) return this.#fail(length);
          break;
        case "extension":
          if (!this.#extensionByte(bytes[i++] as number)) return this.#fail(length);
          break;
        case "sizeLf":
          if (bytes[i++] !== 10) return this.#fail(length);
          if (this.#left === 0) {
            this.#state = "trailers";
            this.#trailerParser.reset();
          } else this.#state = "data";
          break;
        case "data":
          return this.#data(bytes, i, length);
        case "dataCr": {
          const c = bytes[i++];
          if (c === 13) this.#state = "dataLf";
          else if (!this.#leniency) return this.#fail(length);
          else if (c === 10) this.#startSize();
          break;
        }
        case "dataLf":
          if (bytes[i] === 10) this.#startSize();
          else if (!this.#leniency) return this.#fail(length);
          else this.#state = "dataCr";
          i++;
          break;
        case "trailers": {
          const next = this.#trailerParser.feed(bytes, i, length);
          if (next >= 0) {
            this.isDone = true;
            return next;
          }
          if (next !== needMore) this.error = this.#trailerParser.error;
          return length;
        }
      }
    }
    return i;
  }

  #data(bytes: Buffer, at: number, length: number): number {
    this.from = at;
    this.to = Math.min(length, at + this.#left);
    this.#left -= this.to - at;
    if (this.#left > 0) return this.to;
    this.#state = "dataCr";
    // The common end "\r\n0\r\n\r\n" in the same read: the last piece can then say that it is the last.
    const i = this.to;
    if (i + 7 <= length && bytes[i + 2] === 48 && bytes[i + 3] === 13 && bytes[i + 5] === 13) {
      if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 4] === 10 && bytes[i + 6] === 10) {
        this.isDone = true;
        return i + 7;
      }
    }
    return i;
  }

  #startSize(): void {
    this.#state = "size";
    this.#left = 0;
    this.#digits = 0;
  }

  #size(c: number): boolean {
    const digit = hexDigit(c);
    if (digit >= 0) {
      // Zeros in front do not count for Envoy; a strict reader wants sixteen digits at most.
      if (this.#digits > 0 || digit > 0 || !this.#leniency) this.#digits++;
      else this.#extensionBytes = -1;
      this.#left = this.#left * 16 + digit;
      return this.#digits <= 16 && (this.#leniency || this.#left <= Number.MAX_SAFE_INTEGER);
    }
    const hasDigit = this.#digits > 0 || this.#extensionBytes === -1;
    this.#extensionBytes = 0;
    if (!hasDigit) return false;
    if (c === 13) this.#state = "sizeLf";
    else if (c === 59 || (this.#leniency && (c === 32 || c === 9))) {
      this.#state = "extension";
      this.#extension = "name";
    } else return false;
    return true;
  }

  /** RFC 9112 section 7.1.1. Nothing is made of extensions, but what could hide a line end is refused. */
  #extensionByte(c: number): boolean {
    if (this.#leniency) {
      if (c === 13) this.#state = "sizeLf";
      return c !== 10;
    }
    if (++this.#extensionBytes > maxExtensionBytes || (c < 32 && c !== 9 && c !== 13) || c === 127) return false;
    switch (this.#extension) {
      case "quoted":
        if (c === 34) this.#extension = "afterValue";
        else if (c === 92) this.#extension = "escaped";
        return c !== 13;
      case "escaped":
        this.#extension = "quoted";
        return c !== 13;
      case "name":
        // ";" needs a name behind it.
        if (c === 32 || c === 9) return true;
        this.#extension = "inName";
        return c !== 13 && c !== 59 && c !== 61 && c !== 34;
      case "value":
        if (c === 32 || c === 9) return true;
        this.#extension = c === 34 ? "quoted" : "afterValue";
        return c !== 13 && c !== 59 && c !== 61;
      case "inName":
        if (c === 61) {
          this.#extension = "value";
          return true;
        }
        return this.#endOfExtension(c);
      case "afterValue":
        return this.#endOfExtension(c);
    }
  }

  #endOfExtension(c: number): boolean {
    if (c === 13) this.#state = "sizeLf";
    else if (c === 59) this.#extension = "name";
    return c !== 34;
  }

  #fail(length: number): number {
    this.error = invalidChunk;
    return length;
  }
}

type ChunkState = "size" | "extension" | "sizeLf" | "data" | "dataCr" | "dataLf" | "trailers";
type ExtensionState = "name" | "inName" | "value" | "quoted" | "escaped" | "afterValue";

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** What one chunk may carry beside its data. */
const maxExtensionBytes = 4096;
