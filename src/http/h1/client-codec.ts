import type { ByteCounts } from "../byte-counts.ts";
import type { ByteOutput, RequestWriter, ResponseSink } from "../codec.ts";
import { StreamReset } from "../codec.ts";
import type { HeaderBlock, RequestHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { hasConnectionOption } from "./connection-field.ts";
import { needMore } from "./head-parser.ts";
import { MessageBody } from "./message-body.ts";
import type { Http1Options } from "./options.ts";
import { ResponseParser } from "./parser.ts";
import { codecError, type ProtocolError } from "./protocol-error.ts";
import { appendFields, codecField } from "./serializer.ts";

/** What the codec asks of the connection that owns it. */
export interface Http1ClientCallbacks {
  /** Read no more from the transport, until resumeInput. Never twice in a row. */
  pauseInput(): void;
  resumeInput(): void;
  /** The stream was reset, by us or by what the peer sent: close the transport now. */
  closeNow(): void;
}

/**
 * HTTP/1.1 on the client's side: one request at a time.
 *
 *     idle ─(newStream)─▶ head ─▶ body ─▶ idle        1xx but 101: head again
 *                          └─▶ tunnel (101 to an upgrade, 2xx to CONNECT)
 *     any ─ error, reset, end of connection, bytes without a request ─▶ closed
 *
 * A sink hears onHead (1xx heads too, with status < 200 and endStream false), onData, onTrailers, or onReset as the last.
 * When its last event says that the message is over, canReuse and the codec are already ready for newStream.
 */
export class Http1ClientCodec implements RequestWriter {
  readonly #output: ByteOutput;
  readonly #callbacks: Http1ClientCallbacks;
  readonly #options: Http1Options;
  readonly #parser: ResponseParser;
  readonly #decoder: BodyDecoder;
  readonly #body: MessageBody;
  #state: "idle" | "head" | "body" | "tunnel" | "closed" = "idle";
  #sink: ResponseSink | null = null;
  #isParserUsed = false;
  #isRequestDone = true;
  #keepsAlive = true;
  #isHeadRequest = false;
  #isConnect = false;
  #isUpgrade = false;
  #pauses = 0;
  /** Where the bytes of the exchange are counted; null for nobody. */
  #bytes: ByteCounts | null = null;

  constructor(output: ByteOutput, callbacks: Http1ClientCallbacks, options: Http1Options) {
    this.#output = output;
    this.#callbacks = callbacks;
    this.#options = options;
    this.#parser = new ResponseParser(options);
    this.#decoder = new BodyDecoder(options);
    this.#body = new MessageBody(options);
    this.#body.output = output;
  }

  /** True when newStream may be called: the last exchange is whole on both sides and the peer keeps the connection. */
  get canReuse(): boolean {
    return this.#state === "idle" && this.#keepsAlive && this.#isRequestDone;
  }

  /** Begins an exchange; only while canReuse. Its bytes are added to `bytes`. */
  newStream(sink: ResponseSink, bytes: ByteCounts | null = null): RequestWriter {
    this.#sink = sink;
    this.#count(bytes);
    this.#state = "head";
    this.#isRequestDone = false;
    this.#isHeadRequest = false;
    this.#isConnect = false;
    this.#isUpgrade = false;
    return this;
  }

  writeHead(head: RequestHead, endStream: boolean): void {
    const headerCase = this.#options.headerCase;
    const method = head.method;
    if (head.has(transferEncodingId)) head.remove("transfer-encoding", transferEncodingId);
    this.#isHeadRequest = method === "HEAD";
    this.#isConnect = method === "CONNECT";
    this.#isUpgrade = head.has(upgradeId) && hasConnectionOption(head.get(connectionId), "upgrade");
    if (hasConnectionOption(head.get(connectionId), "close")) this.#keepsAlive = false;
    const hostName = headerCase === "proper" && head.rawNames === null ? "Host" : head.hostName;
    const target = this.#isConnect ? head.authority : head.path;
    const line = `${method} ${target} HTTP/1.1\r\n`;
    let text = `${line}${hostName}: ${head.authority}\r\n`;
    text = appendFields(text, head, headerCase);
    if (head.has(contentLengthId)) this.#body.startLength(head.get(contentLengthId) as string);
    else if (endStream) {
      if (!isBodyless(method)) text += codecField("content-length", "0", headerCase);
      this.#body.startNone();
    } else if (this.#isUpgrade || this.#isConnect) this.#body.startRaw();
    else {
      text += codecField("transfer-encoding", "chunked", headerCase);
      this.#body.startChunked();
    }
    this.#output.writeText(`${text}\r\n`);
    this.#body.addHead(line.length + 2, text.length - line.length);
    if (endStream) this.#endRequest();
  }

  writeData(bytes: Buffer, endStream: boolean): boolean {
    const isWritable = this.#body.write(bytes, endStream);
    if (endStream) this.#endRequest();
    return isWritable;
  }

  writeTrailers(trailers: HeaderBlock): void {
    this.#body.writeTrailers(trailers);
    this.#endRequest();
  }

  /** Gives the exchange up. HTTP/1 can do so only with the connection. The sink hears nothing more. */
  reset(_reason: StreamReset): void {
    this.#close();
  }

  pauseReading(): void {
    if (this.#pauses++ === 0) this.#callbacks.pauseInput();
  }

  resumeReading(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#callbacks.resumeInput();
  }

  /** From here bytes are passed on as they come, both ways. Done by itself for 101 and a CONNECT's 2xx. */
  becomeTunnel(): void {
    this.#state = "tunnel";
    this.#keepsAlive = false;
    this.#body.startRaw();
  }

  /** Takes bytes[0, length); the buffer is the caller's again afterwards. */
  feed(bytes: Buffer, length: number): void {
    let at = 0;
    if (this.#bytes !== null) this.#bytes.wireReceived += length;
    while (at < length) {
      const state = this.#state;
      if (state === "head") {
        if (this.#isParserUsed) {
          this.#parser.reset();
          this.#isParserUsed = false;
        }
        at = this.#parser.feed(bytes, at, length);
        if (at === needMore) return;
        if (at < 0) {
          this.#fail(this.#parser.error ?? codecError);
          return;
        }
        this.#isParserUsed = true;
        if (!this.#onHead(at < length)) return;
      } else if (state === "body") {
        at = this.#decoder.next(bytes, at, length);
        if (this.#decoder.error !== null) {
          this.#fail(this.#decoder.error);
          return;
        }
        if (!this.#onBody(bytes, at < length)) return;
      } else if (state === "tunnel") {
        this.#sink?.onData(bytes.subarray(at, length), false);
        return;
      } else {
        // Nothing was asked for: whatever comes next could be taken for the answer to another's request.
        this.#close();
        return;
      }
    }
  }

  /** The peer's FIN, or the end of the connection. */
  onTransportEnd(): void {
    const sink = this.#sink;
    const state = this.#state;
    this.#keepsAlive = false;
    if (state === "tunnel") {
      sink?.onData(empty, true);
      return;
    }
    this.#state = "closed";
    this.#sink = null;
    if (sink === null) return;
    if (state === "body" && this.#decoder.endsWithConnection) {
      sink.onData(empty, true);
      return;
    }
    // Envoy: a body that is cut is a protocol error, a head that never came is not.
    if (state === "body") sink.onReset(StreamReset.protocolError, codecError.details);
    else sink.onReset(StreamReset.connectionTermination, "");
  }

  /** The transport is below its watermark again. */
  onDrain(): void {
    this.#sink?.onWritable();
  }

  /** False when nothing more may be read in this turn. */
  #onHead(hasMore: boolean): boolean {
    const parser = this.#parser;
    const head = parser.head;
    const status = head.status;
    const sink = this.#sink as ResponseSink;
    this.#bytes?.addHttp1Head(parser.fieldBytes);
    if (status < 200) {
      if (status !== 101) {
        sink.onHead(head, false);
        return this.#state === "head";
      }
      // Envoy takes an upgrade that nobody asked for.
      if (!this.#isUpgrade && !this.#options.leniency) return this.#fail(codecError);
      this.becomeTunnel();
      sink.onHead(head, false);
      return true;
    }
    if (this.#isConnect && status < 300) {
      this.becomeTunnel();
      sink.onHead(head, false);
      return true;
    }
    const connection = head.get(connectionId);
    if (hasConnectionOption(connection, "close")) this.#keepsAlive = false;
    if (parser.isHttp10 && !hasConnectionOption(connection, "keep-alive")) this.#keepsAlive = false;
    if (this.#isUpgrade || this.#isConnect) this.#keepsAlive = false;
    if (this.#isHeadRequest || status === 204 || status === 304) this.#decoder.startEmpty();
    else this.#decoder.start(parser.framing, true);
    if (this.#decoder.isDone) {
      this.#endResponse(hasMore);
      sink.onHead(head, true);
      return false;
    }
    if (this.#decoder.endsWithConnection) this.#keepsAlive = false;
    this.#state = "body";
    sink.onHead(head, false);
    return this.#sink === sink;
  }

  #onBody(bytes: Buffer, hasMore: boolean): boolean {
    const decoder = this.#decoder;
    const sink = this.#sink as ResponseSink;
    const counts = this.#bytes;
    if (!decoder.isDone) {
      if (decoder.to > decoder.from) sink.onData(bytes.subarray(decoder.from, decoder.to), false);
      return this.#sink === sink;
    }
    this.#endResponse(hasMore);
    const piece = bytes.subarray(decoder.from, decoder.to);
    if (decoder.trailers.size > 0 && this.#options.enableTrailers) {
      if (counts !== null) counts.headerReceived += decoder.trailerBytes;
      sink.onTrailers(decoder.trailers);
    } else sink.onData(piece, true);
    return false;
  }

  /** In front of the last event, so that the sink may start the next exchange from within it. */
  #endResponse(hasMore: boolean): void {
    this.#sink = null;
    this.#count(null);
    if (hasMore) this.#keepsAlive = false;
    this.#state = hasMore ? "closed" : "idle";
    while (this.#pauses > 0) this.resumeReading();
  }

  #endRequest(): void {
    this.#isRequestDone = true;
    if (!this.#body.isWhole) this.#keepsAlive = false;
  }

  #fail(error: ProtocolError): false {
    const sink = this.#sink;
    this.#close();
    sink?.onReset(StreamReset.protocolError, error.details);
    return false;
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#keepsAlive = false;
    this.#sink = null;
    this.#count(null);
    this.#callbacks.closeNow();
  }

  #count(bytes: ByteCounts | null): void {
    this.#bytes = bytes;
    this.#body.bytes = bytes;
  }
}

/** Envoy HeaderUtility::requestShouldHaveNoBody: no "content-length: 0" for these. */
function isBodyless(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "DELETE" || method === "TRACE" || method === "CONNECT";
}

const empty = Buffer.alloc(0);
const connectionId = Known.connection;
const contentLengthId = Known["content-length"];
const transferEncodingId = Known["transfer-encoding"];
const upgradeId = Known.upgrade;
