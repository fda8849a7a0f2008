import { StreamReset } from "../codec.ts";
import type { HeaderBlock } from "../header-block.ts";
import { AbuseLimits } from "./abuse.ts";
import type { Http2Counters } from "./counters.ts";
import { consume, type Receiver } from "./flow-control.ts";
import { ErrorCode, FrameType, writeUint32 } from "./frames.ts";
import type { HeadPool } from "./message-head.ts";
import { type ChunkPool, FrameOutput, type OutputPiece } from "./output.ts";
import { FrameSender } from "./sender.ts";
import { type Http2Options, settingsPayload } from "./settings.ts";
import { ClosedStreams, type Http2Stream, StreamEnd, type StreamOwner } from "./stream-state.ts";
import { StreamTable } from "./stream-table.ts";

/** What a codec asks of, and tells, the connection that owns it. Events of streams go to their sinks. */
export interface Http2Callbacks {
  /** There is output where there was none: take it at the end of the event-loop turn. */
  onOutput(): void;
  /** Take the output now if the transport has room: the peer asks for more answers than may wait. */
  flush(): void;
  /** The peer does not read what it asks for: read no more from the transport, until resumeInput. Never twice in a row. */
  pauseInput(): void;
  resumeInput(): void;
  /**
   * The connection is lost by the peer's fault. Every stream was reset and nothing more is read; a GOAWAY with the last
   * stream id is in the output: send it, half-close, and linger. `detail` is in Envoy's words.
   */
  onConnectionError(code: number, detail: string): void;
  /** The peer goes away: no new stream; those above `lastStreamId` that we opened were reset as refused before. */
  onGoAway(code: number, lastStreamId: number): void;
  /** The answer to sendPing. */
  onPingAck(): void;
  /** The peer's SETTINGS: how many streams it takes may have changed. */
  onSettings(): void;
  /** A stream is over in both directions; activeStreams is already without it. */
  onStreamClosed(): void;
}

/** What connections of one listener or cluster share. */
export interface Http2Shared {
  readonly options: Http2Options;
  readonly counters: Http2Counters;
  readonly heads: HeadPool;
  readonly chunks: ChunkPool;
  /** Milliseconds, of a clock that only goes forward; it may stand still during an event-loop turn. */
  now(): number;
}

/** The streams of a connection, what is sent, and how streams and the connection end. What comes in is Http2Connection's. */
export abstract class ConnectionCore implements StreamOwner, Receiver {
  /** Bytes of DATA that the peer may send on the connection, and those consumed and not announced. */
  receiveWindow: number;
  consumed = 0;
  /** Nothing more is read: the connection failed or ended. */
  isClosed = false;
  protected readonly shared: Http2Shared;
  protected readonly options: Http2Options;
  protected readonly counters: Http2Counters;
  protected readonly callbacks: Http2Callbacks;
  protected readonly abuse: AbuseLimits;
  protected readonly sender: FrameSender;
  protected readonly output: FrameOutput;
  protected readonly isServer: boolean;
  protected readonly streams = new StreamTable();
  protected readonly closedStreams = new ClosedStreams();
  /** The last stream id that the peer opened, for GOAWAY. */
  protected lastPeerStreamId = 0;
  protected areSettingsAcknowledged = false;
  readonly #watermark: number;
  #isInputPaused = false;
  readonly #planned: Http2Stream[] = [];
  readonly #deliverPlanned = (): void => this.#deliverHeld();

  constructor(shared: Http2Shared, callbacks: Http2Callbacks, watermark: number, isServer: boolean) {
    const { options, counters } = shared;
    this.shared = shared;
    this.options = options;
    this.counters = counters;
    this.callbacks = callbacks;
    this.isServer = isServer;
    this.#watermark = watermark;
    if (isServer) counters.nghttp2_downstream_connections++;
    else counters.nghttp2_upstream_connections++;
    this.abuse = new AbuseLimits(options, counters, shared.now);
    this.output = new FrameOutput(shared.chunks, () => callbacks.onOutput());
    this.sender = new FrameSender(options, this.output, this.abuse, watermark, (stream) => this.onLocalDone(stream));
    this.receiveWindow = Math.max(options.connectionWindow, defaultWindow);
  }

  /** Our side's first frames; called once, in front of all else. */
  protected start(preface: Uint8Array): void {
    const output = this.output;
    if (preface.length > 0) output.raw(preface);
    output.frame(FrameType.settings, 0, 0, settingsPayload(this.options, this.isServer));
    const more = this.receiveWindow - defaultWindow;
    if (more > 0) output.number(FrameType.windowUpdate, 0, more, false);
  }

  /** Streams that are not over. */
  get activeStreams(): number {
    return this.streams.size;
  }

  /** Bytes of frames that wait to be taken. */
  get outputBytes(): number {
    return this.output.bytes;
  }

  /** The next piece for the transport, null when there is none. Call it until null, or until the transport is full. */
  takeOutput(): OutputPiece | null {
    return this.output.take();
  }

  /** The output was taken and the transport has room: data that waited is written, onWritable told. */
  onDrain(): void {
    this.sender.pump();
    if (!this.#isInputPaused || this.output.bytes >= this.#watermark) return;
    this.#isInputPaused = false;
    this.callbacks.resumeInput();
  }

  /** A PING with our mark; the owner keeps the time until onPingAck. */
  sendPing(): void {
    if (!this.isClosed) this.output.frame(FrameType.ping, 0, 0, pingMark);
  }

  /**
   * Resets streams whose writer is done but whose last bytes the peer has not let out for `limitMs` (Envoy's
   * stream_flush_timeout): the owner of such a stream knows no more of it. To be called now and then.
   */
  resetStalled(limitMs: number): void {
    const nowMs = this.abuse.nowMs;
    for (const stream of this.sender.stalled(nowMs - limitMs)) {
      this.counters.tx_flush_timeout++;
      const sink = stream.sink;
      this.resetByOwner(stream, StreamReset.localReset);
      sink?.onReset(StreamReset.localReset, "stream_flush_timeout");
    }
  }

  /** Heads are written whatever waits. A peer that does not read them is not read from either. */
  protected limitInput(): void {
    if (this.#isInputPaused || this.isClosed || this.output.bytes < this.#watermark * 4) return;
    this.#isInputPaused = true;
    this.callbacks.pauseInput();
  }

  // From the streams.

  writeData(stream: Http2Stream, bytes: Buffer, endStream: boolean): boolean {
    return this.sender.data(stream, bytes, endStream);
  }

  writeTrailers(stream: Http2Stream, trailers: HeaderBlock): void {
    this.sender.trailers(stream, trailers);
  }

  resetByOwner(stream: Http2Stream, reason: StreamReset): void {
    const isOpen = !stream.isClosed;
    if (isOpen && stream.id > 0) this.writeReset(stream.id, this.codeOf(reason));
    this.dropReceived(stream);
    this.closeStream(stream, StreamEnd.resetByUs, false);
    if (isOpen) this.callbacks.onStreamClosed();
  }

  /** What was held is told in a microtask, for the caller may be anywhere. */
  onResume(stream: Http2Stream): void {
    if (!stream.isHolding || stream.isDeliveryPlanned) return;
    stream.isDeliveryPlanned = true;
    this.#planned.push(stream);
    if (this.#planned.length === 1) queueMicrotask(this.#deliverPlanned);
  }

  /** The RST_STREAM code for a reason of ours. */
  protected abstract codeOf(reason: StreamReset): number;
  /** END_STREAM of a stream was sent. */
  protected abstract onLocalDone(stream: Http2Stream): void;
  /** Nothing that follows is to be read. */
  protected abstract stopReading(): void;

  /** The connection cannot go on. Always false. */
  protected fail(code: number, detail: string): false {
    if (this.isClosed) return false;
    const text = detail === "" ? this.abuse.detail : detail;
    this.stopReading();
    this.writeGoAway(this.lastPeerStreamId, code, text);
    this.end(StreamReset.protocolError, this.isServer ? codecDetail(text) : text);
    this.callbacks.onConnectionError(code, text);
    return false;
  }

  /** A stream ends by the peer's fault. False when the connection does so too. */
  protected failStream(stream: Http2Stream, code: number, reason: StreamReset, detail: string): boolean {
    this.writeReset(stream.id, code);
    return this.abortStream(stream, StreamEnd.resetByUs, reason, detail) && this.chargeReset();
  }

  /** The same for a message that is malformed, which may be the connection's end. */
  protected failMessage(stream: Http2Stream, detail: string): boolean {
    this.counters.rx_messaging_error++;
    if (!this.options.streamErrorOnInvalidMessage) return this.fail(ErrorCode.protocolError, detail);
    return this.failStream(stream, ErrorCode.protocolError, StreamReset.protocolError, detail);
  }

  /** The stream is no more, and its sink is told so. False when that is the connection's end. */
  protected abortStream(stream: Http2Stream, end: number, reason: StreamReset, detail: string): boolean {
    const sink = stream.sink;
    this.dropReceived(stream);
    const isSuffered = this.closeStream(stream, end, !stream.isLocalDone);
    sink?.onReset(reason, detail);
    this.callbacks.onStreamClosed();
    return isSuffered || this.fail(ErrorCode.enhanceYourCalm, "");
  }

  /** The peer made a stream end: of a client, only so many are suffered. */
  protected chargeReset(): boolean {
    return !this.isServer || this.abuse.onReset() || this.fail(ErrorCode.enhanceYourCalm, "");
  }

  /** Ends all streams and the reading. */
  protected end(reason: StreamReset, detail: string): void {
    this.isClosed = true;
    this.stopReading();
    const streams = this.streams.all();
    this.streams.clear();
    this.counters.streams_active -= streams.length;
    for (const stream of streams) {
      const sink = stream.sink;
      this.dropReceived(stream);
      stream.isClosed = true;
      stream.queue?.clear();
      sink?.onReset(reason, detail);
    }
  }

  protected writeReset(streamId: number, code: number): void {
    this.counters.tx_reset++;
    this.output.number(FrameType.rstStream, streamId, code, true);
  }

  protected writeGoAway(lastStreamId: number, code: number, debug: string): void {
    const payload = Buffer.alloc(8 + Math.min(debug.length, 128));
    writeUint32(payload, 0, lastStreamId);
    writeUint32(payload, 4, code);
    payload.latin1Write(debug, 8);
    this.output.frame(FrameType.goAway, 0, 0, payload);
    // Envoy counts those that say nothing of an error.
    if (code === ErrorCode.noError) this.counters.goaway_sent++;
  }

  protected addStream(stream: Http2Stream, id: number): void {
    stream.id = id;
    stream.beginMs = this.abuse.nowMs;
    this.abuse.onStreamBegin();
    stream.sendWindow = this.sender.peer.initialWindow;
    stream.receiveWindow = this.streamWindow;
    this.streams.add(stream);
    this.counters.streams_active++;
  }

  /** Takes a stream out of the books; false when it was one premature reset too many. */
  protected closeStream(stream: Http2Stream, end: number, isPremature: boolean): boolean {
    if (stream.isClosed) return true;
    stream.isClosed = true;
    stream.queue?.clear();
    stream.queuedTrailers = null;
    if (!this.streams.remove(stream)) return true;
    this.counters.streams_active--;
    if (end !== StreamEnd.unknown) this.closedStreams.add(stream.id, end);
    return !this.isServer || this.abuse.onStreamEnd(isPremature, stream.beginMs);
  }

  /** END_STREAM came; true when the stream is over by it: tell onStreamClosed behind its last event. */
  protected onRemoteDone(stream: Http2Stream): boolean {
    stream.isRemoteDone = true;
    if (!stream.isLocalDone) return false;
    this.closeStream(stream, StreamEnd.unknown, false);
    return true;
  }

  /** What a receiver may get at most: what the peer may send before it knows our SETTINGS, or after. */
  protected get streamWindow(): number {
    const window = this.options.streamWindow;
    return this.areSettingsAcknowledged ? window : Math.max(window, defaultWindow);
  }

  protected consumeConnection(bytes: number): void {
    const increment = consume(this, bytes, Math.max(this.options.connectionWindow, defaultWindow));
    if (increment > 0) this.output.number(FrameType.windowUpdate, 0, increment, false);
  }

  protected consumeStream(stream: Http2Stream, bytes: number): void {
    if (stream.isRemoteDone || stream.isClosed) return;
    const increment = consume(stream, bytes, this.options.streamWindow);
    if (increment > 0) this.output.number(FrameType.windowUpdate, stream.id, increment, false);
  }

  /** Nothing more is told of the stream; what is held for it is as good as consumed. */
  protected dropReceived(stream: Http2Stream): void {
    stream.sink = null;
    stream.isEndHeld = false;
    stream.heldTrailers = null;
    const held = stream.held;
    if (held === null || held.length === 0) return;
    const size = held.length;
    held.clear();
    if (!this.isClosed) this.consumeConnection(size);
  }

  #deliverHeld(): void {
    const streams = this.#planned.splice(0);
    for (const stream of streams) {
      stream.isDeliveryPlanned = false;
      this.#deliver(stream);
    }
  }

  #deliver(stream: Http2Stream): void {
    const held = stream.held;
    while (held !== null && held.length > 0 && stream.pauses === 0) {
      const piece = held.peek();
      const size = piece.length;
      const isLast = stream.isEndHeld && size === held.length;
      held.skip(size);
      if (isLast) stream.isEndHeld = false;
      stream.sink?.onData(piece, isLast);
      if (this.isClosed) continue;
      this.consumeConnection(size);
      this.consumeStream(stream, size);
    }
    if (stream.pauses > 0) return;
    if (stream.isEndHeld) {
      stream.isEndHeld = false;
      stream.sink?.onData(empty, true);
    }
    const trailers = stream.heldTrailers;
    stream.heldTrailers = null;
    if (trailers !== null) stream.sink?.onTrailers(trailers);
  }
}

/** Windows before anyone says otherwise (RFC 9113 section 6.9.2). */
const defaultWindow = 65535;
export const pingMark = Buffer.from("nuncio\0\0", "latin1");
const empty = Buffer.alloc(0);

/** Envoy ConnectionManagerImpl::handleCodecError: what has no detail of its own is told as "codec_error:" and the codec's words. */
function codecDetail(text: string): string {
  return text.startsWith("http2.") || text === "too_many_premature_resets" ? text : `codec_error:${text}`;
}
