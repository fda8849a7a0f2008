import type { Http2Shared } from "../http/h2/connection-core.ts";
import { TimerNode } from "../net/timer-wheel.ts";
import type { ClientTls } from "../net/tls/client-tls.ts";
import type { Borrower, BorrowFailure } from "./borrower.ts";
import { type CircuitBreaker, Resource } from "./circuit-breaker.ts";
import type { ClusterStats } from "./cluster-stats.ts";
import { ConnectionH1 } from "./connection-h1.ts";
import type { UpstreamEnvironment } from "./environment.ts";
import type { Host } from "./host-set.ts";
import { HostStat } from "./host-stats.ts";
import type { Pool } from "./pool.ts";
import type { ClusterSpec } from "./spec.ts";

/** What the pools of a cluster share. */
export interface PoolContext {
  readonly spec: ClusterSpec;
  readonly stats: ClusterStats;
  readonly environment: UpstreamEnvironment;
  /** null for plain text. */
  readonly tls: ClientTls | null;
  /** Where a borrower waits. */
  readonly waiting: Map<Borrower, Pool>;
  /** What its HTTP/2 connections share. */
  readonly http2: Http2Shared;
}

/**
 * The HTTP/1.1 connections to one host for one routing priority: the idle ones as a stack, the most recently used first, and the
 * queue of borrowers who wait for one. Borrowing an idle connection allocates nothing.
 */
export class PoolH1 implements Pool {
  readonly context: PoolContext;
  readonly host: Host;
  readonly #breaker: CircuitBreaker;
  readonly #idle: ConnectionH1[] = [];
  readonly #pending: Borrower[] = [];
  readonly #sweep: TimerNode = new TimerNode(() => this.#closeIdle());
  #sweeps = 0;
  #connecting = 0;
  #connections = 0;
  #isDraining = false;
  #isReleased = false;

  constructor(context: PoolContext, host: Host, breaker: CircuitBreaker) {
    this.context = context;
    this.host = host;
    this.#breaker = breaker;
    breaker.take(Resource.pools);
  }

  /** Calls onReady before it returns if a connection is idle. */
  borrow(borrower: Borrower): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      if (!this.#lend(connection, borrower)) this.#idle.push(connection);
      return;
    }
    const { stats, waiting } = this.context;
    if (!this.#breaker.canTake(Resource.pending)) {
      stats.values[stats.rqPendingOverflow]++;
      borrower.onBorrowFailed("overflow", "", null);
      return;
    }
    this.#breaker.take(Resource.pending);
    stats.values[stats.rqPendingTotal]++;
    this.#countPending(1);
    this.#pending.push(borrower);
    waiting.set(borrower, this);
    this.#connectForPending();
  }

  /** Takes a borrower who waits here out of the queue. */
  cancel(borrower: Borrower): void {
    const at = this.#pending.indexOf(borrower);
    // Not in the queue while onConnectFailed goes through it.
    if (at >= 0) this.#pending.splice(at, 1);
    this.#onPendingEnd(borrower);
    const stats = this.context.stats;
    stats.values[stats.rqCancelled]++;
    this.#releaseWhenEmpty();
  }

  /** The host is gone: idle connections close, the others after their request. Who waits is still served. */
  drain(): void {
    this.#isDraining = true;
    while (this.#idle.length > 0) (this.#idle[this.#idle.length - 1] as ConnectionH1).close();
    this.#releaseWhenEmpty();
  }

  // From the connections.

  onConnected(connection: ConnectionH1): void {
    this.#connecting--;
    this.onReady(connection);
  }

  /** The connection may be lent again. */
  onReady(connection: ConnectionH1): void {
    while (this.#pending.length > 0) {
      const borrower = this.#pending.shift() as Borrower;
      this.#onPendingEnd(borrower);
      if (this.#lend(connection, borrower)) return;
    }
    if (this.#isDraining) {
      connection.close();
      return;
    }
    connection.idleSince = this.#sweeps;
    this.#idle.push(connection);
    if (this.#sweep.deadline === 0) this.#armSweep();
  }

  onStreamEnd(): void {
    const stats = this.context.stats;
    stats.values[stats.rqActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqActive]--;
    this.#breaker.give(Resource.requests);
  }

  onClosed(connection: ConnectionH1, wasConnecting: boolean): void {
    const stats = this.context.stats;
    this.#connections--;
    stats.values[stats.cxActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.cxActive]--;
    this.#breaker.give(Resource.connections);
    if (wasConnecting) {
      this.#connecting--;
      return;
    }
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#connectForPending();
    this.#releaseWhenEmpty();
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
    const failed = this.#pending.splice(0);
    for (const borrower of failed) {
      // An earlier one's failure may have cancelled it.
      if (this.context.waiting.get(borrower) !== this) continue;
      this.#onPendingEnd(borrower);
      values[stats.rqPendingEject]++;
      cells[base + HostStat.rqError]++;
      borrower.onBorrowFailed(reason, detail, this.host);
    }
    this.#releaseWhenEmpty();
  }

  /** False when the breaker refused: the connection stays the caller's. */
  #lend(connection: ConnectionH1, borrower: Borrower): boolean {
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
    connection.lend(borrower);
    return true;
  }

  /** One connection for each who waits. The first connection of a host is always made, or its queue would never move. */
  #connectForPending(): void {
    const stats = this.context.stats;
    while (this.#pending.length > this.#connecting) {
      if (!this.#breaker.canTake(Resource.connections)) {
        stats.values[stats.cxOverflow]++;
        if (this.#connections > 0) return;
      }
      this.#breaker.take(Resource.connections);
      this.#connections++;
      this.#connecting++;
      stats.values[stats.cxTotal]++;
      stats.values[stats.cxHttp1Total]++;
      stats.values[stats.cxActive]++;
      const { cells, base } = this.host.stats;
      cells[base + HostStat.cxTotal]++;
      cells[base + HostStat.cxActive]++;
      new ConnectionH1(this);
    }
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

  #armSweep(): void {
    const { spec, environment } = this.context;
    if (spec.idleTimeoutMs !== null) environment.timers.add(this.#sweep, spec.idleTimeoutMs / sweepsPerTimeout);
  }

  /** Idle times are counted in sweeps, so that lending and giving back need no clock: up to two sweeps late, never early. */
  #closeIdle(): void {
    this.#sweeps++;
    const stats = this.context.stats;
    while (this.#idle.length > 0) {
      const oldest = this.#idle[0] as ConnectionH1;
      if (this.#sweeps - oldest.idleSince <= sweepsPerTimeout) break;
      stats.values[stats.cxIdleTimeout]++;
      oldest.close();
    }
    if (this.#idle.length > 0) this.#armSweep();
  }

  #releaseWhenEmpty(): void {
    if (!this.#isDraining || this.#isReleased || this.#connections > 0 || this.#pending.length > 0) return;
    this.#isReleased = true;
    this.context.environment.timers.remove(this.#sweep);
    this.#breaker.give(Resource.pools);
  }
}

const sweepsPerTimeout = 32;
