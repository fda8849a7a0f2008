import type { RequestSink, ResponseWriter } from "../codec.ts";
import { StreamReset } from "../codec.ts";
import { type RequestHead, ResponseHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { Http2Connection } from "./connection.ts";
import type { Http2Callbacks, Http2Shared } from "./connection-core.ts";
import { clientPreface, ErrorCode, maxInt31 } from "./frames.ts";
import type { HeadPool } from "./message-head.ts";
import { dropConnectionFields } from "./sender.ts";
import { Http2Stream, StreamEnd } from "./stream-state.ts";

/** What the server's codec asks of the connection that owns it. */
export interface Http2ServerCallbacks extends Http2Callbacks {
  /**
   * A request began. Its sink hears onHead next, or onReset when the head is malformed or too large: the log wants to know
   * of it. Call writer.rest() when nobody looks at the head any more.
   */
  newStream(writer: Http2ServerStream): RequestSink;
}

/** HTTP/2 on the server's side. The first feed() writes our SETTINGS. */
export class Http2ServerCodec extends Http2Connection {
  readonly #newStream: (writer: Http2ServerStream) => RequestSink;
  /** Bytes of the client's preface that came. */
  #prefaceBytes = 0;
  /** The highest id that was seen; lastPeerStreamId stays behind when requests are ignored for our GOAWAY. */
  #lastSeenId = 0;
  /** Ids were left out, so that not every lower one was a stream. */
  #hasGaps = false;
  #isShutDown = false;

  /** `watermark`: bytes of output at which writers are told to stop. */
  constructor(shared: Http2Shared, callbacks: Http2ServerCallbacks, watermark: number) {
    super(shared, callbacks, watermark, true);
    this.#newStream = (writer) => callbacks.newStream(writer);
  }

  /**
   * The client owes the rest of something that it began, and no stream's timer runs for it: its preface and SETTINGS, or a
   * head. To be looked at behind feed(); Envoy's request_headers_timeout is for the head.
   */
  get isHeadPartial(): boolean {
    return !this.isClosed && (this.block.isOpen || this.reader.isFramePartial || !this.sender.peer.isReceived);
  }

  override feed(bytes: Buffer, length: number): void {
    if (length === 0 || this.isClosed) return;
    let at = 0;
    if (this.#prefaceBytes < clientPreface.length) {
      if (this.#prefaceBytes === 0) this.start(noBytes);
      const size = Math.min(clientPreface.length - this.#prefaceBytes, length);
      const expected = this.#prefaceBytes;
      if (clientPreface.compare(bytes, 0, size, expected, expected + size) !== 0) {
        this.fail(ErrorCode.protocolError, "Remote peer returned unexpected data while we expected SETTINGS frame.");
        return;
      }
      this.#prefaceBytes += size;
      at = size;
    }
    this.feedFrom(bytes, at, length);
  }

  /** GOAWAY that takes no stream away: new requests should go elsewhere. Some round trips later, shutdown(). */
  announceShutdown(): void {
    if (!this.isClosed && !this.#isShutDown) this.writeGoAway(maxInt31, ErrorCode.noError, "");
  }

  /** GOAWAY with the last stream that is served: later ones are ignored. Close when activeStreams is 0. */
  shutdown(): void {
    if (this.isClosed || this.#isShutDown) return;
    this.#isShutDown = true;
    this.writeGoAway(this.lastPeerStreamId, ErrorCode.noError, "");
  }

  /** Only for Http2ServerStream. */
  writeResponseHead(stream: Http2ServerStream, head: ResponseHead, endStream: boolean): void {
    // RFC 8441 section 5: what HTTP/1.1 says with 101 is 200 here.
    const status = head.status === 101 && stream.isUpgrade ? 200 : head.status;
    const isFinal = status >= 200;
    dropConnectionFields(head);
    this.sender.startBlock(head, 10);
    this.sender.field(":status", statusText(status));
    this.sender.fields(head);
    this.sender.endBlock(stream, endStream && isFinal);
    if (!isFinal) return;
    stream.isHeadDone = true;
    if (!endStream) return;
    stream.isWritten = true;
    stream.isLocalDone = true;
    this.onLocalDone(stream);
  }

  protected override onBlock(): void {
    const id = this.block.streamId;
    const stream = this.streams.get(id);
    if (stream !== null) this.#onTrailers(stream);
    else if ((id & 1) === 0) this.fail(ErrorCode.protocolError, "HEADERS: invalid stream_id");
    else if (id <= this.#lastSeenId) this.#onLateHead(id);
    else this.#onRequest(id);
  }

  protected override isIdle(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId > this.#lastSeenId;
  }

  protected override onPeerGoAway(): void {}

  protected override codeOf(reason: StreamReset): number {
    switch (reason) {
      case StreamReset.protocolError:
        return ErrorCode.protocolError;
      case StreamReset.remoteRefusedStream:
        return ErrorCode.refusedStream;
      default:
        return ErrorCode.internalError;
    }
  }

  /** The response is whole: that ends the stream, and a client that still sends is told to stop (RFC 9113 section 8.1). */
  protected override onLocalDone(stream: Http2Stream): void {
    if (!stream.isRemoteDone) this.writeReset(stream.id, ErrorCode.noError);
    this.dropReceived(stream);
    this.closeStream(stream, stream.isRemoteDone ? StreamEnd.unknown : StreamEnd.resetByUs, false);
    this.callbacks.onStreamClosed();
  }

  #onRequest(id: number): void {
    if (id !== this.#lastSeenId + (this.#lastSeenId === 0 ? 1 : 2)) this.#hasGaps = true;
    this.#lastSeenId = id;
    if (this.#isShutDown) {
      this.closedStreams.add(id, StreamEnd.resetByUs);
      if (this.#decodeNothing() && !this.abuse.onGlitch()) this.fail(ErrorCode.enhanceYourCalm, "");
      return;
    }
    this.lastPeerStreamId = id;
    // Always the stream's error: RFC 9113 section 5.1.2 leaves the choice, and a refused request may be sent again.
    if (this.streams.size >= this.options.maxConcurrentStreams) {
      if (this.#decodeNothing()) this.#refuse(id, ErrorCode.refusedStream);
      return;
    }
    const head = this.shared.heads.takeRequest();
    const reader = this.block.reader;
    reader.startRequest(head);
    if (!this.#decode()) return;
    const stream = new Http2ServerStream(this, this.shared.heads, head);
    this.addStream(stream, id);
    const sink = this.#newStream(stream);
    stream.sink = sink;
    if (stream.bytes !== null) this.block.countInto(stream.bytes);
    if (stream.isClosed) return;
    if (reader.isRefused) {
      this.failStream(stream, ErrorCode.internalError, StreamReset.localReset, reader.detail);
    } else if (reader.detail !== "") this.failMessage(stream, reader.detail);
    else if (this.block.isSelfDependent) {
      this.failStream(stream, ErrorCode.protocolError, StreamReset.protocolError, "depends on itself");
    } else {
      const endStream = this.block.endStream;
      stream.isRemoteDone = endStream;
      if (head.method !== "CONNECT") stream.expectedLength = reader.contentLength;
      else if (head.protocol !== "") stream.becomeUpgrade();
      sink.onHead(head, endStream);
    }
  }

  #onTrailers(stream: Http2Stream): void {
    if (stream.isRemoteDone) {
      if (!this.#decodeNothing()) return;
      this.failStream(stream, ErrorCode.streamClosed, StreamReset.protocolError, "http2.unknown.nghttp2.error");
      return;
    }
    const trailers = stream.takeTrailers(this.shared.heads);
    this.block.reader.startTrailers(trailers);
    if (this.#decode()) this.onTrailersRead(stream, trailers);
  }

  /** HEADERS for a stream that is over. */
  #onLateHead(id: number): void {
    if (!this.#decodeNothing()) return;
    const end = this.closedStreams.find(id);
    if (end === StreamEnd.resetByPeer) this.#refuse(id, ErrorCode.streamClosed);
    else if (end === StreamEnd.unknown) {
      this.fail(this.#hasGaps ? ErrorCode.protocolError : ErrorCode.streamClosed, "HEADERS: stream closed");
    } else if (!this.abuse.onGlitch()) this.fail(ErrorCode.enhanceYourCalm, "");
  }

  #refuse(id: number, code: number): void {
    this.writeReset(id, code);
    this.closedStreams.add(id, StreamEnd.resetByUs);
    this.chargeReset();
  }

  #decodeNothing(): boolean {
    this.block.reader.startNothing();
    return this.#decode();
  }

  #decode(): boolean {
    return this.block.decode() || this.fail(ErrorCode.compressionError, "header block cannot be decoded");
  }
}

/** A request's stream: what its response is written to. */
export class Http2ServerStream extends Http2Stream implements ResponseWriter {
  /** An extended CONNECT, which is told as the HTTP/1.1 upgrade it stands for. */
  isUpgrade = false;
  readonly #codec: Http2ServerCodec;
  readonly #heads: HeadPool;
  #head: RequestHead | null;

  constructor(codec: Http2ServerCodec, heads: HeadPool, head: RequestHead) {
    super(codec);
    this.#codec = codec;
    this.#heads = heads;
    this.#head = head;
  }

  writeHead(head: ResponseHead, endStream: boolean): void {
    if (this.isClosed || this.isWritten || this.isHeadDone) return;
    this.#codec.writeResponseHead(this, head, endStream);
  }

  write100Continue(): void {
    this.writeHead(continueHead, false);
  }

  /**
   * The owner is done with the stream: it hears nothing more, though a part of the answer may wait for the client's window. The
   * request's head and trailers may be another stream's.
   */
  rest(): void {
    this.sink = null;
    this.bytes = null;
    if (this.pauses > 0) {
      this.pauses = 0;
      this.owner.onResume(this);
    }
    const head = this.#head;
    this.#head = null;
    if (head !== null) this.#heads.giveRequest(head);
    this.giveTrailers(this.#heads);
  }

  /** As Envoy's transformUpgradeRequestFromH2toH1. */
  becomeUpgrade(): void {
    const head = this.#head as RequestHead;
    this.isUpgrade = true;
    head.method = "GET";
    head.append("upgrade", head.protocol, Known.upgrade);
    head.append("connection", "upgrade", Known.connection);
    head.protocol = "";
  }
}

function statusText(status: number): string {
  return statusTexts[status] ?? String(status);
}

const statusTexts: string[] = [];
for (let status = 0; status < 600; status++) statusTexts.push(String(status));
const noBytes = new Uint8Array(0);
const continueHead = new ResponseHead();
continueHead.status = 100;
