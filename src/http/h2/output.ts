import { frameHeaderSize, writeFrameHeader, writeUint32 } from "./frames.ts";

/** Lends the memory that frames are written to, in pieces of 32 KiB or more; one per thread is enough. */
export interface ChunkPool {
  take(): Buffer;
}

/** Frames ready for the transport: the first `length` bytes of `chunk`, which is the taker's to give back to the pool. */
export interface OutputPiece {
  readonly chunk: Buffer;
  readonly length: number;
}

/** The frames that wait for the owner to take them. */
export class FrameOutput {
  /** Where to write: at `at` after reserve(). */
  chunk: Buffer = none;
  at = 0;
  /** Bytes that wait, the frames among them, and of those the ones written by control(). */
  bytes = 0;
  frames = 0;
  controlFrames = 0;
  readonly #full: FullPiece[] = [];
  /** Those of the current chunk. */
  #chunkFrames = 0;
  #chunkControlFrames = 0;
  readonly #pool: ChunkPool;
  readonly #onOutput: () => void;

  /** `onOutput` is called whenever there is something to take after there was nothing. */
  constructor(pool: ChunkPool, onOutput: () => void) {
    this.#pool = pool;
    this.#onOutput = onOutput;
  }

  /** Room for `size` bytes at chunk[at]: a frame at most. */
  reserve(size: number): void {
    if (this.at + size <= this.chunk.length) return;
    if (this.at > 0) this.#full.push(this.#endChunk());
    this.chunk = this.#pool.take();
    this.at = 0;
  }

  /** Ends a frame whose payload of `length` bytes stands at at + 9. */
  endFrame(length: number, type: number, flags: number, streamId: number): void {
    writeFrameHeader(this.chunk, this.at, length, type, flags, streamId);
    this.frames++;
    this.#chunkFrames++;
    this.#advance(frameHeaderSize + length);
  }

  /** A frame that is written in one go. */
  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.reserve(frameHeaderSize + payload.length);
    this.chunk.set(payload, this.at + frameHeaderSize);
    this.endFrame(payload.length, type, flags, streamId);
  }

  /** A frame that a peer can make us send at will: an acknowledgement, RST_STREAM. */
  control(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.reserve(frameHeaderSize + payload.length);
    this.controlFrames++;
    this.#chunkControlFrames++;
    this.frame(type, flags, streamId, payload);
  }

  /** A frame whose payload is one number of 32 bits. */
  number(type: number, streamId: number, value: number, isControl: boolean): void {
    this.reserve(frameHeaderSize + 4);
    writeUint32(this.chunk, this.at + frameHeaderSize, value);
    if (isControl) {
      this.controlFrames++;
      this.#chunkControlFrames++;
    }
    this.endFrame(4, type, 0, streamId);
  }

  /** Bytes that are no frame. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.chunk.set(bytes, this.at);
    this.#advance(bytes.length);
  }

  /** The oldest piece, null when there is none. */
  take(): OutputPiece | null {
    const piece = this.#full.shift() ?? (this.at === 0 ? null : this.#endChunk());
    if (piece === null) return null;
    this.bytes -= piece.length;
    this.frames -= piece.frames;
    this.controlFrames -= piece.controlFrames;
    return piece;
  }

  #advance(size: number): void {
    this.at += size;
    this.bytes += size;
    if (this.bytes === size) this.#onOutput();
  }

  #endChunk(): FullPiece {
    const piece = {
      chunk: this.chunk,
      length: this.at,
      frames: this.#chunkFrames,
      controlFrames: this.#chunkControlFrames,
    };
    this.chunk = none;
    this.at = 0;
    this.#chunkFrames = 0;
    this.#chunkControlFrames = 0;
    return piece;
  }
}

interface FullPiece extends OutputPiece {
  readonly frames: number;
  readonly controlFrames: number;
}

/** A pool that keeps a bounded number of chunks. */
export class Chunks implements ChunkPool {
  readonly #idle: Buffer[] = [];

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(chunkSize);
  }

  give(chunk: Buffer): void {
    if (this.#idle.length < maxIdle) this.#idle.push(chunk);
  }
}

const none = Buffer.alloc(0);
// Four whole DATA frames and some heads.
const chunkSize = 65536 + 4096;
const maxIdle = 64;
