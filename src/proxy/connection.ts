import type { RequestSink, ResponseWriter } from "../http/codec.ts";
import { missingHost, type ProtocolError } from "../http/h1/protocol-error.ts";
import { Http1ServerCodec } from "../http/h1/server-codec.ts";
import type { ServerExchanges } from "../http/h1/server-exchange.ts";
import { isHttp2Preface } from "../http/h2/frames.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { Transport, TransportSink } from "../net/transport.ts";
import { localReply } from "../observability/local-replies.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { ClientCert } from "./client-cert.ts";
import { addressesOf, type ConnectionAddresses } from "./connection-addresses.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import type { Hcm } from "./hcm.ts";
import { headTimeoutMs, replyToLateHead } from "./late-head.ts";
import type { Stream } from "./stream.ts";
import {
  afterResponse,
  delayedClose,
  describeConnection,
  describeEnd,
  type StreamConnection,
} from "./stream-connection.ts";

/**
 * A downstream HTTP/1 connection: one transport, one codec, and a stream while there is a request.
 *
 *     idle <-> in a request -> (closing: delayed close of the write side, then the rest) -> closed
 */
export class HttpConnection implements TransportSink, StreamConnection {
  place = -1;
  readonly hcm: Hcm;
  readonly id: number;
  readonly tls: TlsInfo | null;
  readonly clientCert: ClientCert;
  readonly addresses: ConnectionAddresses;
  /** What a PROXY header named; null without one. */
  readonly proxied: ProxiedAddresses | null;
  readonly #owner: ConnectionOwner;
  readonly #transport: Transport;
  readonly #codec: Http1ServerCodec;
  #stream: Stream | null = null;
  /** The end of what the connection does between requests: being idle, sending a head, closing. */
  readonly #timer: LazyTimer;
  /** max_connection_duration, then drain_timeout; null while there is no such limit. */
  #durationTimer: LazyTimer | null = null;
  readonly #start: number;
  #idleSince: number;
  #requests = 0;
  #isClosing = false;
  #isDraining = false;
  /** Its listener, chain or address is no more. */
  #isLeaving = false;
  #isHeadTimed = false;
  /** codec_type AUTO, and nothing was read yet. */
  #mayBeHttp2: boolean;
  #first: Buffer | null = null;
  terminationDetails = "";
  /** Envoy's local close reason. */
  #closeReason = "";
  /** What the transport ended with, unless it was to end anyway. */
  #error = "";
  #wasLocalClose = false;
  /** The client's FIN came in the middle of a request. */
  #endedRequest = false;
  /** Bits of ResponseFlag. */
  #flags = 0;
  #bytesRead = 0;
  #bytesWritten = 0;

  /** `open` makes the transport; `tls`: null for plain text. */
  constructor(
    owner: ConnectionOwner,
    hcm: Hcm,
    exchanges: ServerExchanges,
    id: number,
    tls: TlsInfo | null,
    proxied: ProxiedAddresses | null,
    open: (sink: TransportSink) => Transport,
  ) {
    this.#owner = owner;
    this.hcm = hcm;
    this.id = id;
    this.tls = tls;
    this.clientCert = hcm.clientCertOf(tls);
    this.#transport = open(this);
    const transport = this.#transport;
    this.proxied = proxied;
    this.addresses = addressesOf(transport, proxied);
    this.#codec = new Http1ServerCodec(transport, this, exchanges);
    this.#codec.closeIsNotice = owner.isDraining;
    this.#timer = new LazyTimer(() => this.#onTimer());
    const now = eventClock.tick();
    this.#start = now;
    this.#idleSince = now;
    const spec = hcm.spec;
    if (spec.idleTimeoutMs > 0) this.#timer.set(now, spec.idleTimeoutMs);
    if (spec.maxConnectionDurationMs > 0) this.#limitDuration(spec.maxConnectionDurationMs);
    this.#mayBeHttp2 = spec.codec === "AUTO" && tls === null;
    hcm.stats.onConnectionBegin(tls !== null, false);
  }

  readonly isHttp2 = false;

  get protocol(): string {
    return this.#codec.isHttp10 ? "HTTP/1.0" : "HTTP/1.1";
  }

  /** Asked in front of each response. Envoy begins to drain a connection here. */
  get mustClose(): boolean {
    if (this.#isClosing || this.#isDraining) return true;
    if (!this.#owner.sendsAway && !this.#isLeaving) return false;
    this.hcm.stats.count("downstream_cx_drain_close");
    this.#startDrain();
    return true;
  }

  // From the transport.

  onConnect(): void {}

  onBytes(bytes: Buffer, length: number): void {
    if (this.#isClosing && this.#stream === null) return;
    if (this.#mayBeHttp2) {
      this.#readFirst(bytes, length);
      return;
    }
    this.#read(bytes, length);
  }

  /** codec_type AUTO: HTTP/2 by its preface. Four bytes tell it from every method. */
  #readFirst(bytes: Buffer, length: number): void {
    let first = bytes;
    let size = length;
    if (this.#first !== null) {
      first = Buffer.concat([this.#first, bytes.subarray(0, length)]);
      size = first.length;
    }
    const isHttp2 = isHttp2Preface(first, size);
    if (isHttp2 === null && size < 4) {
      this.#first = Buffer.from(first.subarray(0, size));
      return;
    }
    this.#mayBeHttp2 = false;
    this.#first = null;
    if (isHttp2 === false) this.#read(first, size);
    else this.#handOver(first, size);
  }

  #read(bytes: Buffer, length: number): void {
    this.#codec.feed(bytes, length);
    this.#countBytes();
    if (this.#codec.isHeadPartial) this.#onPartialHead();
    else if (this.#isHeadTimed) {
      this.#isHeadTimed = false;
      if (this.#stream !== null) this.#timer.clear();
    }
  }

  /** Envoy takes a half-close by an HTTP/1 client for a disconnect. */
  onEnd(): void {
    const stream = this.#streamOrPart();
    this.#endedRequest = stream !== null;
    this.#codec.onTransportEnd();
    stream?.onReset("connection_termination", "downstream_remote_disconnect");
    this.#transport.destroy();
  }

  onClose(error: string): void {
    if (!this.#isClosing) this.#error = error;
    const stream = this.#streamOrPart();
    const hadRequest = stream !== null || this.#endedRequest;
    stream?.onReset(
      "connection_termination",
      this.#wasLocalClose ? "downstream_local_disconnect" : "downstream_remote_disconnect",
    );
    this.#timer.dispose();
    this.#durationTimer?.dispose();
    this.#countBytes();
    this.hcm.stats.onConnectionEnd(
      eventClock.now - this.#start,
      this.#wasLocalClose,
      hadRequest,
      this.tls !== null,
      false,
    );
    this.#owner.onConnectionEnd(this);
  }

  onDrain(): void {
    this.#codec.onDrain();
  }

  // From the codec.

  newStream(writer: ResponseWriter): RequestSink {
    return this.#begin(writer);
  }

  pauseInput(): void {
    this.hcm.stats.count("downstream_flow_control_paused_reading_total");
    this.#transport.pause();
  }

  resumeInput(): void {
    this.hcm.stats.count("downstream_flow_control_resumed_reading_total");
    this.#transport.resume();
  }

  closeNow(): void {
    this.destroy(afterResponse);
  }

  onProtocolError(error: ProtocolError, writer: ResponseWriter): void {
    const flags = error.flag === "" ? 0 : ResponseFlag[error.flag];
    if (flags !== 0) this.hcm.stats.count("downstream_cx_protocol_error");
    this.#flags |= flags;
    const stream = this.#stream ?? this.#begin(writer);
    if (error === missingHost) stream.adopt(this.#codec.head);
    this.#closeReason = error.closeReason;
    this.closeAfterResponse();
    if (stream.isResponseStarted) {
      stream.drop();
      this.close();
      return;
    }
    stream.sendLocalReply(localReply(error.status, error.body, error.details, flags));
  }

  // From the stream.

  onStreamBegin(): void {
    this.#timer.clear();
    if (++this.#requests !== this.hcm.spec.maxRequestsPerConnection) return;
    this.hcm.stats.count("downstream_cx_max_requests_reached");
    this.#isClosing = true;
  }

  onStreamEnd(): void {
    this.#stream = null;
    this.#codec.rest();
    if (this.#transport.isClosed || this.#endedRequest) return;
    if (this.#codec.shouldClose || this.#isClosing) {
      this.close();
      return;
    }
    this.#idleSince = eventClock.now;
    if (this.#owner.isDraining || this.#isLeaving) this.#timer.set(eventClock.now, drainGraceMs);
    else if (this.hcm.spec.idleTimeoutMs > 0) this.#timer.set(eventClock.now, this.hcm.spec.idleTimeoutMs);
  }

  closeAfterResponse(): void {
    this.#isClosing = true;
  }

  /**
   * A busy connection is told to go with its response. One that was busy a moment ago may have the next request
   * on its way, so only one that is idle for drainGraceMs is closed.
   */
  drain(): void {
    this.#isLeaving = true;
    this.#codec.closeIsNotice = true;
    if (this.#stream !== null || this.#isHeadTimed || this.#isClosing) return;
    const left = this.#idleSince + drainGraceMs - eventClock.now;
    if (left <= 0) this.#closeDrained();
    else this.#timer.set(eventClock.now, left);
  }

  #closeDrained(): void {
    if (!this.#isDraining) this.hcm.stats.count("downstream_cx_drain_close");
    this.close();
  }

  /** Sends what is written, FIN, and waits delayed_close_timeout for the peer before it lets go. */
  close(reason = afterResponse): void {
    this.#isClosing = true;
    this.#closeReason ||= reason;
    this.#wasLocalClose = true;
    this.#transport.end();
    this.#timer.set(eventClock.now, this.hcm.spec.delayedCloseTimeoutMs || 5);
  }

  /** Ends it with what it was doing. */
  destroy(closeReason = ""): void {
    this.#closeReason = closeReason;
    this.#wasLocalClose = true;
    this.#transport.destroy();
  }

  describe(info: StreamInfo): void {
    describeConnection(info, this);
    // What is no HTTP has no protocol.
    if (this.#requests <= (this.#flags === 0 ? 0 : 1)) info.protocol = "";
    describeEnd(info, this, this.#start, this.#closeReason, this.#error);
    info.responseFlags = this.#flags;
    info.bytesReceived = this.#bytesRead;
    info.bytesSent = this.#bytesWritten;
  }

  /** Part of a head is there: Envoy's request_headers_timeout runs, and the connection is not idle. */
  #onPartialHead(): void {
    if (this.#isHeadTimed) return;
    this.#isHeadTimed = true;
    this.#timer.clear();
    const limit = headTimeoutMs(this.hcm.spec);
    if (limit > 0) this.#timer.set(eventClock.now, limit);
  }

  #countBytes(): void {
    const read = this.#transport.bytesRead;
    const written = this.#transport.bytesWritten;
    this.hcm.stats.onBytes(read - this.#bytesRead, written - this.#bytesWritten);
    this.#bytesRead = read;
    this.#bytesWritten = written;
  }

  #begin(writer: ResponseWriter): Stream {
    const stream = this.hcm.takeStream();
    this.#stream = stream;
    stream.begin(this, writer);
    this.#codec.countInto(stream.info.downstreamBytes);
    return stream;
  }

  #handOver(bytes: Buffer, length: number): void {
    this.#timer.dispose();
    this.#durationTimer?.dispose();
    this.hcm.stats.onBecomesHttp2();
    this.#owner.onHttp2(this, this.#transport, bytes, length);
  }

  /** A request whose head is not whole yet is one for the log too, as Envoy's stream begins with the first byte. */
  #streamOrPart(): Stream | null {
    return this.#stream ?? (this.#codec.isHeadPartial ? this.#begin(this.#codec) : null);
  }

  #limitDuration(ms: number): void {
    if (this.#durationTimer === null) this.#durationTimer = new LazyTimer(() => this.#onMaxDuration());
    this.#durationTimer.set(eventClock.now, ms);
  }

  #onTimer(): void {
    if (this.#isClosing) this.#onCloseTimeout();
    else if (this.#stream !== null) return;
    else if (this.#isHeadTimed) this.#onHeadTimeout();
    else this.#onIdle();
  }

  /** Envoy drains a connection that had a request: one that comes meanwhile is answered, and told to close. */
  #onIdle(): void {
    if (this.#owner.isDraining || this.#isLeaving) {
      this.#closeDrained();
      return;
    }
    if (this.#stream !== null) return;
    this.hcm.stats.count("downstream_cx_idle_timeout");
    if (this.#requests === 0) this.close("on_idle_timeout");
    else this.#startDrain();
  }

  #startDrain(): void {
    this.#isDraining = true;
    this.#codec.closeIsNotice = true;
    this.#limitDuration(this.hcm.spec.drainTimeoutMs);
  }

  #onHeadTimeout(): void {
    const stream = this.#begin(this.#codec);
    this.closeAfterResponse();
    stream.sendLocalReply(replyToLateHead(this.hcm));
  }

  #onMaxDuration(): void {
    if (this.#isDraining) {
      if (this.#stream === null) this.close();
      else this.#endDrain();
      return;
    }
    this.hcm.stats.count("downstream_cx_max_duration_reached");
    if (this.#requests === 0) this.close("duration_timeout");
    else this.#startDrain();
  }

  /** Envoy's drain is over: the response under way is the last. */
  #endDrain(): void {
    this.#isClosing = true;
    this.#codec.closeIsNotice = false;
  }

  #onCloseTimeout(): void {
    if (this.hcm.spec.delayedCloseTimeoutMs > 0) {
      this.hcm.stats.count("downstream_cx_delayed_close_timeout");
      this.#closeReason = delayedClose;
    }
    this.destroy(this.#closeReason);
  }
}

const drainGraceMs = 1000;
