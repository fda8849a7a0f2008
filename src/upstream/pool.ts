import type { Borrower } from "./borrower.ts";
import type { Host } from "./host-set.ts";

/** The connections to one host for one routing priority and one protocol. */
export interface Pool {
  readonly host: Host;
  /** Calls onReady or onBorrowFailed, now or later. */
  borrow(borrower: Borrower): void;
  /** Takes a borrower who waits here out of the queue. */
  cancel(borrower: Borrower): void;
  /** The host is gone: no connection stays idle. Who waits is still served. */
  drain(): void;
}
