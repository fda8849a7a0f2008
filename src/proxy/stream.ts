import type { DataStatus, HeadersStatus, Terminal, TerminalStream } from "../filters/api.ts";
import type { RequestSink, ResponseWriter, StreamReset } from "../http/codec.ts";
import type { HeaderBlock, ResponseHead } from "../http/header-block.ts";
import { RequestHead } from "../http/header-block.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import type { Route } from "../router/route.ts";
import type { ChainEntry } from "./filter-chain.ts";
import type { Hcm } from "./hcm.ts";
import { Iteration } from "./iteration.ts";
import { writeLocalReply } from "./local-reply.ts";
import { admitRequest } from "./request-admission.ts";

/** What a stream needs of its connection. */
export interface StreamConnection {
  readonly hcm: Hcm;
  readonly id: number;
  readonly isTls: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteText: string;
  readonly localPort: number;
  readonly localText: string;
  readonly protocol: string;
  /** The response must say `connection: close`. */
  readonly mustClose: boolean;
  /** Counted with the stream: max_requests_per_connection. */
  onStreamBegin(): void;
  onStreamEnd(): void;
  /** HTTP/1: the connection closes after the response (an unread request body, a 4xx of the codec). */
  closeAfterResponse(): void;
}

/**
 * One request and its response: head policy, filters, router, and what ends it. An HTTP/1 connection reuses its one object.
 *
 *     idle -> begin -> request head -> filters -> terminal -> response head -> body -> complete -> idle
 *                          any time: local reply (before the response began) | abort (after) | reset by the peer
 */
export class Stream implements RequestSink, TerminalStream {
  readonly info: StreamInfo = new StreamInfo();
  request: RequestHead = noRequest;
  route: Route | null = null;
  readonly scratch: unknown[] = [];
  readonly connection: StreamConnection;
  readonly #terminal: Terminal;
  readonly #requestWalk: Iteration<RequestHead, HeaderBlock>;
  readonly #responseWalk: Iteration<ResponseHead, HeaderBlock>;
  #writer: ResponseWriter | null = null;
  #isActive = false;
  #isRequestComplete = false;
  #isResponseStarted = false;
  #isResponseHeadSent = false;
  #isLocal = false;
  #isUpgraded = false;
  #pauses = 0;
  #routeTimer: LazyTimer;
  #durationTimer: LazyTimer;
  #requestTimer: LazyTimer;
  #idleTimer: LazyTimer;
  #idleTimeoutMs = 0;
  #lastActivity = 0;

  constructor(connection: StreamConnection) {
    this.connection = connection;
    this.#terminal = connection.hcm.newTerminal(this);
    this.#requestWalk = new Iteration(new RequestDirection(this, this.#terminal), false);
    this.#responseWalk = new Iteration(new ResponseDirection(this), true);
    this.#routeTimer = new LazyTimer(() => this.#onRouteTimeout());
    this.#durationTimer = new LazyTimer(() => this.#onDurationTimeout());
    this.#requestTimer = new LazyTimer(() => this.#onRequestTimeout());
    this.#idleTimer = new LazyTimer(() => this.#onIdleTimer());
  }

  get isActive(): boolean {
    return this.#isActive;
  }
  get isLive(): boolean {
    return this.#isActive && !this.#isLocal;
  }
  get isResponseStarted(): boolean {
    return this.#isResponseStarted;
  }
  get isRequestComplete(): boolean {
    return this.#isRequestComplete;
  }

  /** A request begins: its first byte was seen. */
  begin(writer: ResponseWriter): void {
    const hcm = this.connection.hcm;
    this.#writer = writer;
    this.#isActive = true;
    const info = this.info;
    const now = performance.now();
    info.start = now;
    info.startTimeMs = performance.timeOrigin + now;
    info.protocol = this.connection.protocol;
    info.connectionId = this.connection.id;
    info.downstreamLocalAddress = this.connection.localText;
    info.downstreamDirectRemoteAddress = this.connection.remoteText;
    info.downstreamRemoteAddress = this.connection.remoteText;
    info.filterChainName = hcm.filterChainName;
    info.listenerName = hcm.listenerName;
    this.#lastActivity = now;
    this.#idleTimeoutMs = hcm.spec.streamIdleTimeoutMs;
    if (this.#idleTimeoutMs > 0) this.#idleTimer.set(now, this.#idleTimeoutMs);
    if (hcm.spec.requestTimeoutMs > 0) this.#requestTimer.set(now, hcm.spec.requestTimeoutMs);
    if (hcm.spec.maxStreamDurationMs > 0) this.#durationTimer.set(now, hcm.spec.maxStreamDurationMs);
    this.#requestWalk.begin(hcm.requestLists, hcm.bufferLimitBytes);
    this.#responseWalk.begin(hcm.responseLists, hcm.bufferLimitBytes);
    hcm.stats.onRequestBegin();
    this.connection.onStreamBegin();
  }

  /** Of a request that the codec refused: what was understood of its head, for the log. */
  adoptHead(head: RequestHead): void {
    this.request = head;
    this.info.request = head;
  }

  // From the codec.

  onHead(head: RequestHead, endStream: boolean): void {
    this.request = head;
    this.info.request = head;
    this.info.requestHeadersBytes = head.byteSize();
    this.#lastActivity = this.info.start;
    if (endStream) this.#onRequestComplete();
    if (!admitRequest(this, head)) return;
    this.#requestWalk.head(head, endStream);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (!this.#isActive) return;
    this.info.bytesReceived += bytes.length;
    this.#touch();
    if (endStream) this.#onRequestComplete();
    if (this.#isLocal) return;
    this.#requestWalk.data(bytes, endStream);
  }

  onTrailers(trailers: HeaderBlock): void {
    if (!this.#isActive) return;
    this.#touch();
    this.#onRequestComplete();
    if (this.#isLocal) return;
    this.#requestWalk.trailers(trailers);
  }

  /** The downstream is gone. */
  onReset(_reason: StreamReset, detail: string): void {
    if (!this.#isActive) return;
    this.info.responseFlags |= ResponseFlag.DC;
    if (this.info.details === "") this.info.details = detail;
    this.connection.hcm.stats.count("downstream_rq_rx_reset");
    this.#finish();
  }

  onWritable(): void {
    if (this.#isActive) this.#terminal.onResponseWritable();
  }

  // For filters.

  override(slot: number): unknown {
    return this.route === null ? null : this.connection.hcm.overrideFor(this.route, slot);
  }

  continueRequest(slot: number): void {
    if (this.isLive) this.#requestWalk.resume(slot);
  }

  continueResponse(slot: number): void {
    if (this.#isActive) this.#responseWalk.resume(slot);
  }

  sendLocalReply(
    status: number,
    body: string,
    flags: number,
    details: string,
    edit?: (head: ResponseHead) => void,
  ): void {
    if (!this.#isActive) return;
    this.info.responseFlags |= flags;
    if (this.#isResponseStarted) {
      this.abort(flags, details);
      return;
    }
    this.info.details = details;
    this.#isLocal = true;
    this.#isResponseStarted = true;
    this.#terminal.cancel();
    if (!this.#isRequestComplete) this.connection.closeAfterResponse();
    writeLocalReply(this, status, body, edit ?? null);
  }

  /** The head and body of the proxy's own reply, through the response filters. */
  deliverLocalReply(head: ResponseHead, body: Buffer | null): void {
    this.#responseWalk.head(head, body === null);
    if (body !== null && this.#isActive) this.#responseWalk.data(body, true);
  }

  // For the terminal filter.

  respond(head: ResponseHead, endStream: boolean): void {
    if (!this.#isActive) return;
    this.#touch();
    this.#isResponseStarted = true;
    this.info.response = head;
    this.info.responseCode = head.status;
    this.#responseWalk.head(head, endStream);
  }

  respondInformational(head: ResponseHead): void {
    if (this.#isActive && !this.#isResponseStarted && head.status === 100) this.#writer?.write100Continue();
  }

  respondData(bytes: Buffer, endStream: boolean): boolean {
    if (!this.#isActive) return true;
    this.#touch();
    this.#isAboveWatermark = false;
    this.#responseWalk.data(bytes, endStream);
    return !this.#isAboveWatermark;
  }
  #isAboveWatermark = false;

  respondTrailers(trailers: HeaderBlock): void {
    if (!this.#isActive) return;
    this.info.responseTrailers = trailers;
    this.#responseWalk.trailers(trailers);
  }

  abort(flags: number, details: string): void {
    if (!this.#isActive) return;
    this.info.responseFlags |= flags;
    this.info.details = details;
    const writer = this.#writer;
    this.#finish();
    writer?.reset("local_reset");
  }

  pauseRequest(): void {
    if (this.#pauses++ === 0) this.#writer?.pauseReading();
  }

  resumeRequest(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#writer?.resumeReading();
  }

  // Behind the response filters: to the codec.

  sendHead(head: ResponseHead, endStream: boolean): void {
    const writer = this.#writer as ResponseWriter;
    const info = this.info;
    info.response = head;
    info.responseCode = head.status;
    info.responseStart = performance.now();
    this.connection.hcm.responsePolicy.apply(head, this.connection.mustClose);
    if (head.status === 101 || (this.request.method === "CONNECT" && head.status >= 200 && head.status < 300)) {
      this.#requestTimer.clear();
      this.connection.hcm.stats.onUpgrade(1);
      this.#isUpgraded = true;
    }
    info.responseHeadersBytes = head.byteSize();
    this.#isResponseHeadSent = true;
    if (endStream) this.#beforeLastWrite();
    writer.writeHead(head, endStream);
    if (endStream) this.#finish();
  }

  sendData(bytes: Buffer, endStream: boolean): void {
    const writer = this.#writer as ResponseWriter;
    this.info.bytesSent += bytes.length;
    if (endStream) this.#beforeLastWrite();
    if (!writer.writeData(bytes, endStream)) this.#isAboveWatermark = true;
    if (endStream) this.#finish();
  }

  sendTrailers(trailers: HeaderBlock): void {
    this.info.responseTrailersBytes = trailers.byteSize();
    this.#beforeLastWrite();
    (this.#writer as ResponseWriter).writeTrailers(trailers);
    this.#finish();
  }

  /** A filter holds more of a message than its limit allows. */
  onBufferFull(isRequest: boolean, isWatermark: boolean): void {
    if (isRequest) {
      if (isWatermark) this.pauseRequest();
      else {
        this.connection.hcm.stats.count("downstream_rq_too_large");
        this.sendLocalReply(413, "Payload Too Large", 0, "request_payload_too_large");
      }
    } else if (!this.#isResponseHeadSent) {
      this.#isResponseStarted = false;
      this.sendLocalReply(500, "Internal Server Error", 0, "response_payload_too_large");
    } else this.abort(0, "response_payload_too_large");
  }

  /** Starts the limits that the chosen route sets. Envoy: the route timeout runs from the end of the request. */
  startRouteTimers(): void {
    const route = this.route;
    if (route === null) return;
    const now = performance.now();
    if (route.idleTimeoutMs !== null) {
      this.#idleTimeoutMs = route.idleTimeoutMs;
      if (route.idleTimeoutMs > 0) this.#idleTimer.set(now, route.idleTimeoutMs);
      else this.#idleTimer.clear();
    }
    const maxMs = route.maxStreamDuration?.maxStreamDurationMs ?? null;
    if (maxMs !== null) {
      if (maxMs > 0) this.#durationTimer.set(now, maxMs);
      else this.#durationTimer.clear();
    }
    if (this.#isRequestComplete && this.timeoutMs > 0) this.#routeTimer.set(now, this.timeoutMs);
  }
  /** The response timeout in force, set by the router from the route and the x-envoy-* fields. 0: none. */
  timeoutMs = 0;

  /** Ends it without another word: the connection closes. */
  drop(): void {
    if (this.#isActive) this.#finish();
  }

  dispose(): void {
    this.#routeTimer.dispose();
    this.#durationTimer.dispose();
    this.#requestTimer.dispose();
    this.#idleTimer.dispose();
  }

  #onRequestComplete(): void {
    this.#isRequestComplete = true;
    this.#requestTimer.clear();
    const now = performance.now();
    this.info.requestEnd = now;
    if (this.timeoutMs > 0 && !this.#isResponseHeadSent) this.#routeTimer.set(now, this.timeoutMs);
  }

  #beforeLastWrite(): void {
    this.info.responseEnd = performance.now();
    if (!this.#isRequestComplete) this.connection.closeAfterResponse();
  }

  #touch(): void {
    if (this.#idleTimeoutMs > 0) this.#lastActivity = performance.now();
  }

  #onIdleTimer(): void {
    if (!this.#isActive) return;
    const left = this.#lastActivity + this.#idleTimeoutMs - performance.now();
    if (left > 0) {
      this.#idleTimer.set(performance.now(), left);
      return;
    }
    this.connection.hcm.stats.count("downstream_rq_idle_timeout");
    if (this.#isResponseStarted) this.abort(ResponseFlag.SI, "stream_idle_timeout");
    else
      this.sendLocalReply(
        this.#isRequestComplete ? 504 : 408,
        "stream timeout",
        ResponseFlag.SI,
        "stream_idle_timeout",
      );
  }

  #onRouteTimeout(): void {
    if (!this.#isActive) return;
    this.#terminal.onTimeout();
    if (this.#isResponseStarted) this.abort(ResponseFlag.UT, "response_timeout");
    else this.sendLocalReply(504, "upstream request timeout", ResponseFlag.UT, "response_timeout");
  }

  #onDurationTimeout(): void {
    if (!this.#isActive) return;
    this.connection.hcm.stats.count("downstream_rq_max_duration_reached");
    if (this.#isResponseStarted) this.abort(0, "max_duration_timeout");
    else
      this.sendLocalReply(
        this.#isRequestComplete ? 504 : 408,
        "downstream duration timeout",
        0,
        "max_duration_timeout",
      );
  }

  #onRequestTimeout(): void {
    if (!this.#isActive || this.#isRequestComplete) return;
    this.connection.hcm.stats.count("downstream_rq_timeout");
    if (this.#isResponseStarted) this.abort(0, "request_overall_timeout");
    else this.sendLocalReply(408, "request timeout", 0, "request_overall_timeout");
  }

  #finish(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    const info = this.info;
    const hcm = this.connection.hcm;
    info.end = performance.now();
    this.#routeTimer.clear();
    this.#durationTimer.clear();
    this.#requestTimer.clear();
    this.#idleTimer.clear();
    if (!this.#isLocal) this.#terminal.cancel();
    if (this.#isUpgraded) hcm.stats.onUpgrade(-1);
    for (const entry of hcm.chain.destroy) entry.filter.onDestroy?.(this);
    hcm.onStreamEnd(info);
    this.#reset();
    this.connection.onStreamEnd();
  }

  #reset(): void {
    this.#terminal.reset();
    this.info.reset();
    this.request = noRequest;
    this.route = null;
    this.timeoutMs = 0;
    if (this.scratch.length > 0) this.scratch.length = 0;
    this.#writer = null;
    this.#isRequestComplete = false;
    this.#isResponseStarted = false;
    this.#isResponseHeadSent = false;
    this.#isLocal = false;
    this.#isUpgraded = false;
    this.#pauses = 0;
  }
}

class RequestDirection {
  readonly #stream: Stream;
  readonly #terminal: Terminal;
  constructor(stream: Stream, terminal: Terminal) {
    this.#stream = stream;
    this.#terminal = terminal;
  }
  get isLive(): boolean {
    return this.#stream.isLive;
  }
  callHead(entry: ChainEntry, head: RequestHead, endStream: boolean): HeadersStatus {
    return (entry.filter.onRequestHead as NonNullable<typeof entry.filter.onRequestHead>)(
      this.#stream,
      head,
      endStream,
    );
  }
  callData(entry: ChainEntry, bytes: Buffer, endStream: boolean): DataStatus {
    return (entry.filter.onRequestData as NonNullable<typeof entry.filter.onRequestData>)(
      this.#stream,
      bytes,
      endStream,
    );
  }
  callTrailers(entry: ChainEntry, trailers: HeaderBlock): DataStatus {
    return (entry.filter.onRequestTrailers as NonNullable<typeof entry.filter.onRequestTrailers>)(
      this.#stream,
      trailers,
    );
  }
  deliverHead(head: RequestHead, endStream: boolean): void {
    this.#terminal.start(head, endStream);
  }
  deliverData(bytes: Buffer, endStream: boolean): void {
    this.#terminal.data(bytes, endStream);
  }
  deliverTrailers(trailers: HeaderBlock): void {
    this.#terminal.trailers(trailers);
  }
  onBufferFull(isWatermark: boolean): void {
    this.#stream.onBufferFull(true, isWatermark);
  }
  onBufferDrained(): void {
    this.#stream.resumeRequest();
  }
}

class ResponseDirection {
  readonly #stream: Stream;
  constructor(stream: Stream) {
    this.#stream = stream;
  }
  get isLive(): boolean {
    return this.#stream.isActive;
  }
  callHead(entry: ChainEntry, head: ResponseHead, endStream: boolean): HeadersStatus {
    return (entry.filter.onResponseHead as NonNullable<typeof entry.filter.onResponseHead>)(
      this.#stream,
      head,
      endStream,
    );
  }
  callData(entry: ChainEntry, bytes: Buffer, endStream: boolean): DataStatus {
    return (entry.filter.onResponseData as NonNullable<typeof entry.filter.onResponseData>)(
      this.#stream,
      bytes,
      endStream,
    );
  }
  callTrailers(entry: ChainEntry, trailers: HeaderBlock): DataStatus {
    return (entry.filter.onResponseTrailers as NonNullable<typeof entry.filter.onResponseTrailers>)(
      this.#stream,
      trailers,
    );
  }
  deliverHead(head: ResponseHead, endStream: boolean): void {
    this.#stream.sendHead(head, endStream);
  }
  deliverData(bytes: Buffer, endStream: boolean): void {
    this.#stream.sendData(bytes, endStream);
  }
  deliverTrailers(trailers: HeaderBlock): void {
    this.#stream.sendTrailers(trailers);
  }
  onBufferFull(isWatermark: boolean): void {
    this.#stream.onBufferFull(false, isWatermark);
  }
  onBufferDrained(): void {}
}

const noRequest = new RequestHead();
