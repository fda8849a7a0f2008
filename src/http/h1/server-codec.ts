import type { ByteCounts } from "../byte-counts.ts";
import type { ByteOutput, RequestSink, ResponseWriter } from "../codec.ts";
import { StreamReset } from "../codec.ts";
import type { HeaderBlock, ResponseHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { hasConnectionOption } from "./connection-field.ts";
import { needMore } from "./head-parser.ts";
import type { Http1Options } from "./options.ts";
import type { RequestParser } from "./parser.ts";
import { codecError, type ProtocolError } from "./protocol-error.ts";
import { appendFields, codecField, statusLine } from "./serializer.ts";
import type { ServerExchange, ServerExchanges } from "./server-exchange.ts";

/** What the codec asks of the connection that owns it. */
export interface Http1ServerCallbacks {
  /** A request's head is complete. The writer is the codec itself: drop it when the response is written. */
  newStream(writer: ResponseWriter): RequestSink;
  /**
   * The peer broke the protocol; nothing more is read. `sink` is that of a request already begun. Answer by `writer`
   * unless codec.isResponseStarted, then close. codec.head holds what was understood.
   */
  onProtocolError(error: ProtocolError, writer: ResponseWriter, sink: RequestSink | null): void;
  /** Read no more from the transport, until resumeInput. Never twice in a row. */
  pauseInput(): void;
  resumeInput(): void;
  /** The response cannot be finished: close the transport now. */
  closeNow(): void;
}

/**
 * HTTP/1.1 on the server's side: one request at a time. Bytes behind a request wait until its response is written.
 *
 *     head ─▶ body ─▶ waiting ─(response done)─▶ head
 *      │       └────────────────────────────────▶ tunnel (101, or 2xx to CONNECT)
 *      └─ error, or response done with shouldClose ─▶ closed
 *
 * When the response is written look at shouldClose: true means flush and close the transport.
 */
export class Http1ServerCodec implements ResponseWriter {
  /** Set it before writeHead to have the connection closed behind the response. The codec sets it where HTTP demands. */
  shouldClose = false;
  isResponseStarted = false;
  /** `connection: close` asks the peer to go, and requests that are on their way are still served (Envoy's drain). */
  closeIsNotice = false;
  readonly #output: ByteOutput;
  readonly #callbacks: Http1ServerCallbacks;
  readonly #options: Http1Options;
  readonly #exchanges: ServerExchanges;
  #exchange: ServerExchange | null = null;
  #state: "head" | "body" | "waiting" | "tunnel" | "closed" = "head";
  #sink: RequestSink | null = null;
  #isParserUsed = false;
  #isFeeding = false;
  #isResponseDone = false;
  #isHeadRequest = false;
  #isConnect = false;
  #isUpgrade = false;
  #isHttp10 = false;
  #streamPauses = 0;
  #pauses = 0;
  /** Where the bytes of the stream are counted; null while there is none, and for nobody. */
  #bytes: ByteCounts | null = null;
  /** What came of a head whose stream has not begun. */
  #headBytes = 0;
  /** Bytes that came before their turn; the input is paused while there are any. */
  #held: Buffer | null = null;
  readonly #feedHeld = (): void => this.#takeHeld();

  constructor(output: ByteOutput, callbacks: Http1ServerCallbacks, exchanges: ServerExchanges) {
    this.#output = output;
    this.#callbacks = callbacks;
    this.#options = exchanges.options;
    this.#exchanges = exchanges;
  }

  /** The current request's head. */
  get head(): RequestParser["head"] {
    return this.#taken().parser.head;
  }

  /** True from the first byte of a request to the end of its head: what request_headers_timeout measures. */
  get isHeadPartial(): boolean {
    const exchange = this.#exchange;
    return this.#state === "head" && exchange !== null && !this.#isParserUsed && exchange.parser.isStarted;
  }

  /** True for a request that came as HTTP/1.0. */
  get isHttp10(): boolean {
    return this.#isHttp10;
  }

  /** A stream has begun, for a whole head or for a part of one. */
  countInto(bytes: ByteCounts): void {
    this.#bytes = bytes;
    bytes.wireReceived = this.#headBytes;
    this.#headBytes = 0;
    const { parser, body } = this.#taken();
    body.bytes = bytes;
    if (parser.fieldBytes > 0) bytes.addHttp1Head(parser.fieldBytes);
  }

  /** Takes bytes[0, length); the buffer is the caller's again afterwards. */
  feed(bytes: Buffer, length: number): void {
    if (this.#held !== null) this.#held = Buffer.concat([this.#held, bytes.subarray(0, length)]);
    else this.#process(bytes, length, false);
  }

  /** The peer's FIN, or the end of the connection. A request in flight is lost (Envoy: a half-close is a disconnect). */
  onTransportEnd(): void {
    const sink = this.#sink;
    if (this.#state === "tunnel") {
      sink?.onData(empty, true);
      return;
    }
    this.#state = "closed";
    this.#held = null;
    this.#sink = null;
    sink?.onReset(StreamReset.connectionTermination, "downstream_remote_disconnect");
  }

  /** The transport is below its watermark again. */
  onDrain(): void {
    this.#sink?.onWritable();
  }

  /**
   * The stream is over: it hears nothing more, not even of the end of its tunnel, and nobody looks at its head any more. An idle
   * connection keeps nothing of it.
   */
  rest(): void {
    this.#sink = null;
    this.#bytes = null;
    const exchange = this.#exchange;
    if (exchange !== null) exchange.body.bytes = null;
    if (exchange === null || (this.#state !== "closed" && (this.#state !== "head" || !this.#isParserUsed))) return;
    this.#exchanges.give(exchange);
    this.#exchange = null;
    this.#startMessage();
  }

  write100Continue(): void {
    if (this.isResponseStarted) return;
    this.#output.writeText(continueHead);
    if (this.#bytes !== null) this.#bytes.wireSent += continueHead.length;
  }

  writeHead(head: ResponseHead, endStream: boolean): void {
    const status = head.status;
    const headerCase = this.#options.headerCase;
    if (head.has(transferEncodingId)) head.remove("transfer-encoding", transferEncodingId);
    let text = statusLine(status);
    const lineBytes = text.length;
    if (this.#isHttp10) text = `HTTP/1.0${text.slice(8)}`;
    const body = this.#taken().body;
    if (status < 200 && status !== 101) {
      text = appendFields(text, head, headerCase);
      this.#output.writeText(`${text}\r\n`);
      body.addHead(lineBytes + 2, text.length - lineBytes);
      return;
    }
    this.isResponseStarted = true;
    const isTunnel = (this.#isConnect && status >= 200 && status < 300) || (this.#isUpgrade && status === 101);
    // What comes behind a tunnel's head that was not granted cannot be told from a request.
    if (!isTunnel && (this.#isUpgrade || this.#isConnect)) this.shouldClose = true;
    const hasLength = head.has(contentLengthId);
    const hasNoBody = this.#isHeadRequest || status === 204 || status === 304;
    const isClosed = !hasLength && !hasNoBody && !endStream && this.#isHttp10 && !isTunnel;
    const saysClose = hasConnectionOption(head.get(connectionId), "close");
    if (isClosed || (saysClose && !this.closeIsNotice)) this.shouldClose = true;
    if (!isTunnel && (this.shouldClose || (this.#isHttp10 && !saysClose))) {
      head.set("connection", this.shouldClose ? "close" : "keep-alive", connectionId);
    }
    text = appendFields(text, head, headerCase);
    if (isTunnel) body.startRaw();
    else if (hasNoBody) {
      // Envoy says how the body to a GET would be framed.
      if (!hasLength && this.#isHeadRequest && !this.#isHttp10 && status !== 204 && status !== 304) {
        text += codecField("transfer-encoding", "chunked", headerCase);
      }
      body.startNone();
    } else if (hasLength) body.startLength(head.get(contentLengthId) as string);
    else if (endStream) {
      text += codecField("content-length", "0", headerCase);
      body.startNone();
    } else if (isClosed) body.startRaw();
    else {
      text += codecField("transfer-encoding", "chunked", headerCase);
      body.startChunked();
    }
    this.#output.writeText(`${text}\r\n`);
    body.addHead(lineBytes + 2, text.length - lineBytes);
    if (isTunnel) this.becomeTunnel();
    if (endStream && !isTunnel) this.#endResponse();
  }

  writeData(bytes: Buffer, endStream: boolean): boolean {
    const isWritable = this.#taken().body.write(bytes, endStream);
    if (endStream) this.#endResponse();
    return isWritable;
  }

  writeTrailers(trailers: HeaderBlock): void {
    this.#taken().body.writeTrailers(trailers);
    this.#endResponse();
  }

  /** HTTP/1 can cancel a response only with its connection. */
  reset(_reason: StreamReset): void {
    if (this.#state === "closed" && this.#sink === null && this.#isResponseDone) return;
    this.shouldClose = true;
    this.#state = "closed";
    this.#sink = null;
    this.#held = null;
    this.#callbacks.closeNow();
  }

  pauseReading(): void {
    this.#streamPauses++;
    this.#pause();
  }

  resumeReading(): void {
    if (this.#streamPauses === 0) return;
    this.#streamPauses--;
    this.#resume();
  }

  /** From here bytes are passed on as they come, both ways. writeHead does it for 101 and a CONNECT's 2xx. */
  becomeTunnel(): void {
    this.#state = "tunnel";
    this.shouldClose = true;
    this.#taken().body.startRaw();
    this.#goOn();
  }

  #process(bytes: Buffer, length: number, isOwned: boolean): void {
    const wasFeeding = this.#isFeeding;
    this.#isFeeding = true;
    let at = 0;
    if (this.#bytes === null) this.#headBytes += length;
    else if (this.#state !== "waiting") this.#bytes.wireReceived += length;
    while (at < length) {
      const state = this.#state;
      if (state === "head") {
        const parser = this.#taken().parser;
        if (this.#isParserUsed) {
          parser.reset();
          this.#startMessage();
        }
        // Envoy counts a pipelined request with the one in front of it, and again in its own turn.
        if (this.#headBytes === 0) this.#headBytes = length - at;
        at = parser.feed(bytes, at, length);
        if (at === needMore) break;
        if (at < 0) {
          this.#fail(parser.error ?? codecError);
          break;
        }
        this.#isParserUsed = true;
        this.#onHead();
      } else if (state === "body") {
        const decoder = this.#taken().decoder;
        at = decoder.next(bytes, at, length);
        if (decoder.error !== null) {
          this.#fail(decoder.error);
          break;
        }
        this.#onBody(bytes);
      } else if (state === "waiting") {
        this.#hold(bytes, at, length, isOwned);
        break;
      } else {
        if (state === "tunnel") this.#sink?.onData(bytes.subarray(at, length), false);
        break;
      }
    }
    this.#isFeeding = wasFeeding;
  }

  #taken(): ServerExchange {
    if (this.#exchange === null) this.#exchange = this.#exchanges.take(this.#output);
    return this.#exchange;
  }

  #startMessage(): void {
    this.#isParserUsed = false;
    this.isResponseStarted = false;
    this.#isResponseDone = false;
    this.#isHeadRequest = false;
    this.#isConnect = false;
    this.#isUpgrade = false;
    this.#isHttp10 = false;
  }

  #onHead(): void {
    const { parser, decoder } = this.#taken();
    const head = parser.head;
    const method = head.method;
    this.isResponseStarted = false;
    this.#isResponseDone = false;
    this.#isHttp10 = parser.isHttp10;
    this.#isHeadRequest = method === "HEAD";
    this.#isConnect = method === "CONNECT";
    const connection = head.get(connectionId);
    if (connection !== null && hasConnectionOption(connection, "close")) this.shouldClose = true;
    if (parser.isHttp10 && !hasConnectionOption(connection, "keep-alive")) this.shouldClose = true;
    this.#isUpgrade = head.has(upgradeId) && hasConnectionOption(connection, "upgrade") && !this.#dropH2c();
    decoder.start(parser.framing, false);
    const isRaw = this.#isConnect || (this.#isUpgrade && decoder.isDone);
    const endStream = decoder.isDone && !isRaw;
    this.#state = decoder.isDone ? "waiting" : "body";
    this.#sink = this.#callbacks.newStream(this);
    this.#sink.onHead(head, endStream);
  }

  /** As Envoy: an offer of h2c is taken out and the request served. */
  #dropH2c(): boolean {
    const head = this.#taken().parser.head;
    if ((head.get(upgradeId) as string).toLowerCase() !== "h2c") return false;
    head.remove("upgrade", upgradeId);
    head.remove("http2-settings");
    head.remove("connection", connectionId);
    return true;
  }

  #onBody(bytes: Buffer): void {
    const decoder = this.#taken().decoder;
    const sink = this.#sink;
    const hasData = decoder.to > decoder.from;
    if (!decoder.isDone) {
      if (hasData) sink?.onData(bytes.subarray(decoder.from, decoder.to), false);
      return;
    }
    const isUpgrade = this.#isUpgrade && !this.#isResponseDone;
    this.#state = "waiting";
    if (decoder.trailers.size > 0 && this.#options.enableTrailers) {
      if (this.#bytes !== null) this.#bytes.headerReceived += decoder.trailerBytes;
      sink?.onTrailers(decoder.trailers);
    } else if (hasData || !isUpgrade) sink?.onData(bytes.subarray(decoder.from, decoder.to), !isUpgrade);
    if (sink === null && this.#isResponseDone) this.#state = this.shouldClose ? "closed" : "head";
  }

  #endResponse(): void {
    if (this.#state === "tunnel") return;
    this.#isResponseDone = true;
    this.isResponseStarted = true;
    this.#sink = null;
    if (!this.#taken().body.isWhole) this.shouldClose = true;
    while (this.#streamPauses > 0) this.resumeReading();
    if (this.shouldClose) {
      this.#state = "closed";
      this.#held = null;
    } else if (this.#state === "waiting") {
      this.#state = "head";
      this.#goOn();
    }
  }

  #fail(error: ProtocolError): void {
    const sink = this.#sink;
    this.#state = "closed";
    this.shouldClose = true;
    this.#held = null;
    this.#sink = null;
    this.#callbacks.onProtocolError(error, this, sink);
  }

  #hold(bytes: Buffer, at: number, length: number, isOwned: boolean): void {
    this.#held = isOwned ? bytes.subarray(at, length) : Buffer.from(bytes.subarray(at, length));
    this.#pause();
  }

  /** The held bytes' turn has come: after the caller, who may still use the head. */
  #goOn(): void {
    if (this.#held !== null && !this.#isFeeding) queueMicrotask(this.#feedHeld);
  }

  #takeHeld(): void {
    const held = this.#held;
    if (held === null || this.#state === "waiting" || this.#state === "closed") return;
    this.#held = null;
    this.#process(held, held.length, true);
    this.#resume();
  }

  #pause(): void {
    if (this.#pauses++ === 0) this.#callbacks.pauseInput();
  }

  #resume(): void {
    if (--this.#pauses === 0) this.#callbacks.resumeInput();
  }
}

const empty = Buffer.alloc(0);
const continueHead = "HTTP/1.1 100 Continue\r\n\r\n";
const connectionId = Known.connection;
const contentLengthId = Known["content-length"];
const transferEncodingId = Known["transfer-encoding"];
const upgradeId = Known.upgrade;
