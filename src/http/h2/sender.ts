import type { HeaderBlock } from "../header-block.ts";
import { Known } from "../names.ts";
import type { AbuseLimits } from "./abuse.ts";
import { defaultMaxFrameSize, FrameFlag, FrameType, frameHeaderSize } from "./frames.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import type { FrameOutput } from "./output.ts";
import { type Http2Options, PeerSettings } from "./settings.ts";
import { copyBlock, type Http2Stream } from "./stream-state.ts";

/** The sending side of a connection: heads by HPACK, data by the windows, round robin among the streams that wait. */
export class FrameSender {
  readonly peer = new PeerSettings();
  readonly encoder: HpackEncoder;
  /** Bytes of DATA that the connection may send. */
  window = 65535;
  readonly #output: FrameOutput;
  readonly #abuse: AbuseLimits;
  /** END_STREAM of a stream was sent. */
  readonly #onLocalDone: (stream: Http2Stream) => void;
  readonly #watermark: number;
  #waiting: Http2Stream[] = [];
  #isPumping = false;
  /** The block under way: where it is written, and up to where. */
  #block: Buffer = none;
  #blockAt = 0;
  #isDirect = false;
  /** Of its names and values. */
  #fieldBytes = 0;

  /** `watermark`: bytes of output at which writers are told to stop. */
  constructor(
    options: Http2Options,
    output: FrameOutput,
    abuse: AbuseLimits,
    watermark: number,
    onLocalDone: (stream: Http2Stream) => void,
  ) {
    this.encoder = new HpackEncoder(options.hpackTableSize, options.usesHuffman);
    this.#output = output;
    this.#abuse = abuse;
    this.#watermark = watermark;
    this.#onLocalDone = onLocalDone;
  }

  /** Begins a header block of `block` and `pseudoBytes` bytes of names and values in front of it. */
  startBlock(block: HeaderBlock, pseudoBytes: number): void {
    let fieldBytes = 0;
    for (let i = 0; i < block.size; i++) {
      fieldBytes += (block.names[i] as string).length + (block.values[i] as string).length;
    }
    this.#fieldBytes = fieldBytes;
    const bound = pseudoBytes + blockSlack + fieldBytes + block.size * fieldSlack;
    this.#isDirect = bound <= defaultMaxFrameSize;
    if (this.#isDirect) {
      this.#output.reserve(frameHeaderSize + bound);
      this.#block = this.#output.chunk;
      this.#blockAt = this.#output.at + frameHeaderSize;
    } else {
      this.#block = Buffer.allocUnsafeSlow(bound);
      this.#blockAt = 0;
    }
    this.#blockAt = this.encoder.startBlock(this.#block, this.#blockAt);
  }

  field(name: string, value: string): void {
    this.#fieldBytes += name.length + value.length;
    this.#blockAt = this.encoder.encode(name, value, this.#block, this.#blockAt);
  }

  fields(block: HeaderBlock): void {
    const { names, values, ids, size } = block;
    let at = this.#blockAt;
    for (let i = 0; i < size; i++) {
      const name = names[i] as string;
      if (name !== "") at = this.encoder.encode(name, values[i] as string, this.#block, at, ids[i] as number);
    }
    this.#blockAt = at;
  }

  endBlock(stream: Http2Stream, endStream: boolean): void {
    const output = this.#output;
    let size = frameHeaderSize;
    const flags = endStream ? FrameFlag.endStream : 0;
    if (this.#isDirect) {
      const length = this.#blockAt - output.at - frameHeaderSize;
      size += length;
      output.endFrame(length, FrameType.headers, flags | FrameFlag.endHeaders, stream.id);
    } else {
      size = this.#blockAt + Math.max(1, Math.ceil(this.#blockAt / defaultMaxFrameSize)) * frameHeaderSize;
      for (let from = 0; from < this.#blockAt || from === 0; from += defaultMaxFrameSize) {
        const to = Math.min(this.#blockAt, from + defaultMaxFrameSize);
        const end = to === this.#blockAt ? FrameFlag.endHeaders : 0;
        const type = from === 0 ? FrameType.headers : FrameType.continuation;
        output.frame(type, from === 0 ? flags | end : end, stream.id, this.#block.subarray(from, to));
      }
    }
    this.#block = none;
    const { bytes } = stream;
    if (bytes === null || stream.isRestCounted) return;
    bytes.wireSent += size;
    bytes.headerSent += size;
    bytes.decompressedSent += this.#fieldBytes;
  }

  /** False: stop until onWritable. All of `bytes` was taken. */
  data(stream: Http2Stream, bytes: Buffer, endStream: boolean): boolean {
    if (stream.queuedBytes > 0) {
      stream.enqueue(bytes);
      if (endStream) countRest(stream);
      return this.#wait(stream);
    }
    const sent = this.#send(stream, bytes, endStream, bytes.length + 1);
    if (stream.isLocalDone) {
      this.#onLocalDone(stream);
      return true;
    }
    if (sent < bytes.length) {
      stream.enqueue(sent === 0 ? bytes : bytes.subarray(sent));
      if (endStream) countRest(stream);
      return this.#wait(stream);
    }
    return this.#output.bytes < this.#watermark || this.#wait(stream);
  }

  trailers(stream: Http2Stream, block: HeaderBlock): void {
    if (stream.queuedBytes > 0) {
      stream.queuedTrailers = copyBlock(block);
      countRest(stream);
      return;
    }
    this.#sendTrailers(stream, block);
  }

  /** Streams that were written to the end and of which nothing could be sent since `sinceMs`. */
  stalled(sinceMs: number): Http2Stream[] {
    return this.#waiting.filter((stream) => !stream.isClosed && stream.isWritten && stream.progressMs <= sinceMs);
  }

  /** A window opened, or output was taken: sends what waits, and tells those who may go on. */
  pump(): void {
    if (this.#waiting.length === 0 || this.#isPumping) return;
    this.#isPumping = true;
    const streams = this.#waiting;
    // The first one is another each time, for the windows may be so small that only one gets something.
    if (streams.length > 1) streams.push(streams.shift() as Http2Stream);
    while (this.#turn(streams)) {}
    this.#waiting = [];
    const ready: Http2Stream[] = [];
    const isFull = this.#output.bytes >= this.#watermark;
    for (const stream of streams) {
      if (stream.isClosed || stream.isLocalDone) stream.isWaiting = false;
      else if (isFull || stream.queuedBytes > 0) this.#waiting.push(stream);
      else {
        stream.isWaiting = false;
        ready.push(stream);
      }
    }
    this.#isPumping = false;
    for (const stream of ready) {
      if (stream.isClosed || !stream.isBackedUp) continue;
      stream.isBackedUp = false;
      stream.sink?.onWritable();
    }
  }

  /** One frame for each; false when none could send. */
  #turn(streams: readonly Http2Stream[]): boolean {
    let hasMore = false;
    for (const stream of streams) {
      const queue = stream.queue;
      if (queue === null || queue.length === 0 || stream.isClosed) continue;
      const piece = queue.peek();
      const isLast = stream.isWritten && stream.queuedTrailers === null && piece.length === queue.length;
      const sent = this.#send(stream, piece, isLast, 1);
      if (sent === 0) continue;
      queue.skip(sent);
      stream.progressMs = this.#abuse.nowMs;
      if (queue.length > 0) hasMore = true;
      else if (stream.queuedTrailers !== null) this.#sendTrailers(stream, stream.queuedTrailers);
      else if (stream.isLocalDone) this.#onLocalDone(stream);
    }
    return hasMore;
  }

  /** As many frames as the windows and the watermark allow, `maxFrames` at most; answers the bytes sent. */
  #send(stream: Http2Stream, bytes: Buffer, endStream: boolean, maxFrames: number): number {
    const output = this.#output;
    const total = bytes.length;
    let sent = 0;
    if (total === 0) {
      if (endStream) this.#dataFrame(stream, bytes, 0, 0, true);
      return 0;
    }
    for (let frames = 0; sent < total && frames < maxFrames; frames++) {
      const size = Math.min(total - sent, defaultMaxFrameSize, this.window, stream.sendWindow);
      if (size <= 0 || output.bytes >= this.#watermark) break;
      this.#dataFrame(stream, bytes, sent, size, endStream && sent + size === total);
      sent += size;
    }
    return sent;
  }

  #dataFrame(stream: Http2Stream, bytes: Buffer, from: number, size: number, endStream: boolean): void {
    const output = this.#output;
    output.reserve(frameHeaderSize + size);
    if (size > 0) bytes.copy(output.chunk, output.at + frameHeaderSize, from, from + size);
    output.endFrame(size, FrameType.data, endStream ? FrameFlag.endStream : 0, stream.id);
    if (stream.bytes !== null && !stream.isRestCounted) stream.bytes.wireSent += size + frameHeaderSize;
    this.window -= size;
    stream.sendWindow -= size;
    this.#abuse.onDataSent();
    if (endStream) stream.isLocalDone = true;
  }

  #sendTrailers(stream: Http2Stream, block: HeaderBlock): void {
    stream.queuedTrailers = null;
    dropConnectionFields(block);
    this.startBlock(block, 0);
    this.fields(block);
    this.endBlock(stream, true);
    stream.isLocalDone = true;
    this.#onLocalDone(stream);
  }

  #wait(stream: Http2Stream): false {
    if (!stream.isWritten) stream.isBackedUp = true;
    if (!stream.isWaiting) {
      stream.isWaiting = true;
      stream.progressMs = this.#abuse.nowMs;
      this.#waiting.push(stream);
    }
    return false;
  }
}

/** As if it went out in whole frames, and trailers without compression. */
function countRest(stream: Http2Stream): void {
  const { bytes, queuedBytes, queuedTrailers } = stream;
  if (bytes === null) return;
  stream.isRestCounted = true;
  bytes.wireSent += queuedBytes + Math.ceil(queuedBytes / defaultMaxFrameSize) * frameHeaderSize;
  if (queuedTrailers === null) return;
  const size = queuedTrailers.byteSize();
  bytes.wireSent += size + frameHeaderSize;
  bytes.headerSent += size + frameHeaderSize;
  bytes.decompressedSent += size;
}

/** Takes out what HTTP/2 has no place for (RFC 9113 section 8.2.2). */
export function dropConnectionFields(block: HeaderBlock): void {
  for (let i = 0; i < connectionFields.length; i++) {
    const id = connectionFields[i] as number;
    if (block.has(id)) block.remove(connectionNames[i] as string, id);
  }
  if (block.has(teId) && (block.get(teId) as string).toLowerCase() !== "trailers") block.remove("te", teId);
}

const connectionNames = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "host",
] as const;
const connectionFields: readonly number[] = connectionNames.map((name) => Known[name]);
const teId = Known.te;
const none = Buffer.alloc(0);
// Table size updates, and the integers in front of a name and a value.
const blockSlack = 128;
const fieldSlack = 16;
