import type { Rostered } from "../net/roster.ts";
import type { Transport } from "../net/transport.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { ConnectionAddresses } from "./connection-addresses.ts";
import type { Hcm } from "./hcm.ts";

/** A connection as its listener keeps it. */
export interface DownstreamConnection extends Rostered {
  /** What it was accepted under. */
  readonly hcm: Hcm;
  readonly addresses: Pick<ConnectionAddresses, "directLocalText">;
  /** Idle: close soon; busy: after what is under way. */
  drain(): void;
  /** Ends it with what it was doing. `closeReason`: Envoy's local close reason, for the listener's log. */
  destroy(closeReason?: string): void;
  /** For the listener's access log, behind its end. */
  describe(info: StreamInfo): void;
}

/** What a connection tells the listener that accepted it. */
export interface ConnectionOwner {
  readonly isDraining: boolean;
  /** It drains, or the health check of the process was failed: each connection is told to go with its next response. */
  readonly sendsAway: boolean;
  onConnectionEnd(connection: DownstreamConnection): void;
  /** The first bytes are HTTP/2's preface (codec_type AUTO): the transport goes to another connection. */
  onHttp2(connection: DownstreamConnection, transport: Transport, bytes: Buffer, length: number): void;
}
