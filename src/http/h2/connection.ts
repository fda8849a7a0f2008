import { StreamReset } from "../codec.ts";
import type { HeaderBlock } from "../header-block.ts";
import { ConnectionCore, type Http2Callbacks, type Http2Shared, pingMark } from "./connection-core.ts";
import { canGrow, receive } from "./flow-control.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import {
  defaultMaxFrameSize,
  ErrorCode,
  FrameFlag,
  FrameType,
  frameHeaderSize,
  maxInt31,
  readUint31,
  readUint32,
} from "./frames.ts";
import { HeaderBlockReader } from "./header-block-reader.ts";
import { brokenRule } from "./message-head.ts";
import { SettingId, settingSize, settingValue } from "./settings.ts";
import { type Http2Stream, StreamEnd } from "./stream-state.ts";

/**
 * HTTP/2 on one connection (RFC 9113), server or client: bytes in by feed(), events out to sinks and callbacks, frames out
 * by takeOutput(). No sockets, no timers, and nothing that a peer sends makes it throw.
 */
export abstract class Http2Connection extends ConnectionCore implements FrameSink {
  protected readonly block: HeaderBlockReader;
  protected readonly reader: FrameReader;
  #mustPump = false;
  /** The stream of the DATA frame under way, null when its data is to be dropped. */
  #dataStream: Http2Stream | null = null;
  #isDataEnd = false;

  constructor(shared: Http2Shared, callbacks: Http2Callbacks, watermark: number, isServer: boolean) {
    super(shared, callbacks, watermark, isServer);
    this.block = new HeaderBlockReader(shared.options, shared.counters);
    this.reader = new FrameReader(this);
  }

  /** Takes bytes[0, length); the buffer is the caller's again afterwards. */
  feed(bytes: Buffer, length: number): void {
    this.feedFrom(bytes, 0, length);
  }

  /** The transport's end: what is not whole is lost. */
  onTransportEnd(): void {
    if (this.isClosed) return;
    this.end(StreamReset.connectionTermination, this.isServer ? "downstream_remote_disconnect" : "");
  }

  // From the frame reader.

  onFrameStart(type: number, flags: number, streamId: number, length: number): boolean {
    if (!this.sender.peer.isReceived && (type !== FrameType.settings || (flags & FrameFlag.ack) !== 0)) {
      return this.fail(ErrorCode.protocolError, "SETTINGS expected");
    }
    if (length > defaultMaxFrameSize) return this.fail(ErrorCode.frameSizeError, "too large frame size");
    if (this.block.isOpen) {
      if (type === FrameType.continuation && streamId === this.block.streamId) return true;
      return this.fail(ErrorCode.protocolError, "unexpected non-CONTINUATION frame or stream_id is invalid");
    }
    if (type === FrameType.continuation) return this.fail(ErrorCode.protocolError, "CONTINUATION: unexpected");
    return type < FrameType.continuation || this.abuse.onGlitch() || this.fail(ErrorCode.enhanceYourCalm, "");
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    switch (type) {
      case FrameType.headers:
        this.#onHeaderFrame(this.block.start(bytes, from, to, flags, streamId));
        break;
      case FrameType.continuation:
        this.#onHeaderFrame(this.block.continue(bytes, from, to, flags));
        break;
      case FrameType.windowUpdate:
        this.#onWindowUpdate(streamId, bytes, from, to - from);
        break;
      case FrameType.rstStream:
        this.#onReset(streamId, bytes, from, to - from);
        break;
      case FrameType.settings:
        this.#onSettings(flags, streamId, bytes, from, to - from);
        break;
      case FrameType.ping:
        this.#onPing(flags, streamId, bytes, from, to - from);
        break;
      case FrameType.priority:
        this.#onPriority(streamId, bytes, from, to - from);
        break;
      case FrameType.goAway:
        this.#onGoAway(streamId, bytes, from, to - from);
        break;
      default:
        this.fail(ErrorCode.protocolError, "PUSH_PROMISE: not allowed");
    }
    return !this.isClosed && this.#checkOutbound();
  }

  onDataStart(streamId: number, flags: number, length: number, padding: number): boolean {
    if (streamId === 0) return this.fail(ErrorCode.protocolError, "DATA: stream_id == 0");
    if (padding < 0) return this.fail(ErrorCode.protocolError, "DATA: invalid padding");
    this.#isDataEnd = (flags & FrameFlag.endStream) !== 0;
    if (!this.abuse.onPayload(length === padding && !this.#isDataEnd)) return this.fail(ErrorCode.enhanceYourCalm, "");
    if (!receive(this, length)) return this.fail(ErrorCode.flowControlError, "DATA: flow control violation");
    if (padding > 0) this.consumeConnection(padding);
    this.#dataStream = null;
    const stream = this.streams.get(streamId);
    if (stream === null) return this.#onLateData(streamId, length) && this.#checkOutbound();
    if (stream.bytes !== null) stream.bytes.wireReceived += length + frameHeaderSize;
    if (stream.isRemoteDone) {
      return this.failStream(
        stream,
        ErrorCode.streamClosed,
        StreamReset.protocolError,
        "DATA: stream in half-closed(remote)",
      );
    }
    if (!stream.isHeadDone && !this.isServer) return this.failMessage(stream, brokenRule);
    if (!receive(stream, length)) {
      return this.failStream(
        stream,
        ErrorCode.flowControlError,
        StreamReset.protocolError,
        "DATA: flow control violation",
      );
    }
    if (padding > 0) this.consumeStream(stream, padding);
    const total = stream.receivedLength + length - padding;
    const expected = stream.expectedLength;
    if (expected >= 0 && (this.#isDataEnd ? total !== expected : total > expected)) {
      // Envoy leaves it to nghttp2, which resets the stream in any case; the log says so, too.
      return this.failStream(stream, ErrorCode.protocolError, StreamReset.protocolError, "http2.remote_reset");
    }
    stream.receivedLength = total;
    this.#dataStream = stream;
    return true;
  }

  onData(bytes: Buffer, from: number, to: number, isEnd: boolean): boolean {
    const stream = this.#dataStream;
    const size = to - from;
    if (stream === null || stream.isClosed) {
      if (size > 0) this.consumeConnection(size);
      return true;
    }
    const endStream = isEnd && this.#isDataEnd;
    if (!endStream && size === 0) return true;
    const isOver = endStream && this.onRemoteDone(stream);
    if (stream.pauses > 0 || stream.isHolding) stream.hold(bytes.subarray(from, to), endStream);
    else {
      stream.sink?.onData(bytes.subarray(from, to), endStream);
      if (size > 0 && !this.isClosed) {
        this.consumeConnection(size);
        this.consumeStream(stream, size);
      }
    }
    if (isOver) this.callbacks.onStreamClosed();
    return !this.isClosed;
  }

  /** A whole header block, in `block`. */
  protected abstract onBlock(): void;
  /** For a stream id that is not open: true when it never was. */
  protected abstract isIdle(streamId: number): boolean;
  /** The peer's GOAWAY. */
  protected abstract onPeerGoAway(lastStreamId: number): void;

  protected override stopReading(): void {
    this.reader.close();
  }

  protected feedFrom(bytes: Buffer, from: number, length: number): void {
    if (this.isClosed) return;
    this.reader.feed(bytes, from, length);
    if (this.#mustPump) {
      this.#mustPump = false;
      this.sender.pump();
    }
    this.limitInput();
  }

  /** The trailers in `block`, read by its reader, of an open stream. */
  protected onTrailersRead(stream: Http2Stream, trailers: HeaderBlock): void {
    const { reader, endStream } = this.block;
    if (stream.bytes !== null) this.block.countInto(stream.bytes);
    const isShort = stream.expectedLength >= 0 && stream.receivedLength !== stream.expectedLength;
    if (reader.isRefused) {
      this.failStream(stream, ErrorCode.internalError, StreamReset.localReset, reader.detail);
    } else if (reader.detail !== "" || !endStream || isShort) {
      this.failMessage(stream, reader.detail || brokenRule);
    } else {
      this.counters.trailers++;
      const isOver = this.onRemoteDone(stream);
      if (stream.pauses > 0 || stream.isHolding) stream.heldTrailers = trailers;
      else stream.sink?.onTrailers(trailers);
      if (isOver) this.callbacks.onStreamClosed();
    }
  }

  #onHeaderFrame(code: number): void {
    const block = this.block;
    if (code !== ErrorCode.noError) this.fail(code, block.detail);
    else if (!this.abuse.onPayload(block.isFrameEmpty)) this.fail(ErrorCode.enhanceYourCalm, "");
    else if (!block.isOpen) {
      this.onBlock();
      block.release();
    }
  }

  #onLateData(streamId: number, length: number): boolean {
    if (this.isIdle(streamId)) return this.fail(ErrorCode.protocolError, "DATA: stream in idle");
    if (this.closedStreams.find(streamId) === StreamEnd.resetByUs) {
      // On its way when we reset the stream. Its bytes are paid for by the connection's window.
      return length >= paidFor || this.abuse.onGlitch() || this.fail(ErrorCode.enhanceYourCalm, "");
    }
    this.writeReset(streamId, ErrorCode.streamClosed);
    this.closedStreams.add(streamId, StreamEnd.resetByUs);
    return this.chargeReset();
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, at: number, length: number): void {
    if (length !== 4) {
      this.fail(ErrorCode.frameSizeError, "WINDOW_UPDATE: wrong length");
      return;
    }
    const increment = readUint31(bytes, at);
    const stream = this.streams.get(streamId);
    if (streamId !== 0 && stream === null && this.isIdle(streamId)) {
      this.fail(ErrorCode.protocolError, "WINDOW_UPDATE to idle stream");
    } else if (!this.abuse.onWindowUpdate()) this.fail(ErrorCode.enhanceYourCalm, "");
    else if (streamId === 0) {
      if (increment === 0) this.fail(ErrorCode.protocolError, "WINDOW_UPDATE: window_size_increment == 0");
      else if (!canGrow(this.sender.window, increment))
        this.fail(ErrorCode.flowControlError, "WINDOW_UPDATE: overflow");
      else {
        this.sender.window += increment;
        this.#mustPump = true;
      }
    } else if (stream !== null) {
      const reason = StreamReset.protocolError;
      if (increment === 0) this.failStream(stream, ErrorCode.protocolError, reason, "http2.unknown.nghttp2.error");
      else if (!canGrow(stream.sendWindow, increment)) {
        this.failStream(stream, ErrorCode.flowControlError, reason, "http2.unknown.nghttp2.error");
      } else {
        stream.sendWindow += increment;
        this.#mustPump = true;
      }
    }
  }

  #onReset(streamId: number, bytes: Buffer, at: number, length: number): void {
    if (length !== 4) {
      this.fail(ErrorCode.frameSizeError, "RST_STREAM: wrong length");
      return;
    }
    const stream = this.streams.get(streamId);
    if (streamId === 0 || (stream === null && this.isIdle(streamId))) {
      this.fail(ErrorCode.protocolError, "RST_STREAM: stream in idle");
      return;
    }
    if (!this.chargeReset() || stream === null) return;
    const code = readUint32(bytes, at);
    this.counters.rx_reset++;
    if (code === ErrorCode.refusedStream) this.counters.stream_refused_errors++;
    // Envoy: a server that has answered may say so that it needs no more of the request.
    if (!this.isServer && code === ErrorCode.noError && stream.isRemoteDone) {
      this.closeStream(stream, StreamEnd.resetByPeer, false);
      this.callbacks.onStreamClosed();
    } else if (code === ErrorCode.refusedStream) {
      this.abortStream(stream, StreamEnd.resetByPeer, StreamReset.remoteRefusedStream, "http2.remote_refuse");
    } else this.abortStream(stream, StreamEnd.resetByPeer, StreamReset.remoteReset, "http2.remote_reset");
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, from: number, length: number): void {
    if (streamId !== 0) this.fail(ErrorCode.protocolError, "SETTINGS: stream_id != 0");
    else if ((flags & FrameFlag.ack) !== 0) {
      if (length !== 0) this.fail(ErrorCode.frameSizeError, "SETTINGS: ACK with payload");
      else this.#onSettingsAck();
    } else if (length % settingSize !== 0) this.fail(ErrorCode.frameSizeError, "SETTINGS: wrong length");
    // nghttp2's bound (CVE-2020-11080).
    else if (length > maxSettings * settingSize) {
      this.fail(ErrorCode.enhanceYourCalm, "SETTINGS: too many setting entries");
    } else {
      for (let at = from; at < from + length; at += settingSize) {
        const code = this.#onSetting(((bytes[at] as number) << 8) | (bytes[at + 1] as number), settingValue(bytes, at));
        if (code !== ErrorCode.noError) {
          this.fail(code, "SETTINGS: invalid value");
          return;
        }
      }
      this.sender.peer.isReceived = true;
      this.output.control(FrameType.settings, FrameFlag.ack, 0, none);
      this.callbacks.onSettings();
    }
  }

  #onSetting(id: number, value: number): number {
    const peer = this.sender.peer;
    switch (id) {
      case SettingId.headerTableSize:
        peer.headerTableSize = value;
        this.sender.encoder.setPeerTableSize(value);
        break;
      case SettingId.enablePush:
        if (value > 1 || (value === 1 && !this.isServer)) return ErrorCode.protocolError;
        break;
      case SettingId.maxConcurrentStreams:
        peer.maxConcurrentStreams = value;
        break;
      case SettingId.initialWindowSize:
        if (value > maxInt31) return ErrorCode.flowControlError;
        return this.#moveWindows(value - peer.initialWindow);
      case SettingId.maxFrameSize:
        // We never send more than the default.
        if (value < defaultMaxFrameSize || value > 0xffffff) return ErrorCode.protocolError;
        break;
      case SettingId.enableConnectProtocol:
        if (value > 1) return ErrorCode.protocolError;
        peer.enablesConnect = value === 1;
        break;
    }
    return ErrorCode.noError;
  }

  /** RFC 9113 section 6.9.2: the windows of open streams move with the initial one, below zero if need be. */
  #moveWindows(by: number): number {
    this.sender.peer.initialWindow += by;
    this.#mustPump = true;
    for (const stream of this.streams.all()) {
      if (by > 0 && !canGrow(stream.sendWindow, by)) return ErrorCode.flowControlError;
      stream.sendWindow += by;
    }
    return ErrorCode.noError;
  }

  #onSettingsAck(): void {
    if (this.areSettingsAcknowledged) return;
    const before = this.streamWindow;
    this.areSettingsAcknowledged = true;
    this.block.decoder.onSettingsAcknowledged();
    const by = this.streamWindow - before;
    if (by !== 0) for (const stream of this.streams.all()) stream.receiveWindow += by;
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, at: number, length: number): void {
    if (streamId !== 0) this.fail(ErrorCode.protocolError, "PING: stream_id != 0");
    else if (length !== 8) this.fail(ErrorCode.frameSizeError, "PING: wrong length");
    else if ((flags & FrameFlag.ack) === 0) {
      this.output.control(FrameType.ping, FrameFlag.ack, 0, bytes.subarray(at, at + 8));
    } else if (bytes.compare(pingMark, 0, 8, at, at + 8) === 0) this.callbacks.onPingAck();
  }

  /** Priorities are deprecated and ignored, but for their form (RFC 9113 section 5.3.2). */
  #onPriority(streamId: number, bytes: Buffer, at: number, length: number): void {
    if (streamId === 0) this.fail(ErrorCode.protocolError, "PRIORITY: stream_id == 0");
    else if (length !== 5) this.fail(ErrorCode.frameSizeError, "PRIORITY: wrong length");
    else if (!this.abuse.onPriority()) this.fail(ErrorCode.enhanceYourCalm, "");
    else if (readUint31(bytes, at) === streamId) this.fail(ErrorCode.protocolError, "depends on itself");
  }

  #onGoAway(streamId: number, bytes: Buffer, at: number, length: number): void {
    if (streamId !== 0) this.fail(ErrorCode.protocolError, "GOAWAY: stream_id != 0");
    else if (length < 8) this.fail(ErrorCode.frameSizeError, "GOAWAY: wrong length");
    else {
      const lastStreamId = readUint31(bytes, at);
      const code = readUint32(bytes, at + 4);
      this.onPeerGoAway(lastStreamId);
      if (!this.isClosed) this.callbacks.onGoAway(code, lastStreamId);
    }
  }

  /** A peer that asks without reading the answers is cut off, after the transport was given a chance. */
  #checkOutbound(): boolean {
    const output = this.output;
    const { maxOutboundControlFrames, maxOutboundFrames } = this.options;
    if (output.controlFrames <= maxOutboundControlFrames && output.frames <= maxOutboundFrames) return true;
    this.callbacks.flush();
    if (output.controlFrames > maxOutboundControlFrames) {
      this.counters.outbound_control_flood++;
      return this.fail(ErrorCode.enhanceYourCalm, "http2.outbound_control_frames_flood");
    }
    if (output.frames <= maxOutboundFrames) return true;
    this.counters.outbound_flood++;
    return this.fail(ErrorCode.enhanceYourCalm, "http2.outbound_frames_flood");
  }
}

const none = Buffer.alloc(0);
const maxSettings = 32;
const paidFor = 1024;
