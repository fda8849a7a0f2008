import type { ByteCounts } from "../byte-counts.ts";
import type { RequestSink, StreamReset } from "../codec.ts";
import { HeaderBlock } from "../header-block.ts";
import { ByteQueue, type Receiver } from "./flow-control.ts";
import type { HeadPool } from "./message-head.ts";

/** What a stream's owner hears behind the head: the common part of RequestSink and ResponseSink. */
export type StreamSink = Pick<RequestSink, "onData" | "onTrailers" | "onReset" | "onWritable">;

/** What a stream asks of its connection. */
export interface StreamOwner {
  writeData(stream: Http2Stream, bytes: Buffer, endStream: boolean): boolean;
  writeTrailers(stream: Http2Stream, trailers: HeaderBlock): void;
  resetByOwner(stream: Http2Stream, reason: StreamReset): void;
  /** The last pause is over. */
  onResume(stream: Http2Stream): void;
}

/**
 * One stream of a connection, both directions (RFC 9113 section 5.1). It is never reused: a writer that was kept too long
 * does nothing.
 *
 *     open ─(END_STREAM from one side)─▶ half-closed ─(from the other)─▶ closed          RST_STREAM from any side ─▶ closed
 */
export abstract class Http2Stream implements Receiver {
  /** 0 before a client's stream has its head written. */
  id = 0;
  readonly owner: StreamOwner;
  /** null when nothing is told any more. */
  sink: StreamSink | null = null;
  /** Where its frames of heads and data are counted; null for nobody, and when the owner is done with the stream. */
  bytes: ByteCounts | null = null;
  /** What waits to be sent is counted: the owner has written its last, and may be gone before it is sent. */
  isRestCounted = false;
  isClosed = false;
  /** END_STREAM came, or our own was sent. */
  isRemoteDone = false;
  isLocalDone = false;
  /** The final head came (a client's stream), or was sent (a server's). */
  isHeadDone = false;
  /** The owner wrote its last: endStream, trailers or a reset. It may still wait in `queue`. */
  isWritten = false;
  receiveWindow = 0;
  consumed = 0;
  sendWindow = 0;
  /** Bytes of data that content-length promised, -1 for none, and what came. */
  expectedLength = -1;
  receivedLength = 0;
  beginMs = 0;
  pauses = 0;
  /** What came while the sink paused. */
  held: ByteQueue | null = null;
  isEndHeld = false;
  heldTrailers: HeaderBlock | null = null;
  isDeliveryPlanned = false;
  /** What waits for a window or for the transport. */
  queue: ByteQueue | null = null;
  queuedTrailers: HeaderBlock | null = null;
  /** In the connection's list of those who wait. */
  isWaiting = false;
  /** The owner was told false and hears onWritable. */
  isBackedUp = false;
  /** When something of the queue was last sent, or put into it. */
  progressMs = 0;
  #trailers: HeaderBlock | null = null;

  constructor(owner: StreamOwner) {
    this.owner = owner;
  }

  writeData(bytes: Buffer, endStream: boolean): boolean {
    if (this.isClosed || this.isWritten) return true;
    if (endStream) this.isWritten = true;
    return this.owner.writeData(this, bytes, endStream);
  }

  writeTrailers(trailers: HeaderBlock): void {
    if (this.isClosed || this.isWritten) return;
    this.isWritten = true;
    this.owner.writeTrailers(this, trailers);
  }

  /** The stream ends with RST_STREAM; the sink hears nothing more. */
  reset(reason: StreamReset): void {
    this.owner.resetByOwner(this, reason);
  }

  pauseReading(): void {
    this.pauses++;
  }

  resumeReading(): void {
    if (this.pauses > 0 && --this.pauses === 0) this.owner.onResume(this);
  }

  /** A block to read trailers into. */
  takeTrailers(heads: HeadPool): HeaderBlock {
    const block = this.#trailers ?? heads.takeTrailers();
    this.#trailers = block;
    return block;
  }

  protected giveTrailers(heads: HeadPool): void {
    const block = this.#trailers;
    this.#trailers = null;
    if (block !== null) heads.giveTrailers(block);
  }

  get isHolding(): boolean {
    return this.isEndHeld || this.heldTrailers !== null || (this.held !== null && this.held.length > 0);
  }

  hold(bytes: Buffer, endStream: boolean): void {
    if (this.held === null) this.held = new ByteQueue();
    this.held.push(bytes);
    if (endStream) this.isEndHeld = true;
  }

  enqueue(bytes: Buffer): void {
    if (this.queue === null) this.queue = new ByteQueue();
    this.queue.push(bytes);
  }

  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.length;
  }
}

/** A copy of trailers that must wait: the caller's are only lent. */
export function copyBlock(block: HeaderBlock): HeaderBlock {
  const copy = new HeaderBlock();
  for (let i = 0; i < block.size; i++) {
    if (block.names[i] !== "") copy.append(block.names[i] as string, block.values[i] as string);
  }
  return copy;
}

/** How a stream that is no more came to its end: unknown is a whole message, or long ago. */
export const StreamEnd = { unknown: 0, resetByUs: 1, resetByPeer: 2 } as const;

/** The last streams that were reset, so that frames which were on their way are told from those that break the protocol. */
export class ClosedStreams {
  #ids: Int32Array = noIds;
  #ends: Uint8Array = new Uint8Array(0);
  #next = 0;

  add(id: number, end: number): void {
    if (this.#ids === noIds) {
      this.#ids = new Int32Array(remembered);
      this.#ends = new Uint8Array(remembered);
    }
    this.#ids[this.#next] = id;
    this.#ends[this.#next] = end;
    this.#next = (this.#next + 1) % remembered;
  }

  find(id: number): number {
    if (this.#ids === noIds) return StreamEnd.unknown;
    // From the newest: one reset by the peer may have been reset by us since.
    for (let i = this.#next + remembered - 1; i >= this.#next; i--) {
      if (this.#ids[i % remembered] === id) return this.#ends[i % remembered] as number;
    }
    return StreamEnd.unknown;
  }
}

// Frames for a stream that was reset come for one round trip: a busy connection resets less than this in one.
const remembered = 256;
const noIds = new Int32Array(0);
