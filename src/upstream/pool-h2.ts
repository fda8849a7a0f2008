import type { Borrower } from "./borrower.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import { ConnectionH2 } from "./connection-h2.ts";
import type { UpstreamTransport } from "./environment.ts";
import type { Host } from "./host-set.ts";
import { Pool, type PoolContext } from "./pool.ts";
import type { PoolTarget } from "./pool-target.ts";

/**
 * The HTTP/2 connections to one host for one routing priority. Streams go to the first connection that takes one more; where
 * none does, borrowers wait for a connection that is made.
 */
export class PoolH2 extends Pool {
  readonly isHttp2 = true;
  readonly #connections: ConnectionH2[] = [];

  constructor(context: PoolContext, host: Host, breaker: CircuitBreaker, target: PoolTarget) {
    const { maxConcurrentStreams } = context.spec.http2.options;
    super(context, host, breaker, maxConcurrentStreams, context.stats.cxHttp2Total, target, ["h2"]);
  }

  borrow(borrower: Borrower): void {
    const connection = this.#ready();
    if (connection === null) this.wait(borrower);
    else if (this.admit(borrower)) connection.lend(borrower);
  }

  drain(): void {
    this.isDraining = true;
    this.#drainAll();
    this.releaseWhenEmpty();
  }

  // From the connections.

  onConnected(): void {
    this.connecting--;
    this.serveWaiting();
  }

  /** A connection may take one more stream. */
  serveWaiting(): void {
    while (this.pending.length > 0) {
      const connection = this.#ready();
      if (connection === null) break;
      const borrower = this.takePending();
      if (this.admit(borrower)) connection.lend(borrower);
    }
    this.connectForPending();
    if (this.isDraining && this.pending.length === 0) this.#drainAll();
  }

  onClosed(connection: ConnectionH2, wasConnecting: boolean): void {
    this.countClosed(wasConnecting);
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
    if (wasConnecting) return;
    this.connectForPending();
    this.releaseWhenEmpty();
  }

  protected connect(ready: UpstreamTransport | null): void {
    const connection = new ConnectionH2(this, ready);
    this.#connections.push(connection);
    if (ready !== null) connection.onConnect();
  }

  /** It goes on in another pool. */
  onLeft(connection: ConnectionH2): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
  }

  #ready(): ConnectionH2 | null {
    for (const connection of this.#connections) if (connection.canLend) return connection;
    return null;
  }

  #drainAll(): void {
    for (const connection of [...this.#connections]) connection.drain();
  }
}
