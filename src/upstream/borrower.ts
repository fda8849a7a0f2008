import type { ByteCounts } from "../http/byte-counts.ts";
import type { RequestWriter, ResponseSink } from "../http/codec.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { Host } from "./host-set.ts";

/** Why no upstream stream could be had. The names are Envoy's reset reasons; "no_credential": the cluster's injector has none to send. */
export type BorrowFailure =
  | "no_healthy_upstream"
  | "no_credential"
  | "overflow"
  | "remote_connection_failure"
  | "connection_timeout";

/** What a borrower may know of the connection it was lent; valid until its stream ends. */
export interface UpstreamConnectionInfo {
  readonly id: number;
  /** "ip:port" */
  readonly localAddress: string;
  /** No request was sent on it before. A reused connection may have been closed by the peer as the request left. */
  readonly isNew: boolean;
  /** Any byte of this request was handed to the transport. */
  readonly isRequestStarted: boolean;
  /** null for plain text. */
  readonly tls: TlsInfo | null;
  /** "HTTP/1.1" or "HTTP/2". */
  readonly protocol: string;
}

/**
 * One attempt at an upstream: borrows a stream and hears its response.
 *
 *     cluster.borrow(b) ─▶ onReady ─▶ onHead … (ResponseSink, ends with endStream, trailers or onReset)
 *            └───────────▶ onBorrowFailed
 *
 * Either may be called before borrow() returns. cluster.cancel(b) before onReady, writer.reset() after it.
 */
export interface Borrower extends ResponseSink {
  /** Its request came by HTTP/2: use_downstream_protocol_config goes by it. */
  readonly isHttp2: boolean;
  /** The downstream connection, for a PROXY header; null where the proxy itself asks. */
  readonly source: ProxiedAddresses | null;
  /** Where the bytes of its stream are counted; null for nobody. */
  readonly bytes: ByteCounts | null;
  onReady(writer: RequestWriter, host: Host, connection: UpstreamConnectionInfo): void;
  /** `detail` is the transport's own reason, "" for none; `host` is null when none was chosen. */
  onBorrowFailed(reason: BorrowFailure, detail: string, host: Host | null): void;
}
