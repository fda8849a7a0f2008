import type { Borrower, BorrowFailure } from "./borrower.ts";
import { type CircuitBreaker, Resource } from "./circuit-breaker.ts";
import { ConnectionH2 } from "./connection-h2.ts";
import type { Host } from "./host-set.ts";
import { HostStat } from "./host-stats.ts";
import type { Pool } from "./pool.ts";
import type { PoolContext } from "./pool-h1.ts";

/**
 * The HTTP/2 connections to one host for one routing priority. Streams go to the first connection that takes one more; where
 * none does, borrowers wait for a connection that is made.
 */
export class PoolH2 implements Pool {
  readonly context: PoolContext;
  readonly host: Host;
  readonly #breaker: CircuitBreaker;
  readonly #connections: ConnectionH2[] = [];
  readonly #pending: Borrower[] = [];
  #connecting = 0;
  #isDraining = false;
  #isReleased = false;

  constructor(context: PoolContext, host: Host, breaker: CircuitBreaker) {
    this.context = context;
    this.host = host;
    this.#breaker = breaker;
    breaker.take(Resource.pools);
  }

  borrow(borrower: Borrower): void {
    const connection = this.#ready();
    if (connection !== null) {
      this.#lend(connection, borrower);
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

  cancel(borrower: Borrower): void {
    const at = this.#pending.indexOf(borrower);
    // Not in the queue while onConnectFailed goes through it.
    if (at >= 0) this.#pending.splice(at, 1);
    this.#onPendingEnd(borrower);
    const stats = this.context.stats;
    stats.values[stats.rqCancelled]++;
    this.#releaseWhenEmpty();
  }

  drain(): void {
    this.#isDraining = true;
    for (const connection of [...this.#connections]) connection.drain();
    this.#releaseWhenEmpty();
  }

  // From the connections.

  onConnected(): void {
    this.#connecting--;
    this.serveWaiting();
  }

  /** A connection may take one more stream. */
  serveWaiting(): void {
    while (this.#pending.length > 0) {
      const connection = this.#ready();
      if (connection === null) break;
      const borrower = this.#pending.shift() as Borrower;
      this.#onPendingEnd(borrower);
      this.#lend(connection, borrower);
    }
    this.#connectForPending();
    if (!this.#isDraining || this.#pending.length > 0) return;
    for (const connection of [...this.#connections]) connection.drain();
  }

  onStreamEnd(): void {
    const stats = this.context.stats;
    stats.values[stats.rqActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqActive]--;
    this.#breaker.give(Resource.requests);
  }

  onClosed(connection: ConnectionH2, wasConnecting: boolean): void {
    const stats = this.context.stats;
    stats.values[stats.cxActive]--;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.cxActive]--;
    this.#breaker.give(Resource.connections);
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
    if (wasConnecting) {
      this.#connecting--;
      return;
    }
    this.#connectForPending();
    this.#releaseWhenEmpty();
  }

  /** As PoolH1: who waits may try another host. */
  onConnectFailed(reason: BorrowFailure, detail: string): void {
    const { stats } = this.context;
    const { cells, base } = this.host.stats;
    const values = stats.values;
    values[stats.cxConnectFail]++;
    if (reason === "connection_timeout") values[stats.cxConnectTimeout]++;
    cells[base + HostStat.cxConnectFail]++;
    for (const borrower of this.#pending.splice(0)) {
      // An earlier one's failure may have cancelled it.
      if (this.context.waiting.get(borrower) !== this) continue;
      this.#onPendingEnd(borrower);
      values[stats.rqPendingEject]++;
      cells[base + HostStat.rqError]++;
      borrower.onBorrowFailed(reason, detail, this.host);
    }
    this.#releaseWhenEmpty();
  }

  #ready(): ConnectionH2 | null {
    for (const connection of this.#connections) if (connection.canLend) return connection;
    return null;
  }

  #lend(connection: ConnectionH2, borrower: Borrower): void {
    const stats = this.context.stats;
    const values = stats.values;
    if (!this.#breaker.canTake(Resource.requests)) {
      values[stats.rqPendingOverflow]++;
      borrower.onBorrowFailed("overflow", "", this.host);
      return;
    }
    this.#breaker.take(Resource.requests);
    values[stats.rqTotal]++;
    values[stats.rqActive]++;
    const { cells, base } = this.host.stats;
    cells[base + HostStat.rqTotal]++;
    cells[base + HostStat.rqActive]++;
    connection.lend(borrower);
  }

  /** As many connections as those who wait would fill. The first one of a host is always made, or its queue would never move. */
  #connectForPending(): void {
    const { stats, spec } = this.context;
    while (this.#pending.length > this.#connecting * spec.http2.options.maxConcurrentStreams) {
      if (!this.#breaker.canTake(Resource.connections)) {
        stats.values[stats.cxOverflow]++;
        if (this.#connections.length > 0) return;
      }
      this.#breaker.take(Resource.connections);
      this.#connecting++;
      stats.values[stats.cxTotal]++;
      stats.values[stats.cxHttp2Total]++;
      stats.values[stats.cxActive]++;
      const { cells, base } = this.host.stats;
      cells[base + HostStat.cxTotal]++;
      cells[base + HostStat.cxActive]++;
      this.#connections.push(new ConnectionH2(this));
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

  #releaseWhenEmpty(): void {
    if (!this.#isDraining || this.#isReleased || this.#connections.length > 0 || this.#pending.length > 0) return;
    this.#isReleased = true;
    this.#breaker.give(Resource.pools);
  }
}
