import type { StreamReset } from "../http/codec.ts";
import { isTlsFailure, tlsFailureText } from "../net/tls/failure-text.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { ClientCert } from "./client-cert.ts";
import type { ConnectionAddresses } from "./connection-addresses.ts";

/** What is the same for all streams of a connection. */
export interface ConnectionFacts {
  readonly id: number;
  /** null for plain text. */
  readonly tls: TlsInfo | null;
  readonly clientCert: ClientCert;
  readonly addresses: ConnectionAddresses;
}

/** What a stream needs of its connection. */
export interface StreamConnection extends ConnectionFacts {
  readonly protocol: string;
  readonly isHttp2: boolean;
  /** The response must say `connection: close`. */
  readonly mustClose: boolean;
  /** Counted with the stream: max_requests_per_connection. */
  onStreamBegin(): void;
  onStreamEnd(): void;
  /** HTTP/1: the connection closes after the response (an unread request body, a 4xx of the codec). */
  closeAfterResponse(): void;
}

/** What logs and filters know of the connection a stream is on. */
export function describeConnection(info: StreamInfo, connection: ConnectionFacts & { protocol: string }): void {
  info.protocol = connection.protocol;
  info.connectionId = connection.id;
  info.downstreamTls = connection.tls;
  describeAddresses(info, connection.addresses);
}

/** Envoy's local close reason of a connection that is to go, when it has nothing more to do. */
export const afterResponse = "deferred_close_on_drained_connection";

/** That of one that the peer did not close within delayed_close_timeout. */
export const delayedClose = "triggered_delayed_close_timeout";

/** What the listener's log knows besides. `start`: when HTTP began, which TLS goes before. */
export function describeEnd(
  info: StreamInfo,
  { tls, terminationDetails }: { tls: TlsInfo | null; terminationDetails: string },
  start: number,
  closeReason: string,
  error: string,
): void {
  info.start = tls === null ? start : tls.connectionBegin;
  info.connectionTerminationDetails = terminationDetails;
  info.downstreamLocalCloseReason = closeReason;
  // As Envoy, which sees no reset under TLS.
  info.isDownstreamReset = error === "ECONNRESET" && tls === null;
  if (isTlsFailure(error)) info.downstreamTransportFailureReason = tlsFailureText(error);
}

export function describeAddresses(info: StreamInfo, addresses: ConnectionAddresses): void {
  info.downstreamLocalAddress = addresses.localText;
  info.downstreamDirectLocalAddress = addresses.directLocalText;
  info.downstreamDirectRemoteAddress = addresses.directRemoteText;
  info.downstreamRemoteAddress = addresses.remoteText;
  info.downstreamSource = addresses.source;
  info.downstreamConnectionAddress = addresses.remoteText;
}

/** The flag of a downstream that is gone: HTTP/1 knows only of a connection, HTTP/2 of a stream that either side reset. */
export function resetFlag(reason: StreamReset): number {
  if (reason === "connection_termination") return ResponseFlag.DC;
  return reason === "protocol_error" ? ResponseFlag.DPE : ResponseFlag.DR;
}

/** That of a stream between two requests. */
export const noConnection: StreamConnection = {
  id: 0,
  tls: null,
  clientCert: new ClientCert({ mode: "SANITIZE", subject: false, cert: false, dns: false, uri: false }, null),
  addresses: {
    remoteAddress: "",
    remotePort: 0,
    remoteText: "",
    localPort: 0,
    localText: "",
    directRemoteText: "",
    directLocalText: "",
    source: { remoteAddress: "", remotePort: 0, localAddress: "", localPort: 0, tlvs: [] },
  },
  protocol: "",
  isHttp2: false,
  mustClose: false,
  onStreamBegin() {},
  onStreamEnd() {},
  closeAfterResponse() {},
};
