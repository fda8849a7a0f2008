import type { StreamReset } from "../../http/codec.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import type { ProxiedAddresses } from "../../net/proxy-protocol.ts";
import { localReplies } from "../../observability/local-replies.ts";
import { RequestCounter } from "../../observability/request-stats.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { Route } from "../../router/route.ts";
import type { BorrowFailure } from "../../upstream/borrower.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { Terminal, TerminalStream } from "../api.ts";
import { abortResponse, answerForUpstream, lacksCredential, refusesHead, refuseWebSocket } from "./answer.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import { Attempts } from "./attempts.ts";
import { Charges } from "./charges.ts";
import { chooseCluster } from "./direct.ts";
import { RouteLbContext } from "./lb-context.ts";
import { restartsForRedirect } from "./redirect.ts";
import { RequestFeed } from "./request-feed.ts";
import { isWebSocket, prepareRequest, prepareResponse, prepareRetry } from "./request-fields.ts";
import { resetReply } from "./reset-reply.ts";
import { type RetryOwner, type RetryState, RetryVerdict } from "./retry-state.ts";
import type { ClusterDirectory, RouterOptions, RouterStats } from "./router-parts.ts";
import { Shadows } from "./shadow.ts";
import { Timeouts } from "./timeouts.ts";

/**
 * The router filter of one stream: chooses the cluster, makes attempts at upstreams, and carries both bodies. Envoy: Router::Filter.
 *
 *     idle -> start -> attempt -> response head -> response body -> done
 *                      ^     |
 *                      wait <-  a response or a reset to retry
 *             any time: cancel() by the downstream, onAttemptReset() by the upstream
 *
 * There is one attempt at a time; with hedging an attempt that takes too long stays beside the next one.
 */
export class RouterRequest implements Terminal, AttemptOwner, RetryOwner {
  readonly #stream: TerminalStream;
  readonly #clusters: ClusterDirectory;
  readonly #stats: RouterStats;
  readonly #options: RouterOptions;
  readonly #attempts: Attempts;
  readonly #feed: RequestFeed;
  readonly #timeouts: Timeouts = new Timeouts();
  readonly #charges = new Charges();
  #head: RequestHead | null = null;
  /** null where nothing is retried, or nothing any more. */
  #retry: RetryState | null = null;
  #isRetry = false;
  /** An attempt has sent something. */
  #isStarted = false;
  #isUpstreamPaused = false;
  #isResponseBegun = false;
  #isDone = true;
  #shadows: Shadows | null = null;
  #start = 0;
  /** Monotonic milliseconds of the end of the request; -1 before. */
  #requestEnd = -1;
  readonly #lbContext = new RouteLbContext();

  constructor(stream: TerminalStream, clusters: ClusterDirectory, stats: RouterStats, options: RouterOptions) {
    this.#stream = stream;
    this.#clusters = clusters;
    this.#stats = stats;
    this.#options = options;
    this.#attempts = new Attempts(this, stream.info.upstreamBytes);
    this.#feed = new RequestFeed(stream, options.bufferLimitBytes);
  }

  // The request, from the filters.

  start(head: RequestHead, endStream: boolean): void {
    const stream = this.#stream;
    this.#isDone = false;
    this.#stats.count("rq_total");
    const cluster = chooseCluster(stream, head, this.#clusters, this.#stats);
    const { route } = stream;
    if (cluster === null || route === null) return;
    stream.info.noteCluster(cluster);
    stream.info.attemptCount++;
    this.#charges.begin(cluster, route, head, stream.info);
    this.#retry = prepareRequest(stream, route, head, this.#charges, this.#timeouts, this.#options);
    this.#head = head;
    this.#feed.begin(endStream, this.#retry?.isEnabled === true || route.internalRedirect !== null);
    if (endStream) this.#requestEnd = eventClock.now;
    this.#start = eventClock.now;
    stream.startRouteTimers();
    if (route.mirrors.length > 0) this.#beginShadows(route, head, endStream);
    this.#lbContext.begin(route, stream.info);
    this.#attempts.next().begin(cluster, head, route.priority, this.#lbContext);
  }

  data(bytes: Buffer, endStream: boolean): void {
    if (this.#isDone) return;
    if (this.#shadows !== null) this.#shadows.data(bytes, endStream);
    if (this.#feed.isTooLong(bytes) && !this.#giveUpRetries()) return;
    const attempt = this.#attempts.newest;
    this.#feed.data(bytes, endStream, attempt);
    if (!endStream) return;
    this.#requestEnd = eventClock.now;
    this.#onRequestComplete(attempt);
  }

  trailers(trailers: HeaderBlock): void {
    if (this.#isDone) return;
    if (this.#shadows !== null) this.#shadows.trailers(trailers);
    const attempt = this.#attempts.newest;
    this.#feed.trailers(trailers, attempt);
    this.#requestEnd = eventClock.now;
    this.#onRequestComplete(attempt);
  }

  onResponseWritable(): void {
    if (!this.#isUpstreamPaused) return;
    this.#isUpstreamPaused = false;
    this.#attempts.newest?.writer?.resumeReading();
  }

  onTimeout(): void {
    const { reply } = this.#timeouts;
    this.#charges.onTimeout(this.#attempts.alive(), reply.status);
    answerForUpstream(this.#stream, reply, false);
  }

  cancel(): void {
    this.#endRetries();
    if (this.#isDone) return;
    this.#isDone = true;
    for (const attempt of this.#attempts.alive()) attempt.abandon();
    this.#attempts.newest?.describe(this.#stream.info);
  }

  reset(): void {
    this.#endRetries();
    this.#attempts.reset();
    this.#feed.reset();
    this.#charges.reset();
    this.#head = null;
    this.#isRetry = false;
    this.#isStarted = false;
    this.#isUpstreamPaused = false;
    this.#isResponseBegun = false;
    this.#isDone = true;
    if (this.#shadows !== null) this.#shadows.leave();
    this.#shadows = null;
    this.#start = 0;
    this.#requestEnd = -1;
    this.#lbContext.reset();
  }

  // From the attempts.

  get isHttp2(): boolean {
    return this.#stream.info.protocol === "HTTP/2";
  }

  get source(): ProxiedAddresses | null {
    return this.#stream.info.downstreamSource;
  }

  onAttemptReady(attempt: Attempt): void {
    const { writer, host } = attempt;
    if (writer === null || host === null) return;
    attempt.describe(this.#stream.info);
    this.#charges.count(RequestCounter.total);
    this.#retry?.hosts?.onTried(host);
    const head = this.#head as RequestHead;
    const route = this.#stream.route;
    if (route?.autoHostRewrite === true && host.hostname !== "") {
      route.setAuthority(head, host.hostname, !this.#options.suppressEnvoyHeaders);
    }
    if (refusesHead(this.#stream, head)) return;
    this.#isStarted = true;
    this.#feed.sendTo(attempt, head);
    if (this.#feed.isComplete) this.#onRequestComplete(attempt);
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void {
    if (this.#isDone) return;
    const status = head.status;
    if (status < 200 && status !== 101) {
      // Envoy: a response has begun, nothing is retried after it.
      this.#choose(attempt);
      this.#charges.onLocalFailure(status, attempt.host);
      this.#stream.respondInformational(head);
      return;
    }
    if (status !== 101 && status < 400 && isWebSocket(this.#head as RequestHead)) {
      this.#choose(attempt);
      this.#charges.onResponse(head, attempt.host, eventClock.now - this.#start);
      this.#onResponseEnd(attempt);
      refuseWebSocket(this.#stream, attempt, head, endStream);
      return;
    }
    attempt.isAwaitingHead = false;
    if (this.#retry !== null && !this.#acceptsHead(this.#retry, attempt, head)) return;
    const cluster = this.#charges.cluster as Cluster;
    const stream = this.#stream;
    const request = this.#head as RequestHead;
    if (restartsForRedirect(stream, attempt, this.#feed, request, head, cluster, this.#stats)) return;
    this.#choose(attempt);
    this.#charges.onResponse(head, attempt.host, eventClock.now - this.#start);
    prepareResponse(stream, head, this.#requestEnd, this.#lbContext, this.#options);
    if (endStream) this.#onResponseEnd(attempt);
    stream.respond(head, endStream);
  }

  onAttemptData(attempt: Attempt, bytes: Buffer, endStream: boolean): void {
    if (this.#isDone) return;
    if (endStream) this.#onResponseEnd(attempt);
    // What was read already goes on coming after a pause.
    const isFull = !this.#stream.respondData(bytes, endStream) && !endStream && !this.#isDone;
    if (isFull && !this.#isUpstreamPaused) {
      this.#isUpstreamPaused = true;
      attempt.writer?.pauseReading();
    }
  }

  onAttemptTrailers(attempt: Attempt, trailers: HeaderBlock): void {
    if (this.#isDone) return;
    this.#onResponseEnd(attempt);
    this.#stream.respondTrailers(trailers);
  }

  onAttemptReset(attempt: Attempt, reason: BorrowFailure | StreamReset, detail: string): void {
    if (this.#isDone) return;
    const { info } = this.#stream;
    attempt.describe(info);
    if (lacksCredential(this.#stream, reason)) return;
    if (this.#isResponseBegun) {
      this.#isDone = true;
      this.#stats.count("rq_reset_after_downstream_response_started");
      abortResponse(this.#stream, reason);
      return;
    }
    if (attempt.requestStart < 0 && attempt.host !== null) this.#retry?.hosts?.onTried(attempt.host);
    const reply = resetReply(reason, detail, this.#isRetry, info.overrideHost);
    if (detail !== "" && reply.flags === ResponseFlag.UF) info.upstreamTransportFailureReason = detail;
    const { isRetried, host } = attempt;
    this.#attempts.remove(attempt);
    if (reason !== "no_healthy_upstream" && !isRetried && this.#retriesReset(reason, false)) return;
    this.#charges.onLocalFailure(reply.status, host);
    if (reason === "no_healthy_upstream" || !this.#isOtherHopeful)
      answerForUpstream(this.#stream, reply, reason === "overflow" && !this.#options.suppressEnvoyHeaders);
  }

  onAttemptWritable(attempt: Attempt): void {
    if (attempt === this.#attempts.newest) this.#feed.resume();
  }

  onAttemptTimeout(attempt: Attempt, isIdle: boolean): void {
    if (this.#isDone || (!isIdle && this.#isResponseBegun)) return;
    if (this.#timeouts.isHedging) {
      this.#hedge(attempt);
      return;
    }
    const { retries } = (this.#charges.cluster as Cluster).stats;
    retries.count(isIdle ? retries.perTryIdleTimeout : retries.perTryTimeout);
    const reply = this.#timeouts.perTryReply(isIdle);
    const { host } = attempt;
    host?.stats.onTryTimeout();
    attempt.abandon();
    this.#attempts.remove(attempt);
    if (!this.#isResponseBegun) {
      if (this.#retriesReset("local_reset", true)) return;
      this.#charges.onLocalFailure(reply.status, host);
    }
    answerForUpstream(this.#stream, reply, false);
  }

  /** False: the response is not the one, and another attempt may have a better one. */
  #acceptsHead(retry: RetryState, attempt: Attempt, head: ResponseHead): boolean {
    let isWorse: boolean;
    if (attempt.isRetried) isWorse = retry.wouldRetry(head);
    else {
      const verdict = retry.onHead(head);
      if (verdict === RetryVerdict.yes) {
        this.#charges.cluster?.stats.retries.countCode(head.status);
        attempt.host?.stats.onRetriedResponse(head.status);
        this.#drop(attempt);
        this.#waitForRetry(retry, false);
        return false;
      }
      isWorse = this.#flag(verdict);
    }
    if (!isWorse || !this.#isOtherHopeful) return true;
    this.#drop(attempt);
    return false;
  }

  /** True where another attempt follows. */
  #retriesReset(reason: BorrowFailure | StreamReset, isTimeout: boolean): boolean {
    const retry = this.#retry;
    if (retry === null) return false;
    const verdict = retry.onReset(reason, this.#isStarted);
    if (verdict === RetryVerdict.yes) this.#waitForRetry(retry, isTimeout);
    else this.#flag(verdict);
    return verdict === RetryVerdict.yes;
  }

  /** The attempt goes on, and so does another one if the policy has one left. */
  #hedge(attempt: Attempt): void {
    const retry = this.#retry;
    if (this.#isResponseBegun || retry === null) return;
    const verdict = retry.onSlowTry();
    if (verdict === RetryVerdict.yes) {
      attempt.isRetried = true;
      this.#waitForRetry(retry, true);
    } else this.#flag(verdict);
  }

  #waitForRetry(retry: RetryState, isTimeout: boolean): void {
    retry.wait(isTimeout, this);
    // Nobody takes the body meanwhile: it is kept.
    if (this.#attempts.newest === null) this.#feed.resume();
  }

  onRetryDue(): void {
    const retry = this.#retry;
    const { info, route } = this.#stream;
    if (retry === null || route === null || this.#charges.cluster === null) return;
    this.#isRetry = true;
    info.attemptCount++;
    const cluster = this.#clusters(this.#charges.cluster.name);
    if (cluster === null) {
      this.#charges.onLocalFailure(503, null);
      answerForUpstream(this.#stream, localReplies.noHealthyUpstream, false);
      return;
    }
    this.#charges.cluster = cluster;
    const head = this.#head as RequestHead;
    const elapsedMs = this.#requestEnd < 0 ? 0 : eventClock.now - this.#requestEnd;
    prepareRetry(this.#stream, route, head, retry.isAfterTimeout, this.#timeouts, elapsedMs, this.#options);
    const attempt = this.#attempts.next();
    // The log tells of the last attempt.
    attempt.describe(info);
    info.upstreamTransportFailureReason = "";
    this.#lbContext.selection = retry.hosts;
    attempt.begin(cluster, head, route.priority, this.#lbContext);
  }

  /** URX or UO in the log. False where the policy did not want a retry. */
  #flag(verdict: RetryVerdict): boolean {
    if (verdict === RetryVerdict.no) return false;
    this.#stream.info.responseFlags |= verdict === RetryVerdict.overflow ? ResponseFlag.UO : ResponseFlag.URX;
    return true;
  }

  /** The body has become too long to be kept. False when the request was answered for that. */
  #giveUpRetries(): boolean {
    const { newest } = this.#attempts;
    const { retries } = (this.#charges.cluster as Cluster).stats;
    retries.count(retries.abandoned);
    this.#endRetries();
    if (newest === null) {
      answerForUpstream(this.#stream, localReplies.retryBufferOverflow, false);
      return false;
    }
    return true;
  }

  #endRetries(): void {
    this.#retry?.release();
    this.#retry = null;
    this.#feed.stopKeeping(this.#attempts.newest);
  }

  /** The response of this attempt is the one. */
  #choose(attempt: Attempt): void {
    this.#isResponseBegun = true;
    if (this.#retry === null && !this.#feed.isKept) return;
    this.#endRetries();
    this.#attempts.choose(attempt);
    attempt.describe(this.#stream.info);
  }

  #drop(attempt: Attempt): void {
    attempt.abandon();
    this.#attempts.remove(attempt);
  }

  get #isOtherHopeful(): boolean {
    return this.#retry?.isWaiting === true || this.#attempts.isAnyAwaitingHead;
  }

  #beginShadows(route: Route, head: RequestHead, endStream: boolean): void {
    this.#shadows = Shadows.begin(head, endStream, {
      route,
      clusters: this.#clusters,
      isHttp2: this.isHttp2,
      timeoutMs: this.#timeouts.globalMs,
      bufferLimitBytes: this.#options.bufferLimitBytes,
    });
  }

  /** All of the request is there, and the attempt has sent it if it has a connection. */
  #onRequestComplete(attempt: Attempt | null): void {
    if (attempt === null || attempt.writer === null) return;
    attempt.requestEnd = this.#stream.info.upstreamRequestEnd = eventClock.now;
    const { perTryMs, perTryIdleMs } = this.#timeouts;
    if (perTryMs > 0 || perTryIdleMs > 0) attempt.startTimers(perTryMs, perTryIdleMs);
  }

  #onResponseEnd(attempt: Attempt): void {
    this.#isDone = true;
    attempt.clearTimers();
    this.#stream.info.upstreamResponseEnd = eventClock.now;
  }
}
