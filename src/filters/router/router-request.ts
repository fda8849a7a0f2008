import type { RequestWriter, StreamReset } from "../../http/codec.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { eventClock } from "../../net/event-clock.ts";
import type { ProxiedAddresses } from "../../net/proxy-protocol.ts";
import { localReplies, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { Route } from "../../router/route.ts";
import type { Borrower, BorrowFailure, UpstreamConnectionInfo } from "../../upstream/borrower.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { Host } from "../../upstream/host-set.ts";
import type { Terminal, TerminalStream } from "../api.ts";
import { answerWithoutUpstream } from "./direct.ts";
import { RouteLbContext } from "./lb-context.ts";
import { takeOverrides } from "./overrides.ts";
import { resetReply } from "./reset-reply.ts";
import { Shadows } from "./shadow.ts";

/** The counters of the router filter: `http.<stat_prefix>.*`. */
export interface RouterStats {
  count(
    name:
      | "no_route"
      | "no_cluster"
      | "rq_total"
      | "rq_direct_response"
      | "rq_redirect"
      | "rq_reset_after_downstream_response_started",
  ): void;
}

/** Cluster by name; null when there is none. */
export type ClusterDirectory = (name: string) => Cluster | null;

/** Of all streams of a connection manager. */
export interface RouterOptions {
  /** It may change where the router's config comes by ECDS. */
  suppressEnvoyHeaders: boolean;
  readonly bufferLimitBytes: number;
}

/**
 * The router filter of one stream: chooses the cluster, borrows an upstream stream, and carries both bodies.
 *
 *     idle -> start -> (waiting for a connection) -> sending -> response head -> response body -> done
 *             any time: cancel() by the downstream, onBorrowFailed() or onReset() by the upstream
 */
export class RouterRequest implements Terminal, Borrower {
  readonly #stream: TerminalStream;
  readonly #clusters: ClusterDirectory;
  readonly #stats: RouterStats;
  readonly #options: RouterOptions;
  #cluster: Cluster | null = null;
  #head: RequestHead | null = null;
  #headEnd = false;
  #writer: RequestWriter | null = null;
  #isWaiting = false;
  #isPaused = false;
  #isUpstreamPaused = false;
  #isHeadReceived = false;
  #isDone = true;
  #pending: Buffer[] | null = null;
  #pendingBytes = 0;
  #isPendingEnd = false;
  #pendingTrailers: HeaderBlock | null = null;
  #shadows: Shadows | null = null;
  #start = 0;
  readonly #lbContext = new RouteLbContext();

  constructor(stream: TerminalStream, clusters: ClusterDirectory, stats: RouterStats, options: RouterOptions) {
    this.#stream = stream;
    this.#clusters = clusters;
    this.#stats = stats;
    this.#options = options;
  }

  // The request, from the filters.

  start(head: RequestHead, endStream: boolean): void {
    const stream = this.#stream;
    this.#isDone = false;
    this.#stats.count("rq_total");
    const route = stream.route;
    if (route === null) {
      this.#stats.count("no_route");
      stream.sendLocalReply(localReplies.routeNotFound);
      return;
    }
    if (route.kind !== "cluster") {
      this.#stats.count(route.kind === "redirect" ? "rq_redirect" : "rq_direct_response");
      answerWithoutUpstream(stream, route, head);
      return;
    }
    const clusterName = route.clusterFor(head);
    const cluster = this.#clusters(clusterName);
    if (cluster === null) {
      this.#stats.count("no_cluster");
      stream.sendLocalReply(localReply(route.clusterNotFoundStatus, "", "cluster_not_found", ResponseFlag.NC));
      return;
    }
    this.#cluster = cluster;
    stream.info.clusterName = cluster.observabilityName;
    stream.info.attemptCount++;
    this.#prepareHead(route, head);
    this.#head = head;
    this.#headEnd = endStream;
    this.#start = eventClock.now;
    this.#isWaiting = true;
    stream.startRouteTimers();
    if (route.mirrors.length > 0) this.#beginShadows(route, head, endStream);
    this.#lbContext.begin(route, stream.info);
    cluster.borrow(this, head, route.priority, this.#lbContext);
  }

  data(bytes: Buffer, endStream: boolean): void {
    if (this.#isDone) return;
    if (this.#shadows !== null) this.#shadows.data(bytes, endStream);
    const writer = this.#writer;
    if (writer === null) {
      if (bytes.length > 0) {
        if (this.#pending === null) this.#pending = [];
        this.#pending.push(Buffer.from(bytes));
        this.#pendingBytes += bytes.length;
      }
      if (endStream) this.#isPendingEnd = true;
      else if (this.#pendingBytes > this.#options.bufferLimitBytes) this.#pauseRequest();
      return;
    }
    if (!writer.writeData(bytes, endStream) && !endStream) this.#pauseRequest();
    if (endStream) this.#onRequestSent();
  }

  trailers(trailers: HeaderBlock): void {
    if (this.#isDone) return;
    if (this.#shadows !== null) this.#shadows.trailers(trailers);
    if (this.#writer === null) {
      this.#pendingTrailers = trailers;
      return;
    }
    this.#writer.writeTrailers(trailers);
    this.#onRequestSent();
  }

  onResponseWritable(): void {
    if (!this.#isUpstreamPaused) return;
    this.#isUpstreamPaused = false;
    this.#writer?.resumeReading();
  }

  onTimeout(): void {
    this.#cluster?.onRequestTimeout();
  }

  cancel(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const writer = this.#writer;
    this.#writer = null;
    if (this.#isWaiting) {
      this.#isWaiting = false;
      const host = this.#cluster?.cancel(this) ?? null;
      if (host !== null) this.#setHost(host);
    } else writer?.reset("local_reset");
  }

  reset(): void {
    this.#cluster = null;
    this.#head = null;
    this.#headEnd = false;
    this.#writer = null;
    this.#isWaiting = false;
    this.#isPaused = false;
    this.#isUpstreamPaused = false;
    this.#isHeadReceived = false;
    this.#isDone = true;
    this.#pending = null;
    this.#pendingBytes = 0;
    this.#isPendingEnd = false;
    this.#pendingTrailers = null;
    if (this.#shadows !== null) this.#shadows.leave();
    this.#shadows = null;
    this.#start = 0;
    this.#lbContext.reset();
  }

  // From the pool.

  get isHttp2(): boolean {
    return this.#stream.info.protocol === "HTTP/2";
  }

  get source(): ProxiedAddresses | null {
    return this.#stream.info.downstreamSource;
  }

  onReady(writer: RequestWriter, host: Host, connection: UpstreamConnectionInfo): void {
    const info = this.#stream.info;
    this.#isWaiting = false;
    this.#writer = writer;
    this.#setHost(host);
    info.upstreamLocalAddress = connection.localAddress;
    info.upstreamConnectionId = connection.id;
    info.upstreamTls = connection.tls;
    info.upstreamProtocol = connection.protocol;
    info.upstreamRequestStart = eventClock.now;
    const head = this.#head as RequestHead;
    const route = this.#stream.route;
    if (route?.autoHostRewrite === true && host.hostname !== "") route.setAuthority(head, host.hostname);
    const pending = this.#pending;
    const endWithHead = this.#headEnd;
    writer.writeHead(head, endWithHead);
    if (endWithHead) {
      this.#onRequestSent();
      return;
    }
    if (pending === null && !this.#isPendingEnd && this.#pendingTrailers === null) return;
    this.#pending = null;
    if (pending !== null) {
      const isLast = this.#isPendingEnd;
      if (
        !writer.writeData(pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending), isLast) &&
        !isLast
      ) {
        this.#pauseRequest();
      } else if (this.#isPaused) this.onWritable();
      if (isLast) this.#onRequestSent();
    } else if (this.#isPendingEnd) {
      writer.writeData(empty, true);
      this.#onRequestSent();
    }
    if (this.#pendingTrailers !== null) {
      writer.writeTrailers(this.#pendingTrailers);
      this.#onRequestSent();
    }
  }

  onBorrowFailed(reason: BorrowFailure, detail: string, host: Host | null): void {
    this.#isWaiting = false;
    if (host !== null) this.#setHost(host);
    this.#reply(reason, detail);
  }

  // The response, from the upstream's codec.

  onHead(head: ResponseHead, endStream: boolean): void {
    if (this.#isDone) return;
    const status = head.status;
    if (status < 200 && status !== 101) {
      this.#stream.respondInformational(head);
      return;
    }
    if (status !== 101 && status < 400 && this.#isWebSocket()) {
      this.#refuseWebSocket(head, endStream);
      return;
    }
    const now = eventClock.now;
    const info = this.#stream.info;
    this.#isHeadReceived = true;
    info.upstreamResponseStart = now;
    info.details = "via_upstream";
    const cluster = this.#cluster as Cluster;
    cluster.onResponse(status, now - this.#start);
    // Envoy measures from the end of the request, and says nothing while it is still coming.
    if (!this.#options.suppressEnvoyHeaders && info.requestEnd >= 0) {
      head.set(
        "x-envoy-upstream-service-time",
        String(Math.floor(now - info.requestEnd)),
        Known["x-envoy-upstream-service-time"],
      );
    }
    info.response = head;
    info.responseCode = status;
    const route = this.#stream.route as Route;
    if (route.virtualHost.includeAttemptCountInResponse) this.#setAttemptCount(head);
    this.#lbContext.routeCookies.apply(head);
    route.rewriteResponse(head, info);
    this.#lbContext.balancerCookies.apply(head);
    if (endStream) this.#onResponseEnd();
    this.#stream.respond(head, endStream);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#isDone) return;
    if (endStream) this.#onResponseEnd();
    // What was read already goes on coming after a pause.
    const isFull = !this.#stream.respondData(bytes, endStream) && !endStream && !this.#isDone;
    if (isFull && !this.#isUpstreamPaused) {
      this.#isUpstreamPaused = true;
      this.#writer?.pauseReading();
    }
  }

  onTrailers(trailers: HeaderBlock): void {
    if (this.#isDone) return;
    this.#onResponseEnd();
    this.#stream.respondTrailers(trailers);
  }

  onReset(reason: StreamReset, detail: string): void {
    if (this.#isDone) return;
    this.#writer = null;
    this.#reply(reason, detail);
  }

  onWritable(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream.resumeRequest();
  }

  #setAttemptCount(head: HeaderBlock): void {
    head.set("x-envoy-attempt-count", String(this.#stream.info.attemptCount), Known["x-envoy-attempt-count"]);
  }

  #setHost(host: Host): void {
    const info = this.#stream.info;
    info.upstreamHost = host.addressText;
    info.upstreamHostName = host.hostname;
  }

  #isWebSocket(): boolean {
    return (this.#head as RequestHead).get(Known.upgrade)?.toLowerCase() === "websocket";
  }

  /** As Envoy: the head of an answer that is neither 101 nor an error goes on without its body. */
  #refuseWebSocket(head: ResponseHead, endStream: boolean): void {
    const writer = this.#writer;
    this.#isHeadReceived = true;
    this.#cluster?.onResponse(head.status, eventClock.now - this.#start);
    this.#stream.info.details = "websocket_handshake_unsuccessful";
    this.#onResponseEnd();
    if (!endStream) writer?.reset("local_reset");
    head.set("content-length", "0", Known["content-length"]);
    this.#stream.respond(head, true);
  }

  #reply(reason: BorrowFailure | StreamReset, detail: string): void {
    const stream = this.#stream;
    this.#isDone = true;
    const cluster = this.#cluster as Cluster;
    if (this.#isHeadReceived) {
      this.#stats.count("rq_reset_after_downstream_response_started");
      const flags =
        reason === "protocol_error" || reason === "connection_termination" ? ResponseFlag.UPE : ResponseFlag.UR;
      stream.abort(
        flags,
        `upstream_reset_after_response_started{${reason === "connection_termination" ? "protocol_error" : reason}}`,
      );
      return;
    }
    const reply = resetReply(reason, detail);
    cluster.onLocalFailure(reply.status);
    if (detail !== "" && reply.flags === ResponseFlag.UF) stream.info.upstreamTransportFailureReason = detail;
    stream.sendLocalReply(reply, reason === "overflow" ? markOverloaded : undefined);
  }

  #prepareHead(route: Route, head: RequestHead): void {
    const stream = this.#stream;
    const { timeoutMs, hasAltTimeoutResponse } = takeOverrides(head, route.timeoutMs);
    stream.timeoutMs = timeoutMs;
    stream.timeoutReply = hasAltTimeoutResponse ? localReplies.altResponseTimeout : localReplies.responseTimeout;
    if (!this.#options.suppressEnvoyHeaders && timeoutMs > 0) {
      head.set(
        "x-envoy-expected-rq-timeout-ms",
        timeoutMs === 15000 ? "15000" : String(timeoutMs),
        Known["x-envoy-expected-rq-timeout-ms"],
      );
    }
    route.rewriteRequest(head, stream.info, !this.#options.suppressEnvoyHeaders);
    if (route.virtualHost.includeRequestAttemptCount) this.#setAttemptCount(head);
  }

  #beginShadows(route: Route, head: RequestHead, endStream: boolean): void {
    this.#shadows = Shadows.begin(head, endStream, {
      route,
      clusters: this.#clusters,
      isHttp2: this.isHttp2,
      timeoutMs: this.#stream.timeoutMs,
      bufferLimitBytes: this.#options.bufferLimitBytes,
    });
  }

  #pauseRequest(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pauseRequest();
  }

  #onRequestSent(): void {
    this.#stream.info.upstreamRequestEnd = eventClock.now;
  }

  #onResponseEnd(): void {
    this.#isDone = true;
    this.#stream.info.upstreamResponseEnd = eventClock.now;
  }
}

function markOverloaded(head: ResponseHead): void {
  head.set("x-envoy-overloaded", "true", Known["x-envoy-overloaded"]);
}

const empty = Buffer.alloc(0);
