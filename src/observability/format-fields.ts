import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { tlsFields } from "./format-tls.ts";
import { flagsText, toWire, withoutPort } from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";

/** Operators without arguments whose value is text; null is no value. */
export const textFields: Record<string, (info: StreamInfo) => string | null> = {
  PROTOCOL: (info) => orNull(info.protocol),
  UPSTREAM_PROTOCOL: (info) => orNull(info.upstreamProtocol),
  RESPONSE_FLAGS: (info) => flagsText(info.responseFlags, false),
  RESPONSE_FLAGS_LONG: (info) => flagsText(info.responseFlags, true),
  CONNECTION_TERMINATION_DETAILS: (info) => oneWord(info.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (info) => oneWord(info.upstreamTransportFailureReason),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: (info) => oneWord(info.downstreamTransportFailureReason),
  UPSTREAM_LOCAL_CLOSE_REASON: (info) => oneWord(info.upstreamLocalCloseReason),
  DOWNSTREAM_LOCAL_CLOSE_REASON: (info) => oneWord(info.downstreamLocalCloseReason),
  UPSTREAM_DETECTED_CLOSE_TYPE: (info) => (info.upstreamHost === "" ? null : "Normal"),
  DOWNSTREAM_DETECTED_CLOSE_TYPE: (info) => (info.isDownstreamReset ? "RemoteReset" : "Normal"),
  ROUTE_NAME: (info) => named(info.routeName),
  VIRTUAL_CLUSTER_NAME: (info) => named(info.virtualClusterName),
  FILTER_CHAIN_NAME: (info) => named(info.filterChainName),
  LISTENER_NAME: (info) => named(info.listener.name),
  UPSTREAM_CLUSTER: (info) => named(info.clusterName),
  UPSTREAM_CLUSTER_RAW: (info) => named(info.clusterName),
  HOSTNAME: () => ownHostname,
  ACCESS_LOG_TYPE: (info) => info.accessLogType,
  STREAM_ID: (info) => orNull(info.streamId),
  UNIQUE_ID: (info) => {
    if (info.uniqueId === "") info.uniqueId = randomUUID();
    return info.uniqueId;
  },
  CUSTOM_FLAGS: () => "",
  LOCAL_REPLY_BODY: (info) => toWire(info.localReplyBody),
  UPSTREAM_HOST: (info) => orNull(info.upstreamHost),
  UPSTREAM_HOST_NAME: (info) => named(info.upstreamHostName || info.upstreamHost),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: (info) => named(withoutPort(info.upstreamHostName || info.upstreamHost)),
  // Envoy keeps these by attempt, and the log sees the last one's. A host that could not be connected to is none.
  UPSTREAM_HOSTS_ATTEMPTED: (info) => orNull(attempted(info)),
  UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: (info) => orNull(withoutPort(attempted(info))),
  UPSTREAM_HOST_NAMES_ATTEMPTED: (info) => named(nameAttempted(info)),
  UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: (info) => named(withoutPort(nameAttempted(info))),
  UPSTREAM_CONNECTION_IDS_ATTEMPTED: (info) =>
    info.upstreamConnectionId === 0 ? null : String(info.upstreamConnectionId),
  ...tlsFields,
};

/** Operators without arguments whose value is a number; -1 is no value. */
export const numberFields: Record<string, (info: StreamInfo) => number> = {
  RESPONSE_CODE: (info) => info.responseCode,
  BYTES_RECEIVED: (info) => info.bytesReceived,
  BYTES_SENT: (info) => info.bytesSent,
  BYTES_RETRANSMITTED: () => 0,
  REQUEST_HEADERS_BYTES: (info) => info.request.byteSize(),
  RESPONSE_HEADERS_BYTES: (info) => info.response?.byteSize() ?? 0,
  RESPONSE_TRAILERS_BYTES: (info) => info.responseTrailersBytes,
  DOWNSTREAM_WIRE_BYTES_RECEIVED: (info) => info.downstreamBytes.wireReceived,
  DOWNSTREAM_WIRE_BYTES_SENT: (info) => info.downstreamBytes.wireSent,
  DOWNSTREAM_HEADER_BYTES_RECEIVED: (info) => info.downstreamBytes.headerReceived,
  DOWNSTREAM_HEADER_BYTES_SENT: (info) => info.downstreamBytes.headerSent,
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: (info) => info.downstreamBytes.decompressedReceived,
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: (info) => info.downstreamBytes.decompressedSent,
  UPSTREAM_WIRE_BYTES_RECEIVED: (info) => info.upstreamBytes.wireReceived,
  UPSTREAM_WIRE_BYTES_SENT: (info) => info.upstreamBytes.wireSent,
  UPSTREAM_HEADER_BYTES_RECEIVED: (info) => info.upstreamBytes.headerReceived,
  UPSTREAM_HEADER_BYTES_SENT: (info) => info.upstreamBytes.headerSent,
  UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: (info) => info.upstreamBytes.decompressedReceived,
  UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: (info) => info.upstreamBytes.decompressedSent,
  DURATION: (info) => between(info.start, info.end),
  REQUEST_DURATION: (info) => between(info.start, info.requestEnd),
  REQUEST_TX_DURATION: (info) => between(info.start, info.upstreamRequestEnd),
  RESPONSE_DURATION: (info) => between(info.start, info.upstreamResponseStart),
  RESPONSE_TX_DURATION: (info) => (info.responseEnd < 0 ? -1 : between(info.upstreamResponseStart, info.responseEnd)),
  UPSTREAM_CONNECTION_POOL_READY_DURATION: (info) => between(info.start, info.upstreamRequestStart),
  DOWNSTREAM_CX_RTT: () => 0,
  ROUTE_RESOLUTION_COUNT: (info) => info.routeResolutionCount,
  ROUTE_RESOLUTION_TIME_US: (info) => (info.routeResolutionCount > 0 ? 0 : -1),
  CONNECTION_ID: (info) => info.connectionId,
  UPSTREAM_CONNECTION_ID: (info) => info.upstreamConnectionId,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (info) => info.attemptCount,
};

/** The addresses behind `<name>_ADDRESS`, `<name>_ADDRESS_WITHOUT_PORT` and `<name>_PORT`; "" is no value. */
export const addressFields: Record<string, (info: StreamInfo) => string> = {
  UPSTREAM_LOCAL: (info) => info.upstreamLocalAddress,
  UPSTREAM_REMOTE: (info) => (info.upstreamLocalAddress === "" ? "" : info.upstreamHost),
  DOWNSTREAM_LOCAL: (info) => info.downstreamLocalAddress,
  DOWNSTREAM_REMOTE: (info) => info.downstreamRemoteAddress,
  DOWNSTREAM_DIRECT_LOCAL: (info) => info.downstreamDirectLocalAddress,
  DOWNSTREAM_DIRECT_REMOTE: (info) => info.downstreamDirectRemoteAddress,
};

/** The moments of %COMMON_DURATION(...)%, monotonic milliseconds; -1 is not reached. */
export const timePoints: Record<string, (info: StreamInfo) => number> = {
  DS_RX_BEG: (info) => info.start,
  DS_RX_END: (info) => info.requestEnd,
  US_CX_BEG: (info) => (info.upstreamConnected < 0 ? -1 : info.requestEnd),
  US_CX_END: (info) => info.upstreamConnected,
  US_TX_BEG: (info) => info.upstreamRequestStart,
  US_TX_END: (info) => info.upstreamRequestEnd,
  US_RX_BEG: (info) => info.upstreamResponseStart,
  US_RX_END: (info) => info.upstreamResponseEnd,
  DS_TX_BEG: (info) => info.responseStart,
  DS_TX_END: (info) => info.responseEnd,
  // A stream on plain text does not know when its connection began.
  DS_CX_BEG: ({ downstreamTls, accessLogType, start }) =>
    downstreamTls?.connectionBegin ?? (accessLogType === "NotSet" ? start : -1),
  DS_HS_BEG: ({ downstreamTls }) => downstreamTls?.handshakeBegin ?? -1,
  DS_HS_END: ({ downstreamTls }) => downstreamTls?.handshakeEnd ?? -1,
};

/** Operators that Envoy takes and that have no value here. */
export const emptyFields = new Set([
  "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID",
  "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID",
  "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID",
  "TRACE_ID",
  "SPAN_ID",
]);

/** The same, but they take arguments. */
export const emptyFieldsWithArgs = new Set(["UPSTREAM_FILTER_STATE"]);

/** Envoy puts "_" for the blanks of a detail, so that a line can be split. */
export function oneWord(text: string): string | null {
  if (text === "") return null;
  return text.includes(" ") ? text.replaceAll(" ", "_") : text;
}

function attempted(info: StreamInfo): string {
  return info.upstreamConnectionId === 0 ? "" : info.upstreamHost;
}

function nameAttempted(info: StreamInfo): string {
  return info.upstreamConnectionId === 0 ? "" : info.upstreamHostName || info.upstreamHost;
}

function between(from: number, to: number): number {
  return from < 0 || to < 0 ? -1 : Math.floor(to - from);
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

function named(text: string): string | null {
  return text === "" ? null : toWire(text);
}

const ownHostname = hostname();
