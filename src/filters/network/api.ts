import type { StreamInfo } from "../../observability/stream-info.ts";

/** What becomes of a connection that a filter does not let pass, and what the listener's log says of it. */
export interface Refusal {
  /** Until it is closed; it is not read meanwhile. */
  readonly delayMs: number;
  /** Envoy's local close reason. */
  readonly closeReason: string;
  /** CONNECTION_TERMINATION_DETAILS; "" for none. */
  readonly details: string;
  /** Bits of ResponseFlag. */
  readonly flags: number;
}

/**
 * A filter in front of the HTTP connection manager: one object per config and worker, for all connections of a filter chain. Envoy:
 * Network::ReadFilter.
 */
export interface NetworkFilter {
  /** A connection was accepted, and TLS has not begun. null: it may pass. */
  onNewConnection?(): Refusal | null;
  /** Its first bytes came, behind TLS, or with `asksAlways` any. */
  onBytes?(info: StreamInfo): Refusal | null;
  readonly asksAlways?: boolean;
  /** One that onNewConnection was asked about ended. */
  onEnd?(): void;
}
