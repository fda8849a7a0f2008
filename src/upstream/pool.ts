import type { Http2Shared } from "../http/h2/connection-core.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { ClientTls, TlsTarget } from "../net/tls/client-tls.ts";
import type { Borrower, BorrowFailure } from "./borrower.ts";
import { type CircuitBreaker, Resource } from "./circuit-breaker.ts";
import type { ClusterStats } from "./cluster-stats.ts";
import type { UpstreamEnvironment, UpstreamTransport } from "./environment.ts";
import type { Host } from "./host-set.ts";
import { HostStat } from "./host-stats.ts";
import { anyTarget, type PoolTarget } from "./pool-target.ts";
import type { ClusterSpec } from "./spec.ts";

/** What the pools of a cluster share. */
export interface PoolContext {
  readonly spec: ClusterSpec;
  readonly stats: ClusterStats;
  readonly environment: UpstreamEnvironment;
  /** The TLS of each transport socket, null for plain text: the cluster's own, then those of socketMatches. */
  readonly tls: readonly (ClientTls | null)[];
  /** What connections to the host begin with; null for nothing. */
  proxyHeader(host: Host, target: PoolTarget): ((own: ProxiedAddresses) => Buffer) | null;
  /** auto_config: the pool like `pool` for the other protocol. */
  otherPool(pool: Pool): Pool;
  /** Where a borrower waits. */
  readonly waiting: Map<Borrower, Pool>;
  /** What its HTTP/2 connections share. */
  readonly http2: Http2Shared;
}

const bothProtocols = ["h2", "http/1.1"];

/**
 * The connections to one host for one routing priority and one protocol: the queue of borrowers who wait, the breaker, and the
 * counts. Which connection is lent, and what becomes of one that nobody wants, is the protocol's. Envoy: ConnPoolImplBase.
 */
export abstract class Pool {
  readonly context: PoolContext;
  readonly host: Host;
  /** null for plain text. */
  readonly tls: ClientTls | null;
  readonly tlsTarget: TlsTarget;
  abstract readonly isHttp2: boolean;
  readonly target: PoolTarget;
  /** What each connection begins with; null for nothing. */
  readonly proxyHeader: ((own: ProxiedAddresses) => Buffer) | null;
  protected readonly pending: Borrower[] = [];
  protected connecting = 0;
  protected isDraining = false;
  /** Borrowers for whom one connection is made. */
  readonly #streamsPerConnection: number;
  readonly #breaker: CircuitBreaker;
  readonly #cxProtocolTotal: number;
  /** Connecting and open ones. */
  #connections = 0;
  #isReleased = false;
  /** Of one target among many: it does not outlive its connections. */
  readonly #isNamed: boolean;

  /** `cxProtocolTotal`: the counter of connections of this protocol. */
  constructor(
    context: PoolContext,
    host: Host,
    breaker: CircuitBreaker,
    streamsPerConnection: number,
    cxProtocolTotal: number,
    target: PoolTarget,
    alpn: readonly string[],
  ) {
    this.context = context;
    this.host = host;
    this.tls = context.tls[host.socket + 1] ?? null;
    this.tlsTarget = {
      alpn: context.spec.protocol === "AUTO" ? bothProtocols : alpn,
      hostname: host.hostname,
      serverName: target.serverName,
      san: target.san,
    };
    this.target = target;
    this.proxyHeader = context.proxyHeader(host, target);
    this.#isNamed = target !== anyTarget;
    this.#breaker = breaker;
    this.#streamsPerConnection = streamsPerConnection;
    this.#cxProtocolTotal = cxProtocolTotal;
    breaker.take(Resource.pools);
  }

  /** Calls onReady or onBorrowFailed: before it returns if a connection is free. */
  abstract borrow(borrower: Borrower): void;

  /** The host is gone: no connection stays idle. Who waits is still served. */
  abstract drain(): void;

  /** Makes a connection, which tells this pool what becomes of it. `ready`: over this transport, which is open; null for a new one. */
  protected abstract connect(ready: UpstreamTransport | null): void;

  /** Nothing is left of a pool that drains. */
  protected onReleased(): void {}

  /** Takes a borrower who waits here out of the queue. */
  cancel(borrower: Borrower): void {
    const at = this.pending.indexOf(borrower);
    // Not in the queue while onConnectFailed goes through it.
    if (at >= 0) this.pending.splice(at, 1);
    this.#onPendingEnd(borrower);
    const stats = this.context.stats;
    stats.values[stats.rqCancelled]++;
    this.releaseWhenEmpty();
  }

  // From the connections.

  onStreamEnd(): void {
    const stats = this.context.stats;
    stats.values[stats.rqActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqActive]--;
    this.#breaker.give(Resource.requests);
  }

  /**
   * Envoy ConnPoolImplBase::purgePendingStreams: a connect that failed fails everyone who waits, for the host is in a
   * bad way and they may try another.
   */
  onConnectFailed(reason: BorrowFailure, detail: string): void {
    const { stats } = this.context;
    const { cells, base } = this.host.stats;
    const values = stats.values;
    values[stats.cxConnectFail]++;
    if (reason === "connection_timeout") values[stats.cxConnectTimeout]++;
    cells[base + HostStat.cxConnectFail]++;
    for (const borrower of this.pending.splice(0)) {
      // An earlier one's failure may have cancelled it.
      if (this.context.waiting.get(borrower) !== this) continue;
      this.#onPendingEnd(borrower);
      values[stats.rqPendingEject]++;
      cells[base + HostStat.rqError]++;
      borrower.onBorrowFailed(reason, detail, this.host);
    }
    this.releaseWhenEmpty();
  }

  /** The borrower joins the queue, and a connection is on its way for it; or it is told that the queue is full. */
  protected wait(borrower: Borrower): void {
    const { stats, waiting } = this.context;
    if (!this.#breaker.canTake(Resource.pending)) {
      stats.values[stats.rqPendingOverflow]++;
      borrower.onBorrowFailed("overflow", "", null);
      return;
    }
    this.#breaker.take(Resource.pending);
    stats.values[stats.rqPendingTotal]++;
    this.#countPending(1);
    this.pending.push(borrower);
    waiting.set(borrower, this);
    this.connectForPending();
  }

  /** The first who waits, out of the queue. */
  protected takePending(): Borrower {
    const borrower = this.pending.shift() as Borrower;
    this.#onPendingEnd(borrower);
    return borrower;
  }

  /** Counts a request that a connection is about to be lent for. False when the breaker refused; the borrower is told. */
  protected admit(borrower: Borrower): boolean {
    const stats = this.context.stats;
    const values = stats.values;
    if (!this.#breaker.canTake(Resource.requests)) {
      values[stats.rqPendingOverflow]++;
      borrower.onBorrowFailed("overflow", "", this.host);
      return false;
    }
    this.#breaker.take(Resource.requests);
    values[stats.rqTotal]++;
    values[stats.rqActive]++;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqTotal]++;
    cells[base + HostStat.rqActive]++;
    return true;
  }

  /** As many connections as those who wait would fill. The first one of a host is always made, or its queue would never move. */
  protected connectForPending(): void {
    const stats = this.context.stats;
    while (this.pending.length > this.connecting * this.#streamsPerConnection) {
      if (!this.#breaker.canTake(Resource.connections)) {
        stats.values[stats.cxOverflow]++;
        if (this.#connections > 0) return;
      }
      this.#breaker.take(Resource.connections);
      this.#connections++;
      this.connecting++;
      stats.values[stats.cxTotal]++;
      stats.values[this.#cxProtocolTotal]++;
      stats.values[stats.cxActive]++;
      const { cells, base } = this.host.stats;
      cells[base + HostStat.cxTotal]++;
      cells[base + HostStat.cxActive]++;
      this.connect(null);
    }
  }

  /** A connection is gone. One that never was open is followed by onConnectFailed. */
  protected countClosed(wasConnecting: boolean): void {
    const stats = this.context.stats;
    this.#connections--;
    if (wasConnecting) this.connecting--;
    stats.values[stats.cxActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.cxActive]--;
    this.#breaker.give(Resource.connections);
    if (this.#isNamed && this.#connections === 0 && this.pending.length === 0) this.isDraining = true;
  }

  /** Whether ALPN (auto_config) chose the other protocol than this pool's. */
  isForOther(transport: UpstreamTransport): boolean {
    return this.context.spec.protocol === "AUTO" && (transport.tls?.alpn === "h2") !== this.isHttp2;
  }

  /** A connection turned out to be of the other protocol: it and who waits go on in the pool of that. Envoy: HttpConnPoolImplMixed. */
  onOtherProtocol(transport: UpstreamTransport): void {
    this.host.isHttp2 = !this.isHttp2;
    this.#connections--;
    this.connecting--;
    this.context.stats.values[this.#cxProtocolTotal]--;
    this.context.otherPool(this).#takeOver(transport, this.pending.splice(0));
    if (this.#isNamed) this.isDraining = true;
    this.releaseWhenEmpty();
  }

  #takeOver(transport: UpstreamTransport, borrowers: readonly Borrower[]): void {
    this.#connections++;
    this.connecting++;
    this.context.stats.values[this.#cxProtocolTotal]++;
    for (const borrower of borrowers) {
      this.pending.push(borrower);
      this.context.waiting.set(borrower, this);
    }
    this.connect(transport);
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  protected releaseWhenEmpty(): void {
    if (!this.isDraining || this.#isReleased || this.#connections > 0 || this.pending.length > 0) return;
    this.#isReleased = true;
    this.#breaker.give(Resource.pools);
    this.onReleased();
  }

  #onPendingEnd(borrower: Borrower): void {
    this.context.waiting.delete(borrower);
    this.#breaker.give(Resource.pending);
    this.#countPending(-1);
  }

  #countPending(by: number): void {
    const stats = this.context.stats;
    stats.values[stats.rqPendingActive] += by;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqPendingActive] += by;
  }
}
