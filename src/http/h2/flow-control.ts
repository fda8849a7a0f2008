import { maxInt31 } from "./frames.ts";

/** One side of flow control by bytes received: a stream, or the connection. */
export interface Receiver {
  /** Bytes the peer may still send. */
  receiveWindow: number;
  /** Bytes that were consumed and not announced yet. */
  consumed: number;
}

/** The peer sent `bytes`; false: more than it may (FLOW_CONTROL_ERROR). */
export function receive(receiver: Receiver, bytes: number): boolean {
  receiver.receiveWindow -= bytes;
  return receiver.receiveWindow >= 0;
}

/** `bytes` were consumed: the increment to announce now, 0 while it is less than half of the window. */
export function consume(receiver: Receiver, bytes: number, windowSize: number): number {
  const consumed = receiver.consumed + bytes;
  if (consumed < windowSize >>> 1) {
    receiver.consumed = consumed;
    return 0;
  }
  receiver.consumed = 0;
  receiver.receiveWindow += consumed;
  return consumed;
}

/** True when a window of `size` may grow by `increment` (RFC 9113 section 6.9.1). */
export function canGrow(size: number, increment: number): boolean {
  return size + increment <= maxInt31;
}

/** Bytes that wait, copied: behind a window that is shut, or for a sink that paused. Small pieces share a block. */
export class ByteQueue {
  length = 0;
  #blocks: Buffer[] = [];
  /** Where the first block begins, and where the last one ends. */
  #from = 0;
  #to = 0;

  push(bytes: Buffer): void {
    const size = bytes.length;
    if (size === 0) return;
    const last = this.#blocks.at(-1);
    let copied = 0;
    if (last !== undefined) {
      copied = Math.min(size, last.length - this.#to);
      bytes.copy(last, this.#to, 0, copied);
      this.#to += copied;
    }
    if (copied < size) {
      const rest = size - copied;
      const block = Buffer.allocUnsafeSlow(Math.max(rest, this.#blocks.length === 0 ? firstBlock : laterBlock));
      bytes.copy(block, 0, copied);
      this.#blocks.push(block);
      this.#to = rest;
    }
    this.length += size;
  }

  /** The first bytes, as many as stand together; empty when there are none. Valid until the queue is next touched. */
  peek(): Buffer {
    const first = this.#blocks[0];
    if (first === undefined) return none;
    return first.subarray(this.#from, this.#blocks.length === 1 ? this.#to : first.length);
  }

  /** Drops the first `size` bytes, no more than peek() showed. */
  skip(size: number): void {
    this.length -= size;
    this.#from += size;
    const end = this.#blocks.length === 1 ? this.#to : (this.#blocks[0] as Buffer).length;
    if (this.#from < end) return;
    this.#blocks.shift();
    this.#from = 0;
    if (this.#blocks.length === 0) this.#to = 0;
  }

  clear(): void {
    this.length = 0;
    this.#blocks = [];
    this.#from = 0;
    this.#to = 0;
  }
}

const none = Buffer.alloc(0);
const firstBlock = 2048;
const laterBlock = 16384;
