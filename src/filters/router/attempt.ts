import type { ByteCounts } from "../../http/byte-counts.ts";
import { type RequestWriter, StreamReset } from "../../http/codec.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import { LazyTimer } from "../../net/lazy-timer.ts";
import type { ProxiedAddresses } from "../../net/proxy-protocol.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { Borrower, BorrowFailure, UpstreamConnectionInfo } from "../../upstream/borrower.ts";
import type { Cluster, RoutingPriority } from "../../upstream/cluster.ts";
import type { Host } from "../../upstream/host-set.ts";
import type { LbContext } from "../../upstream/lb/context.ts";

/** The request that an attempt is made for. */
export interface AttemptOwner {
  readonly isHttp2: boolean;
  readonly source: ProxiedAddresses | null;
  /** The head may be written. */
  onAttemptReady(attempt: Attempt): void;
  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void;
  onAttemptData(attempt: Attempt, bytes: Buffer, endStream: boolean): void;
  onAttemptTrailers(attempt: Attempt, trailers: HeaderBlock): void;
  /** It got no connection, or lost it. */
  onAttemptReset(attempt: Attempt, reason: BorrowFailure | StreamReset, detail: string): void;
  onAttemptWritable(attempt: Attempt): void;
  /** per_try_timeout, or per_try_idle_timeout, passed. */
  onAttemptTimeout(attempt: Attempt, isIdle: boolean): void;
}

/**
 * One try of a request at an upstream: a stream borrowed of the cluster, its answer told to the owner. Used again for the
 * owner's later tries. Envoy: UpstreamRequest.
 *
 *     begin -> waiting -> ready (writer) -> response head -> end | abandon(), reset
 */
export class Attempt implements Borrower {
  readonly bytes: ByteCounts;
  readonly #owner: AttemptOwner;
  #cluster: Cluster | null = null;
  #connection: UpstreamConnectionInfo | null = null;
  #tryTimer: LazyTimer | null = null;
  #idleTimer: LazyTimer | null = null;
  #idleMs = 0;
  /** null before onAttemptReady and after the end. */
  writer: RequestWriter | null = null;
  /** null where none was chosen. */
  host: Host | null = null;
  /** No response head came yet. */
  isAwaitingHead = true;
  /** Another attempt was made because of it already. */
  isRetried = false;
  /** Bytes of the request were sent. */
  isStarted = false;
  #isWaiting = false;
  /** Monotonic milliseconds, -1 before. */
  requestStart = -1;
  requestEnd = -1;

  constructor(owner: AttemptOwner, bytes: ByteCounts) {
    this.bytes = bytes;
    this.#owner = owner;
  }

  /** onAttemptReady or onAttemptReset may be called before it returns. */
  begin(cluster: Cluster, head: RequestHead, priority: RoutingPriority, context: LbContext): void {
    this.#cluster = cluster;
    this.#isWaiting = true;
    cluster.borrow(this, head, priority, context);
  }

  /** Gives it up; nothing more is heard of it. */
  abandon(): void {
    this.clearTimers();
    const writer = this.writer;
    this.writer = null;
    if (this.#isWaiting) {
      this.#isWaiting = false;
      this.host = this.#cluster?.cancel(this) ?? null;
    } else writer?.reset(StreamReset.localReset);
  }

  /** The limits of the try run from now: it is connected and the request is complete. 0 for none. */
  startTimers(tryMs: number, idleMs: number): void {
    if (tryMs > 0) {
      this.#tryTimer ??= new LazyTimer(() => {
        // Envoy: it ends the other one, even where it comes too late to matter.
        this.#idleMs = 0;
        this.#idleTimer?.clear();
        this.#owner.onAttemptTimeout(this, false);
      });
      this.#tryTimer.set(eventClock.now, tryMs);
    }
    if (idleMs > 0) {
      this.#idleMs = idleMs;
      this.#idleTimer ??= new LazyTimer(() => this.#owner.onAttemptTimeout(this, true));
      this.#idleTimer.set(eventClock.now, idleMs);
    }
  }

  clearTimers(): void {
    this.#tryTimer?.clear();
    this.#idleTimer?.clear();
    this.#idleMs = 0;
  }

  /** The log tells of this attempt. */
  describe(info: StreamInfo): void {
    const { host } = this;
    info.upstreamHost = host === null ? "" : host.addressText;
    info.upstreamHostFacts = host;
    info.upstreamHostName = host === null ? "" : host.hostname;
    info.upstreamRequestStart = this.requestStart;
    info.upstreamRequestEnd = this.requestEnd;
    const connection = this.#connection;
    info.upstreamLocalAddress = connection === null ? "" : connection.localAddress;
    info.upstreamConnectionId = connection === null ? 0 : connection.id;
    info.upstreamTls = connection === null ? null : connection.tls;
    info.upstreamProtocol = connection === null ? "" : connection.protocol;
  }

  reset(): void {
    this.clearTimers();
    this.#cluster = null;
    this.#connection = null;
    this.writer = null;
    this.host = null;
    this.isAwaitingHead = true;
    this.isRetried = false;
    this.isStarted = false;
    this.#isWaiting = false;
    this.requestStart = -1;
    this.requestEnd = -1;
  }

  // From the pool.

  get isHttp2(): boolean {
    return this.#owner.isHttp2;
  }

  get source(): ProxiedAddresses | null {
    return this.#owner.source;
  }

  onReady(writer: RequestWriter, host: Host, connection: UpstreamConnectionInfo): void {
    this.#isWaiting = false;
    this.writer = writer;
    this.host = host;
    this.#connection = connection;
    this.requestStart = eventClock.now;
    this.#owner.onAttemptReady(this);
  }

  onBorrowFailed(reason: BorrowFailure, detail: string, host: Host | null): void {
    this.#isWaiting = false;
    this.host = host;
    this.#owner.onAttemptReset(this, reason, detail);
  }

  // The response, from the upstream's codec.

  onHead(head: ResponseHead, endStream: boolean): void {
    this.#touch();
    this.#owner.onAttemptHead(this, head, endStream);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.#touch();
    this.#owner.onAttemptData(this, bytes, endStream);
  }

  onTrailers(trailers: HeaderBlock): void {
    this.#owner.onAttemptTrailers(this, trailers);
  }

  onReset(reason: StreamReset, detail: string): void {
    this.writer = null;
    this.#owner.onAttemptReset(this, reason, detail);
  }

  onWritable(): void {
    this.#owner.onAttemptWritable(this);
  }

  #touch(): void {
    if (this.#idleMs > 0) this.#idleTimer?.set(eventClock.now, this.#idleMs);
  }
}
