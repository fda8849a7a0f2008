import type { BodyChunk, DataStatus, HeadersStatus } from "../filters/api.ts";
import type { ChainEntry, HookLists } from "./filter-chain.ts";

/** The calls of one direction: how an entry's hooks are called, and where the message goes behind the last filter. */
export interface Direction<Head, Trailers> {
  callHead(entry: ChainEntry, head: Head, endStream: boolean): HeadersStatus;
  callData(entry: ChainEntry, chunk: BodyChunk, endStream: boolean): DataStatus;
  callTrailers(entry: ChainEntry, trailers: Trailers): DataStatus;
  deliverHead(head: Head, endStream: boolean): void;
  deliverData(bytes: Buffer, endStream: boolean): void;
  deliverTrailers(trailers: Trailers): void;
  /** More than the buffer limit is held: 413, 500, or a pause (Envoy: buffer limit and watermark). */
  onBufferFull(isWatermark: boolean): void;
  /** The buffer is empty again after a pause. */
  onBufferDrained(): void;
  /** False once the stream was answered or ended: the walk stops. */
  readonly isLive: boolean;
}

/**
 * Walks one message through the filters of one direction, with Envoy's stop rules (FilterManager):
 *
 *     running -> stopped at a filter by its head hook   (StopIteration: its data hook still runs; StopAll*: nothing does)
 *             -> stopped at a filter by its data hook   (what comes is buffered, or kept by the filter itself)
 *     stopped -> running by resume(slot), or by a data hook that answers Continue
 */
export class Iteration<Head, Trailers> {
  readonly #direction: Direction<Head, Trailers>;
  readonly #isReverse: boolean;
  #lists: HookLists = none;
  /** The slot that stopped the walk, -1 when it runs. */
  #stopSlot = -1;
  #stop: "head" | "all" | "data" = "head";
  #isWatermark = false;
  #head: Head | null = null;
  #headEnd = false;
  #isHeadDelivered = false;
  #buffer: Buffer[] = [];
  #buffered = 0;
  #isEnded = false;
  #trailers: Trailers | null = null;
  /** The filter in front of the one that stopped the walk which holds the trailers, -1 for none. */
  #trailersSlot = -1;
  #isPaused = false;
  /** What a data hook is given, one for all. */
  readonly #chunk: BodyChunk = { bytes: empty };
  /** A filter stopped it since begin(). */
  wasStopped = false;
  bufferLimit = 0;

  constructor(direction: Direction<Head, Trailers>, isReverse: boolean) {
    this.#direction = direction;
    this.#isReverse = isReverse;
  }

  begin(lists: HookLists, bufferLimit: number): void {
    this.#lists = lists;
    this.#stopSlot = -1;
    this.#head = null;
    this.#headEnd = false;
    this.#isHeadDelivered = false;
    if (this.#buffer.length > 0) this.#buffer = [];
    this.#buffered = 0;
    this.#isEnded = false;
    this.#trailers = null;
    this.#trailersSlot = -1;
    this.#isPaused = false;
    this.wasStopped = false;
    this.bufferLimit = bufferLimit;
  }

  /** Other filters behind the one that stopped the walk. */
  use(lists: HookLists): void {
    this.#lists = lists;
  }

  head(head: Head, endStream: boolean): void {
    if (this.#lists.head.length === 0) {
      this.#isHeadDelivered = true;
      this.#direction.deliverHead(head, endStream);
      return;
    }
    this.#head = head;
    this.#headEnd = endStream;
    this.#walkHead(0);
  }

  data(bytes: Buffer, endStream: boolean): void {
    if (this.#stopSlot < 0 && this.#lists.data.length === 0) this.#direction.deliverData(bytes, endStream);
    else this.#walkData(0, bytes, endStream);
  }

  trailers(trailers: Trailers): void {
    this.#walkTrailers(0, trailers);
  }

  /** The filter in `slot`, in its trailers hook, has more body to send in front of them. */
  add(slot: number, bytes: Buffer): void {
    if (!this.#direction.isLive) return;
    if (this.#stopSlot === slot) this.#hold(bytes, this.#isWatermark);
    else this.#walkData(this.#after(this.#lists.data, slot), bytes, false);
  }

  inject(slot: number, bytes: Buffer, endStream: boolean): void {
    if (!this.#direction.isLive) return;
    const isStopper = this.#stopSlot === slot;
    if (isStopper) {
      this.#stopSlot = -1;
      // It ends here for those behind, whenever it ended for the filter.
      this.#isEnded = false;
      if (!this.#isHeadDelivered) this.#walkHead(this.#after(this.#lists.head, slot));
    }
    if (!this.#direction.isLive) return;
    this.#walkData(this.#after(this.#lists.data, slot), bytes, endStream);
    if (isStopper && this.#stopSlot < 0 && !endStream) this.#stopSlot = slot;
  }

  end(slot: number, trailers: Trailers): void {
    if (!this.#direction.isLive) return;
    if (this.#stopSlot === slot) this.#stopSlot = -1;
    if (!this.#isHeadDelivered && this.#stopSlot < 0) this.#walkHead(this.#after(this.#lists.head, slot));
    if (this.#direction.isLive) this.#walkTrailers(this.#after(this.#lists.trailers, slot), trailers);
  }

  /** What is held for a filter that stopped the walk. */
  get held(): readonly Buffer[] {
    return this.#buffer;
  }

  /** Bytes of it. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Nothing of the message goes on: another one comes in its place. */
  forget(): void {
    this.#stopSlot = -1;
    this.#buffer = [];
    this.#buffered = 0;
    this.#isEnded = false;
    this.#trailers = null;
    this.#trailersSlot = -1;
  }

  /** The filter in `slot` lets the message go on (Envoy: continueDecoding, continueEncoding). */
  resume(slot: number): void {
    if (!this.#direction.isLive) return;
    if (this.#stopSlot !== slot) {
      if (this.#trailersSlot !== slot) return;
      this.#trailersSlot = -1;
      this.#walkTrailers(this.#after(this.#lists.trailers, slot), this.#trailers as Trailers);
      return;
    }
    const wasAll = this.#stop === "all";
    this.#stopSlot = -1;
    if (!this.#isHeadDelivered) this.#walkHead(this.#after(this.#lists.head, slot));
    if (!this.#direction.isLive) return;
    const held = this.#buffered > 0 ? Buffer.concat(this.#buffer, this.#buffered) : null;
    const heldBy = this.#trailersSlot;
    const trailers = heldBy < 0 ? this.#trailers : null;
    const isEnded = this.#isEnded;
    this.#buffer = [];
    this.#buffered = 0;
    if (heldBy < 0) this.#trailers = null;
    // After StopAll* the filter itself has not seen the body yet.
    const from = wasAll ? this.#at(this.#lists.data, slot) : this.#after(this.#lists.data, slot);
    if (held !== null || (isEnded && trailers === null && !this.#headEnd)) {
      this.#walkData(from, held ?? empty, isEnded && trailers === null);
    }
    if (heldBy >= 0 && this.#stopSlot < 0) {
      this.#stopSlot = heldBy;
      this.#stop = "data";
      this.#trailersSlot = -1;
    } else if (trailers !== null && this.#direction.isLive) {
      const list = this.#lists.trailers;
      this.#walkTrailers(wasAll ? this.#at(list, slot) : this.#after(list, slot), trailers);
    }
    if (this.#isPaused && this.#buffered <= this.bufferLimit) {
      this.#isPaused = false;
      this.#direction.onBufferDrained();
    }
  }

  #walkHead(from: number): void {
    const list = this.#lists.head;
    const head = this.#head as Head;
    for (let i = from; i < list.length; i++) {
      const entry = list[i] as ChainEntry;
      const status = this.#direction.callHead(entry, head, this.#headEnd);
      if (!this.#direction.isLive) return;
      if (status !== 0) {
        this.wasStopped = true;
        this.#stopSlot = entry.slot;
        this.#stop = status === 1 ? "head" : "all";
        this.#isWatermark = status === 3;
        return;
      }
    }
    this.#isHeadDelivered = true;
    this.#direction.deliverHead(head, this.#headEnd);
  }

  #walkData(from: number, given: Buffer, endStream: boolean): void {
    const list = this.#lists.data;
    const chunk = this.#chunk;
    let bytes = given;
    for (let i = from; i < list.length; i++) {
      const entry = list[i] as ChainEntry;
      if (this.#isHeldBefore(entry.slot)) break;
      chunk.bytes = bytes;
      const status = this.#direction.callData(entry, chunk, endStream);
      if (!this.#direction.isLive) return;
      bytes = chunk.bytes;
      if (status === 0) {
        if (entry.slot === this.#stopSlot) {
          this.#hold(bytes, false);
          if (endStream) this.#isEnded = true;
          this.resume(entry.slot);
          return;
        }
        continue;
      }
      if (this.#stopSlot < 0) {
        this.wasStopped = true;
        this.#stopSlot = entry.slot;
        this.#stop = "data";
      }
      // One in front of the stopper that keeps the bytes tells of the end itself (inject).
      if (endStream && (status !== 3 || this.#stopSlot === entry.slot)) this.#isEnded = true;
      if (status !== 3) this.#hold(bytes, status === 2);
      return;
    }
    if (this.#stopSlot >= 0) {
      if (endStream) this.#isEnded = true;
      this.#hold(bytes, this.#isWatermark);
      return;
    }
    // A filter may keep it all for itself.
    if (bytes.length > 0 || endStream) this.#direction.deliverData(bytes, endStream);
  }

  #walkTrailers(from: number, trailers: Trailers): void {
    const list = this.#lists.trailers;
    for (let i = from; i < list.length; i++) {
      const entry = list[i] as ChainEntry;
      if (this.#isHeldBefore(entry.slot)) break;
      const status = this.#direction.callTrailers(entry, trailers);
      if (!this.#direction.isLive) return;
      if (status === 0) {
        if (entry.slot === this.#stopSlot) {
          this.#trailers = trailers;
          this.resume(entry.slot);
          return;
        }
        continue;
      }
      this.#trailers = trailers;
      if (this.#stopSlot < 0) {
        this.wasStopped = true;
        this.#stopSlot = entry.slot;
        this.#stop = "data";
      } else if (this.#stopSlot !== entry.slot) this.#trailersSlot = entry.slot;
      return;
    }
    if (this.#stopSlot < 0) this.#direction.deliverTrailers(trailers);
    else this.#trailers = trailers;
  }

  #hold(bytes: Buffer, isWatermark: boolean): void {
    if (bytes.length === 0) return;
    this.#buffer.push(Buffer.from(bytes));
    this.#buffered += bytes.length;
    if (this.#buffered <= this.bufferLimit || (isWatermark && this.#isPaused)) return;
    if (isWatermark) this.#isPaused = true;
    this.#direction.onBufferFull(isWatermark);
  }

  /** Body and trailers do not come to the filter in `slot`: one in front of it, or its own head hook, stopped them. */
  #isHeldBefore(slot: number): boolean {
    const stopSlot = this.#stopSlot;
    if (stopSlot < 0) return false;
    return slot === stopSlot ? this.#stop === "all" : this.#isBehind(slot, stopSlot);
  }

  #isBehind(slot: number, other: number): boolean {
    return this.#isReverse ? slot < other : slot > other;
  }

  #at(list: readonly ChainEntry[], slot: number): number {
    let i = 0;
    while (i < list.length && this.#isBehind(slot, (list[i] as ChainEntry).slot)) i++;
    return i;
  }

  #after(list: readonly ChainEntry[], slot: number): number {
    let i = 0;
    while (i < list.length && !this.#isBehind((list[i] as ChainEntry).slot, slot)) i++;
    return i;
  }
}

const empty = Buffer.alloc(0);
const none: HookLists = { head: [], data: [], trailers: [] };
