import { defaultMaxFrameSize, FrameFlag, FrameType, frameHeaderSize, readUint31 } from "./frames.ts";

/** What a FrameReader tells. The methods that answer false end the reading for good: the connection failed. */
export interface FrameSink {
  /** The header of a frame, of whatever type, in front of its payload. */
  onFrameStart(type: number, flags: number, streamId: number, length: number): boolean;
  /** The whole payload of a frame but DATA and unknown ones: bytes[from, to). */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean;
  /** A DATA frame of `length` bytes, `padding` of which (its own length byte counted) are no data; -1: more than there are. */
  onDataStart(streamId: number, flags: number, length: number, padding: number): boolean;
  /** A piece of its data, which may be empty; `isEnd` with the last one. */
  onData(bytes: Buffer, from: number, to: number, isEnd: boolean): boolean;
}

/**
 * Cuts bytes into frames. DATA is passed on as it comes, without a copy; other frames are held until they are whole.
 *
 *     header ─▶ payload ─▶ header          (held, or in the caller's bytes)
 *       ├─▶ pad length ─▶ data ─▶ padding ─▶ header
 *       └─▶ skip ─▶ header                 (unknown types)
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #state: "header" | "payload" | "padLength" | "data" | "skip" | "closed" = "header";
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #length = 0;
  /** Bytes to come of the data, and of the padding or of what is skipped. */
  #left = 0;
  #skip = 0;
  /** A header or a payload that is not whole yet. */
  #held: Buffer = none;
  #heldLength = 0;
  /** A whole connection's buffer for headers that were cut; made when first needed. */
  #headerBytes: Buffer = none;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Part of a frame other than DATA came, and the rest of it is awaited. */
  get isFramePartial(): boolean {
    return this.#state === "payload" || this.#heldLength > 0;
  }

  /** Nothing more is told. */
  close(): void {
    this.#state = "closed";
    this.#held = none;
  }

  /** Takes bytes[from, length). */
  feed(bytes: Buffer, from: number, length: number): void {
    let at = from;
    while (at < length) {
      switch (this.#state) {
        case "header":
          at = this.#header(bytes, at, length);
          break;
        case "payload":
          at = this.#payload(bytes, at, length);
          break;
        case "padLength":
          this.#startData(1 + (bytes[at++] as number));
          break;
        case "data":
          at = this.#data(bytes, at, length);
          break;
        case "skip": {
          const n = Math.min(this.#skip, length - at);
          at += n;
          this.#skip -= n;
          if (this.#skip === 0) this.#endSkip(bytes);
          break;
        }
        case "closed":
          return;
      }
    }
  }

  #header(bytes: Buffer, at: number, length: number): number {
    let header = bytes;
    let start = at;
    let end = at + frameHeaderSize;
    if (this.#heldLength > 0 || end > length) {
      if (this.#headerBytes === none) this.#headerBytes = Buffer.allocUnsafeSlow(frameHeaderSize);
      header = this.#headerBytes;
      const n = Math.min(frameHeaderSize - this.#heldLength, length - at);
      bytes.copy(header, this.#heldLength, at, at + n);
      this.#heldLength += n;
      if (this.#heldLength < frameHeaderSize) return length;
      this.#heldLength = 0;
      start = 0;
      end = at + n;
    }
    const size =
      ((header[start] as number) << 16) | ((header[start + 1] as number) << 8) | (header[start + 2] as number);
    const type = header[start + 3] as number;
    this.#length = size;
    this.#type = type;
    this.#flags = header[start + 4] as number;
    this.#streamId = readUint31(header, start + 5);
    if (!this.#sink.onFrameStart(type, this.#flags, this.#streamId, size)) {
      this.close();
      return length;
    }
    if (type === FrameType.data) {
      if ((this.#flags & FrameFlag.padded) === 0) this.#startData(0);
      else if (size === 0) this.#startData(1);
      else this.#state = "padLength";
      if (this.#state === "data" && this.#left === 0) return this.#data(bytes, end, end);
      return end;
    }
    if (type > FrameType.continuation) {
      this.#skip = size;
      if (size > 0) this.#state = "skip";
      return end;
    }
    if (end + size <= length) {
      this.#whole(bytes, end, end + size);
      return end + size;
    }
    this.#held = Buffer.allocUnsafe(Math.min(size, defaultMaxFrameSize));
    this.#state = "payload";
    return end;
  }

  #payload(bytes: Buffer, at: number, length: number): number {
    const n = Math.min(this.#length - this.#heldLength, length - at);
    bytes.copy(this.#held, this.#heldLength, at, at + n);
    this.#heldLength += n;
    if (this.#heldLength < this.#length) return length;
    const held = this.#held;
    this.#held = none;
    this.#heldLength = 0;
    this.#state = "header";
    this.#whole(held, 0, this.#length);
    return at + n;
  }

  #whole(bytes: Buffer, from: number, to: number): void {
    if (!this.#sink.onFrame(this.#type, this.#flags, this.#streamId, bytes, from, to)) this.close();
  }

  #startData(padding: number): void {
    const isWrong = padding > this.#length;
    if (!this.#sink.onDataStart(this.#streamId, this.#flags, this.#length, isWrong ? -1 : padding)) {
      this.close();
      return;
    }
    this.#left = this.#length - padding;
    this.#skip = padding > 0 ? padding - 1 : 0;
    this.#state = "data";
    if (this.#left > 0) return;
    if (this.#skip > 0) this.#state = "skip";
    else if (padding > 0) this.#endSkip(none);
  }

  #data(bytes: Buffer, at: number, length: number): number {
    const n = Math.min(this.#left, length - at);
    this.#left -= n;
    const isEnd = this.#left === 0 && this.#skip === 0;
    if (this.#left === 0) this.#state = isEnd ? "header" : "skip";
    if (!this.#sink.onData(bytes, at, at + n, isEnd)) this.close();
    return at + n;
  }

  /** The end of padding is the end of its DATA frame. */
  #endSkip(bytes: Buffer): void {
    this.#state = "header";
    if (this.#type === FrameType.data && !this.#sink.onData(bytes, 0, 0, true)) this.close();
  }
}

const none = Buffer.alloc(0);
