import { TimerNode } from "../net/timer-wheel.ts";
import type { Borrower } from "./borrower.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import { ConnectionH1 } from "./connection-h1.ts";
import type { UpstreamTransport } from "./environment.ts";
import type { Host } from "./host-set.ts";
import { Pool, type PoolContext } from "./pool.ts";
import type { PoolTarget } from "./pool-target.ts";

/**
 * The HTTP/1.1 connections to one host for one routing priority: the idle ones are a stack, the most recently used first.
 * Borrowing an idle connection allocates nothing.
 */
export class PoolH1 extends Pool {
  readonly isHttp2 = false;
  readonly #idle: ConnectionH1[] = [];
  readonly #sweep: TimerNode = new TimerNode(() => this.#closeIdle());
  #sweeps = 0;

  constructor(context: PoolContext, host: Host, breaker: CircuitBreaker, target: PoolTarget) {
    super(context, host, breaker, 1, context.stats.cxHttp1Total, target, ["http/1.1"]);
  }

  borrow(borrower: Borrower): void {
    const connection = this.#idle.pop();
    if (connection === undefined) this.wait(borrower);
    else if (this.admit(borrower)) connection.lend(borrower);
    else this.#idle.push(connection);
  }

  drain(): void {
    this.isDraining = true;
    while (this.#idle.length > 0) (this.#idle[this.#idle.length - 1] as ConnectionH1).close();
    this.releaseWhenEmpty();
  }

  // From the connections.

  onConnected(connection: ConnectionH1): void {
    this.connecting--;
    this.onReady(connection);
  }

  /** The connection may be lent again. */
  onReady(connection: ConnectionH1): void {
    while (this.pending.length > 0) {
      const borrower = this.takePending();
      if (this.admit(borrower)) {
        connection.lend(borrower);
        return;
      }
    }
    if (this.isDraining) {
      connection.close();
      return;
    }
    connection.idleSince = this.#sweeps;
    this.#idle.push(connection);
    if (this.#sweep.deadline === 0) this.#armSweep();
  }

  onClosed(connection: ConnectionH1, wasConnecting: boolean): void {
    this.countClosed(wasConnecting);
    if (wasConnecting) return;
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.connectForPending();
    this.releaseWhenEmpty();
  }

  protected connect(ready: UpstreamTransport | null): void {
    const connection = new ConnectionH1(this, ready);
    if (ready !== null) connection.onConnect();
  }

  protected override onReleased(): void {
    this.context.environment.timers.remove(this.#sweep);
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
}

const sweepsPerTimeout = 32;
