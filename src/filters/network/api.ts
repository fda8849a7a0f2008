import type { StreamInfo } from "../../observability/stream-info.ts";

/**
 * A filter in front of the HTTP connection manager: one object per config and worker, for all connections of a filter chain. Envoy:
 * Network::ReadFilter.
 */
export interface NetworkFilter {
  /** A connection was accepted, and TLS has not begun: `admitted`, or in how many ms it is closed without being read. */
  onNewConnection?(): number;
  /** Its first bytes came, behind TLS, or with `asksAlways` any: the same answers. */
  onBytes?(info: StreamInfo): number;
  readonly asksAlways?: boolean;
  /** One that onNewConnection was asked about ended. */
  onEnd?(): void;
}

/** What onNewConnection answers to let a connection pass. */
export const admitted = -1;
