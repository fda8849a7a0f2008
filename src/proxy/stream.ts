import type { Terminal, TerminalStream } from "../filters/api.ts";
import type { RequestSink, ResponseWriter, StreamReset } from "../http/codec.ts";
import { isGrpcContentType } from "../http/grpc.ts";
import type { HeaderBlock, ResponseHead } from "../http/header-block.ts";
import { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { eventClock } from "../net/event-clock.ts";
import { type LocalReply, localReplies } from "../observability/local-replies.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import type { Route } from "../router/route.ts";
import { RequestDirection, ResponseDirection } from "./directions.ts";
import { type ChainVariant, joinVariants } from "./filter-chain.ts";
import type { Hcm } from "./hcm.ts";
import { Iteration } from "./iteration.ts";
import { writeLocalReply } from "./local-reply.ts";
import { replayRequest } from "./replay.ts";
import { admitRequest } from "./request-admission.ts";
import { noConnection, resetFlag, type StreamConnection } from "./stream-connection.ts";
import { type Limit, replyToLimit, StreamLimits } from "./stream-limits.ts";

/**
 * One request and its response: head policy, filters, router, and what ends it. The connection manager lends it to connections,
 * one after the other.
 *
 *     idle -> begin -> request head -> filters -> terminal -> response head -> body -> complete -> idle
 *                          any time: local reply (before the response began) | abort (after) | reset by the peer
 */
export class Stream implements RequestSink, TerminalStream {
  readonly info: StreamInfo = new StreamInfo();
  request: RequestHead = noRequest;
  route: Route | null = null;
  readonly scratch: unknown[] = [];
  connection: StreamConnection = noConnection;
  readonly hcm: Hcm;
  readonly #terminal: Terminal;
  /** What a local reply is in depends on it, whatever filters make of the head. */
  isGrpcRequest = false;
  #filters: ChainVariant;
  readonly requestWalk: Iteration<RequestHead, HeaderBlock>;
  readonly responseWalk: Iteration<ResponseHead, HeaderBlock>;
  #writer: ResponseWriter | null = null;
  /** Between begin and the end of the response or the stream; only the stream itself sets it. */
  isActive = false;
  isRequestComplete = false;
  isResponseStarted = false;
  #isResponseHeadSent = false;
  #isLocal = false;
  #isUpgraded = false;
  /** A filter stopped a walk of an earlier pass. */
  #mayWait = false;
  #pauses = 0;
  #responsePauses = 0;
  #isAboveWatermark = false;
  readonly #limits: StreamLimits;

  constructor(hcm: Hcm) {
    this.hcm = hcm;
    this.#filters = hcm.chain.variants[0] as ChainVariant;
    this.#terminal = hcm.newTerminal(this);
    this.requestWalk = new Iteration(new RequestDirection(this, this.#terminal), false);
    this.responseWalk = new Iteration(new ResponseDirection(this), true);
    this.#limits = new StreamLimits((limit) => this.#onLimit(limit));
  }

  get isLive(): boolean {
    return this.isActive && !this.#isLocal;
  }
  /** A request begins: its first byte was seen. */
  begin(connection: StreamConnection, writer: ResponseWriter): void {
    this.connection = connection;
    this.#writer = writer;
    this.isActive = true;
    this.#beginPass(this.hcm.spec.requestTimeoutMs);
    connection.onStreamBegin();
  }

  #beginPass(requestTimeoutMs: number): void {
    const { info, hcm, connection } = this;
    hcm.onStreamBegin(info, connection);
    this.#limits.begin(info.start, hcm.spec.streamIdleTimeoutMs, requestTimeoutMs, hcm.spec.maxStreamDurationMs);
    this.#beginWalks(hcm.chain.variants[0] as ChainVariant);
  }

  /** Which of the chain's variants the filters are: of all, -1, or of those behind the one in `slot`, which holds the request. */
  useFilters(variant: number, slot: number): void {
    const chosen = this.hcm.chain.variants[variant] as ChainVariant;
    if (chosen === this.#filters) return;
    if (slot < 0) {
      this.#beginWalks(chosen);
      return;
    }
    this.#filters = joinVariants(this.#filters, chosen, slot);
    this.requestWalk.use(this.#filters.request);
    this.responseWalk.use(this.#filters.response);
  }

  #beginWalks(filters: ChainVariant): void {
    this.#filters = filters;
    this.requestWalk.begin(filters.request, this.hcm.bufferLimitBytes);
    this.responseWalk.begin(filters.response, this.hcm.bufferLimitBytes);
  }

  // From the codec.

  onHead(head: RequestHead, endStream: boolean): void {
    this.adopt(head);
    if (endStream) this.#onRequestComplete();
    if (!admitRequest(this, head, false)) return;
    this.requestWalk.head(head, endStream);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (!this.isActive) return;
    this.info.bytesReceived += bytes.length;
    this.#limits.touch();
    if (endStream) this.#onRequestComplete();
    if (this.#isLocal) return;
    this.requestWalk.data(bytes, endStream);
  }

  onTrailers(trailers: HeaderBlock): void {
    if (!this.isActive) return;
    this.#limits.touch();
    this.#onRequestComplete();
    if (this.#isLocal) return;
    this.requestWalk.trailers(trailers);
  }

  /** The downstream is gone. */
  onReset(reason: StreamReset, detail: string): void {
    if (!this.isActive) return;
    this.info.responseFlags |= resetFlag(reason);
    if (detail !== "") this.info.details = detail;
    this.hcm.stats.count("downstream_rq_rx_reset");
    this.#finish();
  }
  onWritable(): void {
    if (!this.#isAboveWatermark) return;
    this.#isAboveWatermark = false;
    this.resumeResponse();
  }

  /** The head of a request that the codec refused, as far as it is understood: for the access log. */
  adopt(head: RequestHead): void {
    this.request = head;
    this.info.request = head;
    this.isGrpcRequest = isGrpcContentType(head.get(Known["content-type"]));
  }

  // For filters.

  override(slot: number): unknown {
    return this.route?.filters.overrides[slot] ?? null;
  }
  refreshRoute(): void {
    this.route = this.routeAgain(this.request);
  }

  continueRequest(slot: number): void {
    if (!this.isLive) return;
    eventClock.tick();
    this.requestWalk.resume(slot);
  }
  continueResponse(slot: number): void {
    if (!this.isActive) return;
    eventClock.tick();
    this.responseWalk.resume(slot);
  }

  sendLocalReply(reply: LocalReply, edit?: (head: ResponseHead) => void): void {
    if (!this.isActive) return;
    this.info.responseFlags |= reply.flags;
    if (this.isResponseStarted) this.abort(reply.flags, reply.details);
    else {
      this.#beginLocal(reply.details);
      writeLocalReply(this, reply, edit ?? null, false);
    }
  }

  replaceResponse(reply: LocalReply, edit: (head: ResponseHead) => void): void {
    if (!this.isActive || this.#isResponseHeadSent) return;
    this.#beginLocal(reply.details);
    writeLocalReply(this, reply, edit, true);
  }

  answer(head: ResponseHead, details: string): void {
    if (!this.isActive || this.isResponseStarted) return;
    this.#beginLocal(details);
    this.info.noteResponse(head);
    this.responseWalk.head(head, true);
  }

  // For the terminal filter.

  respond(head: ResponseHead, endStream: boolean): void {
    if (!this.isActive) return;
    this.#limits.touch();
    this.isResponseStarted = true;
    this.info.noteResponse(head);
    this.responseWalk.head(head, endStream);
  }

  respondInformational(head: ResponseHead): void {
    if (!this.isResponseStarted && this.hcm.passesInterim(head, this.request)) this.#writer?.writeHead(head, false);
  }
  answer100Continue(): void {
    if (this.isActive && !this.isResponseStarted) this.#writer?.write100Continue();
  }

  respondData(bytes: Buffer, endStream: boolean): boolean {
    if (!this.isActive) return true;
    this.#limits.touch();
    this.responseWalk.data(bytes, endStream);
    return this.#responsePauses === 0;
  }
  respondTrailers(trailers: HeaderBlock): void {
    if (!this.isActive) return;
    this.info.responseTrailers = trailers;
    this.responseWalk.trailers(trailers);
  }

  abort(flags: number, details: string): void {
    if (!this.isActive) return;
    this.info.responseFlags |= flags;
    this.info.details = details;
    const writer = this.#writer;
    this.#finish();
    writer?.reset("local_reset");
  }

  routeAgain(head: RequestHead): Route | null {
    return this.hcm.routeAgain(head, this.info);
  }
  recreate(): void {
    this.#beginLocal("internal_redirect");
    this.responseWalk.bufferLimit = Infinity;
    // Who called the filter must not meet the next pass; what still comes of the answer is lost.
    queueMicrotask(() => this.restart(empty, null));
  }

  restart(body: Buffer, trailers: HeaderBlock | null): void {
    if (!this.isActive) return;
    this.#endPass();
    this.hcm.onStreamRestart(this.info);
    if (this.#pauses > 0) this.#writer?.resumeReading();
    this.#resetPass();
    this.#beginPass(0);
    replayRequest(this, this.requestWalk, body, trailers);
  }

  pauseRequest(): void {
    if (this.#pauses++ === 0) this.#writer?.pauseReading();
  }
  resumeRequest(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#writer?.resumeReading();
  }
  pauseResponse(): void {
    this.#responsePauses++;
  }
  resumeResponse(): void {
    if (this.#responsePauses > 0 && --this.#responsePauses === 0) this.#terminal.onResponseWritable();
  }

  // Behind the response filters: to the codec.

  sendHead(head: ResponseHead, endStream: boolean): void {
    this.info.noteResponse(head);
    this.info.responseStart = eventClock.now;
    this.hcm.responsePolicy.apply(head, this.connection.mustClose, this.request);
    if (head.status === 101 || (this.request.method === "CONNECT" && head.status >= 200 && head.status < 300)) {
      this.#limits.clearRequest();
      this.hcm.stats.onUpgrade(1);
      this.#isUpgraded = true;
    }
    this.#isResponseHeadSent = true;
    if (endStream) this.#beforeLastWrite();
    (this.#writer as ResponseWriter).writeHead(head, endStream);
    if (endStream) this.#finish();
  }

  sendData(bytes: Buffer, endStream: boolean): void {
    this.info.bytesSent += bytes.length;
    if (endStream) this.#beforeLastWrite();
    const isWritable = (this.#writer as ResponseWriter).writeData(bytes, endStream);
    if (endStream) this.#finish();
    else if (!isWritable && !this.#isAboveWatermark) {
      this.#isAboveWatermark = true;
      this.pauseResponse();
    }
  }

  sendTrailers(trailers: HeaderBlock): void {
    // A filter took them all.
    if (trailers.size === 0) {
      this.sendData(empty, true);
      return;
    }
    this.info.responseTrailersBytes = trailers.byteSize();
    this.#beforeLastWrite();
    (this.#writer as ResponseWriter).writeTrailers(trailers);
    this.#finish();
  }

  /** A filter holds more of the response than its limit allows. */
  onResponseBufferFull(): void {
    if (!this.#isResponseHeadSent) {
      this.isResponseStarted = false;
      this.responseWalk.forget();
      this.sendLocalReply(localReplies.responsePayloadTooLarge);
    } else this.abort(0, localReplies.responsePayloadTooLarge.details);
  }

  /** Starts the limits that the chosen route sets. Envoy: the route timeout runs from the end of the request. */
  startRouteTimers(): void {
    if (this.route !== null) this.#limits.startRoute(this.route, this.isRequestComplete ? this.timeoutMs : 0);
  }
  /** The response timeout in force, set by the router from the route and the x-envoy-* fields. 0: none. */
  timeoutMs = 0;

  /** Ends it: the connection closes. */
  drop(): void {
    if (this.isActive) this.#finish();
  }
  dispose(): void {
    this.#limits.dispose();
  }

  #beginLocal(details: string): void {
    this.info.details = details;
    this.#isLocal = true;
    this.isResponseStarted = true;
    this.hcm.noteCluster(this);
    this.#terminal.cancel();
    if (!this.isRequestComplete) this.connection.closeAfterResponse();
  }

  #onRequestComplete(): void {
    this.isRequestComplete = true;
    this.#limits.clearRequest();
    this.info.requestEnd = eventClock.now;
    if (this.timeoutMs > 0 && !this.#isResponseHeadSent) this.#limits.setResponse(this.info.requestEnd, this.timeoutMs);
  }

  #beforeLastWrite(): void {
    this.info.responseEnd = eventClock.now;
    if (!this.isRequestComplete) this.connection.closeAfterResponse();
  }

  #onLimit(limit: Limit): void {
    if (!this.isActive) return;
    const reply = limit === "response" ? null : replyToLimit(limit, this.isRequestComplete, this.hcm.stats);
    if (limit === "response") this.#terminal.onTimeout();
    else if (reply !== null) this.sendLocalReply(reply);
  }

  #finish(): void {
    if (!this.isActive) return;
    this.isActive = false;
    const { hcm, connection } = this;
    if (!this.#isLocal) this.#terminal.cancel();
    if (this.#isUpgraded) hcm.stats.onUpgrade(-1);
    this.#endPass();
    hcm.onStreamEnd(this.info);
    const mayWait = this.#mayWait;
    this.#reset();
    connection.onStreamEnd();
    // A filter that stopped the walk may hold the stream and go on late: it must not meet another request.
    if (mayWait) this.#limits.dispose();
    else hcm.giveStream(this);
  }

  #endPass(): void {
    this.info.end = eventClock.now;
    this.#limits.clear();
    for (const entry of this.#filters.destroy) entry.filter.onDestroy?.(this);
    this.#mayWait ||= this.requestWalk.wasStopped || this.responseWalk.wasStopped;
  }

  #resetPass(): void {
    this.#terminal.reset();
    if (this.scratch.length > 0) this.scratch.length = 0;
    this.isResponseStarted = false;
    this.#isLocal = false;
    this.#pauses = 0;
    this.#responsePauses = 0;
  }

  #reset(): void {
    this.#resetPass();
    this.info.reset();
    this.connection = noConnection;
    this.request = noRequest;
    this.route = null;
    this.timeoutMs = 0;
    this.#writer = null;
    this.isRequestComplete = false;
    this.#isResponseHeadSent = false;
    this.#isUpgraded = false;
    this.#mayWait = false;
    this.isGrpcRequest = false;
    this.#isAboveWatermark = false;
  }
}

const noRequest = new RequestHead();
const empty = Buffer.alloc(0);
