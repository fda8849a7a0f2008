import type { RequestWriter, ResponseSink } from "../codec.ts";
import { StreamReset } from "../codec.ts";
import { hasConnectionOption } from "../h1/connection-field.ts";
import type { RequestHead, ResponseHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { Http2Connection } from "./connection.ts";
import type { Http2Callbacks, Http2Shared } from "./connection-core.ts";
import { clientPreface, ErrorCode, maxInt31 } from "./frames.ts";
import { brokenRule, type HeadPool } from "./message-head.ts";
import { dropConnectionFields } from "./sender.ts";
import { Http2Stream, StreamEnd } from "./stream-state.ts";

/**
 * HTTP/2 on the client's side. open() first, then newStream() as often as canOpen says; when its owner has no more use for
 * it, shutdown() and close the transport.
 */
export class Http2ClientCodec extends Http2Connection {
  #nextId = 1;
  #isGoingAway = false;
  /** Streams whose head is not written yet. */
  readonly #unsent: Http2ClientStream[] = [];

  /** `watermark`: bytes of output at which writers are told to stop. */
  constructor(shared: Http2Shared, callbacks: Http2Callbacks, watermark: number) {
    super(shared, callbacks, watermark, false);
  }

  /** Writes the preface and our SETTINGS: once, when the transport is connected or before. */
  open(): void {
    this.start(clientPreface);
  }

  /** The streams that the peer and our own limit allow at a time. */
  get maxStreams(): number {
    return Math.min(this.sender.peer.maxConcurrentStreams, this.options.maxConcurrentStreams);
  }

  /** The peer said GOAWAY, or the ids are used up, or the connection failed: no further stream, ever. */
  get isSpent(): boolean {
    return this.isClosed || this.#isGoingAway || this.#nextId > maxInt31;
  }

  get canOpen(): boolean {
    return !this.isSpent && this.streams.size + this.#unsent.length < this.maxStreams;
  }

  /** Streams that are not over, those without a head counted. */
  override get activeStreams(): number {
    return this.streams.size + this.#unsent.length;
  }

  /** True once the peer's SETTINGS allow an extended CONNECT (RFC 8441). */
  get allowsUpgrade(): boolean {
    return this.sender.peer.enablesConnect;
  }

  /** Begins an exchange, while canOpen. 1xx heads too come to the sink's onHead. */
  newStream(sink: ResponseSink): Http2ClientStream {
    const stream = new Http2ClientStream(this, this.shared.heads, sink);
    this.#unsent.push(stream);
    return stream;
  }

  /** GOAWAY without an error; no further stream. */
  shutdown(): void {
    if (this.isClosed || this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.writeGoAway(this.lastPeerStreamId, ErrorCode.noError, "");
  }

  /** Only for Http2ClientStream. */
  writeRequestHead(stream: Http2ClientStream, head: RequestHead, endStream: boolean): void {
    this.#forgetUnsent(stream);
    this.addStream(stream, this.#nextId);
    this.#nextId += 2;
    const method = head.method;
    // RFC 8441, and Envoy's transformUpgradeRequestFromH1toH2: an upgrade is an extended CONNECT here.
    let protocol = head.protocol;
    if (head.has(upgradeId) && hasConnectionOption(head.get(connectionId), "upgrade")) {
      protocol = head.get(upgradeId) as string;
      stream.upgrade = protocol;
      if (head.get(contentLengthId) === "0") head.remove("content-length", contentLengthId);
    }
    stream.isHead = method === "HEAD";
    stream.isConnect = method === "CONNECT" || protocol !== "";
    dropConnectionFields(head);
    const sender = this.sender;
    const bytes = method.length + head.scheme.length + head.path.length + head.authority.length + protocol.length;
    sender.startBlock(head, bytes + pseudoSlack);
    sender.field(":method", stream.isConnect ? "CONNECT" : method);
    if (!stream.isConnect || protocol !== "") {
      sender.field(":scheme", head.scheme === "" ? "http" : head.scheme);
      sender.field(":path", head.path);
    }
    if (head.authority !== "") sender.field(":authority", head.authority);
    if (protocol !== "") sender.field(":protocol", protocol);
    sender.fields(head);
    sender.endBlock(stream, endStream);
    if (!endStream) return;
    stream.isWritten = true;
    stream.isLocalDone = true;
  }

  override resetByOwner(stream: Http2Stream, reason: StreamReset): void {
    if (stream.id === 0) this.#forgetUnsent(stream as Http2ClientStream);
    super.resetByOwner(stream, reason);
  }

  protected override end(reason: StreamReset, detail: string): void {
    super.end(reason, detail);
    this.#resetUnsent(reason, detail);
  }

  protected override onBlock(): void {
    const { block } = this;
    const stream = this.streams.get(block.streamId) as Http2ClientStream | null;
    if (stream === null) this.#onLateHead(block.streamId);
    else if (stream.isRemoteDone) {
      block.reader.startNothing();
      if (!this.#decode()) return;
      this.failStream(stream, ErrorCode.streamClosed, StreamReset.protocolError, "HEADERS: stream closed");
    } else if (stream.isHeadDone) {
      const trailers = stream.takeTrailers(this.shared.heads);
      block.reader.startTrailers(trailers);
      if (this.#decode()) this.onTrailersRead(stream, trailers);
    } else {
      const head = stream.takeHead();
      block.reader.startResponse(head);
      if (this.#decode()) this.#onResponse(stream, head);
    }
  }

  protected override isIdle(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId >= this.#nextId;
  }

  /** RFC 9113 section 6.8: streams above the last id were not processed, so that they may be sent again elsewhere. */
  protected override onPeerGoAway(lastStreamId: number): void {
    this.#isGoingAway = true;
    this.#resetUnsent(StreamReset.remoteRefusedStream, "http2.remote_refuse");
    for (const stream of this.streams.all()) {
      if (stream.id <= lastStreamId) continue;
      this.abortStream(stream, StreamEnd.resetByPeer, StreamReset.remoteRefusedStream, "http2.remote_refuse");
    }
  }

  protected override codeOf(reason: StreamReset): number {
    return reason === StreamReset.protocolError ? ErrorCode.protocolError : ErrorCode.cancel;
  }

  protected override onLocalDone(stream: Http2Stream): void {
    if (!stream.isRemoteDone) return;
    this.closeStream(stream, StreamEnd.unknown, false);
    this.callbacks.onStreamClosed();
  }

  #onResponse(stream: Http2ClientStream, head: ResponseHead): void {
    if (stream.bytes !== null) this.block.countInto(stream.bytes);
    const { reader, endStream } = this.block;
    const status = head.status;
    if (reader.isRefused) {
      this.failStream(stream, ErrorCode.internalError, StreamReset.protocolError, reader.detail);
      return;
    }
    if (reader.detail !== "" || status === 101 || (status < 200 && endStream)) {
      this.failMessage(stream, reader.detail || brokenRule);
      return;
    }
    if (status < 200) {
      // One says nothing that the proxy acts on, and a hostile upstream has no end of them.
      if (this.abuse.onGlitch()) stream.onResponseHead(head, false);
      else this.fail(ErrorCode.enhanceYourCalm, "");
      return;
    }
    stream.isHeadDone = true;
    const hasNoBody = stream.isHead || status === 204 || status === 304;
    const isTunnel = stream.isConnect && status < 300;
    stream.expectedLength = hasNoBody ? 0 : isTunnel ? -1 : reader.contentLength;
    if (endStream && stream.expectedLength > 0) {
      this.failMessage(stream, brokenRule);
      return;
    }
    if (isTunnel && stream.upgrade !== "") {
      head.status = 101;
      head.append("upgrade", stream.upgrade, upgradeId);
      head.append("connection", "upgrade", connectionId);
    }
    const isOver = endStream && this.onRemoteDone(stream);
    stream.onResponseHead(head, endStream);
    if (isOver) this.callbacks.onStreamClosed();
  }

  #onLateHead(id: number): void {
    this.block.reader.startNothing();
    if (!this.#decode()) return;
    if (this.isIdle(id)) this.fail(ErrorCode.protocolError, "HEADERS: stream in idle");
    else if (this.closedStreams.find(id) === StreamEnd.unknown) {
      this.fail(ErrorCode.streamClosed, "HEADERS: stream closed");
    } else if (!this.abuse.onGlitch()) this.fail(ErrorCode.enhanceYourCalm, "");
  }

  #decode(): boolean {
    return this.block.decode() || this.fail(ErrorCode.compressionError, "header block cannot be decoded");
  }

  /** Mostly the last: its head is written as soon as it is there. */
  #forgetUnsent(stream: Http2ClientStream): void {
    const at = this.#unsent.lastIndexOf(stream);
    if (at < 0) return;
    if (at === this.#unsent.length - 1) this.#unsent.pop();
    else this.#unsent.splice(at, 1);
  }

  #resetUnsent(reason: StreamReset, detail: string): void {
    for (const stream of this.#unsent.splice(0)) {
      const sink = stream.sink;
      stream.isClosed = true;
      stream.sink = null;
      sink?.onReset(reason, detail);
    }
  }
}

/** A request of ours: what it is written to. */
export class Http2ClientStream extends Http2Stream implements RequestWriter {
  isHead = false;
  isConnect = false;
  /** The Upgrade field of an HTTP/1.1 upgrade that goes as an extended CONNECT; "" for none. */
  upgrade = "";
  readonly #codec: Http2ClientCodec;
  readonly #heads: HeadPool;
  readonly #responseSink: ResponseSink;
  #head: ResponseHead | null = null;

  constructor(codec: Http2ClientCodec, heads: HeadPool, sink: ResponseSink) {
    super(codec);
    this.#codec = codec;
    this.#heads = heads;
    this.#responseSink = sink;
    this.sink = sink;
  }

  writeHead(head: RequestHead, endStream: boolean): void {
    if (this.isClosed || this.id !== 0) return;
    this.#codec.writeRequestHead(this, head, endStream);
  }

  /** Nobody looks at the response's head and trailers any more: another stream may have them. */
  rest(): void {
    this.bytes = null;
    const head = this.#head;
    this.#head = null;
    if (head !== null) this.#heads.giveResponse(head);
    this.giveTrailers(this.#heads);
  }

  /** A head to read into: that of an informational response again, emptied. */
  takeHead(): ResponseHead {
    const head = this.#head ?? this.#heads.takeResponse();
    head.reset();
    this.#head = head;
    return head;
  }

  onResponseHead(head: ResponseHead, endStream: boolean): void {
    if (this.sink !== null) this.#responseSink.onHead(head, endStream);
  }
}

const connectionId = Known.connection;
const contentLengthId = Known["content-length"];
const upgradeId = Known.upgrade;
// The names of five pseudo-fields, and the integers in front of them and their values.
const pseudoSlack = 160;
