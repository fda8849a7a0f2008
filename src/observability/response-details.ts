import { ResponseFlag } from "./response-flags.ts";

/** A reply that the proxy makes itself: what the client gets, what the log says of it. */
export interface LocalReply {
  status: number;
  body: string;
  /** Bits of ResponseFlag. */
  flags: number;
  /** RESPONSE_CODE_DETAILS. */
  details: string;
  /** Header fields besides content-length, content-type, date and server. */
  headers: readonly (readonly [name: string, value: string])[];
}

/** Envoy's RESPONSE_CODE_DETAILS that stand for no reply of the table below. */
export const Details = {
  viaUpstream: "via_upstream",
  directResponse: "direct_response",
  downstreamRemoteDisconnect: "downstream_remote_disconnect",
  downstreamLocalDisconnect: "downstream_local_disconnect",
  internalRedirect: "internal_redirect",
  websocketHandshakeUnsuccessful: "websocket_handshake_unsuccessful",
  filterRemovedRequiredRequestHeaders: "filter_removed_required_request_headers",
  filterRemovedRequiredResponseHeaders: "filter_removed_required_response_headers",
  adminFilterResponse: "admin_filter_response",
} as const;

/** The proxy's own replies, as measured on Envoy 1.40. */
export const localReplies = {
  routeNotFound: reply(404, "", "route_not_found", ResponseFlag.NR),
  clusterNotFound: reply(503, "", "cluster_not_found", ResponseFlag.NC),
  noHealthyUpstream: reply(503, "no healthy upstream", "no_healthy_upstream", ResponseFlag.UH),
  routeTimeout: reply(504, "upstream request timeout", "response_timeout", ResponseFlag.UT),
  perTryTimeout: reply(504, "upstream request timeout", "upstream_per_try_timeout", ResponseFlag.UT),
  maintenanceMode: reply(503, "maintenance mode", "maintenance_mode", ResponseFlag.UO, [
    ["x-envoy-overloaded", "true"],
  ]),
  dropOverload: reply(503, "drop overload", "drop_overload", ResponseFlag.DO, [["x-envoy-drop-overload", "true"]]),
  unconditionalDropOverload: reply(
    503,
    "unconditional drop overload",
    "unconditional_drop_overload",
    ResponseFlag.UDO,
    [["x-envoy-unconditional-drop-overload", "true"]],
  ),
  upstreamMaxStreamDuration: reply(
    504,
    "upstream max stream duration reached",
    "upstream_max_stream_duration_reached",
    ResponseFlag.UMSDR,
  ),
  maxStreamDuration: reply(504, "downstream duration timeout", "max_duration_timeout"),
  maxStreamDurationOfRequest: reply(408, "downstream duration timeout", "max_duration_timeout"),
  streamIdleTimeout: reply(504, "stream timeout", "stream_idle_timeout", ResponseFlag.SI),
  streamIdleTimeoutOfRequest: reply(408, "stream timeout", "stream_idle_timeout", ResponseFlag.SI),
  requestTimeout: reply(408, "request timeout", "request_overall_timeout"),
  requestHeadersTimeout: reply(408, "request header timeout", "request_header_timeout"),
  missingHost: reply(400, "", "missing_host_header"),
  missingPath: reply(404, "", "missing_path_rejected"),
  absolutePath: reply(404, "", "absolute_path_rejected"),
  pathNormalizationFailed: reply(400, "", "path_normalization_failed"),
  pathNormalizationRedirect: reply(307, "", "path_normalization_failed"),
  queryMissingContentType: reply(400, "", "query_missing_content_type"),
  upgradeFailed: reply(403, "", "upgrade_failed"),
  requestPayloadTooLarge: reply(413, "Payload Too Large", "request_payload_too_large"),
  responsePayloadTooLarge: reply(500, "Internal Server Error", "response_payload_too_large"),
  overload: reply(503, "envoy overloaded", "overload"),
  badRequest: reply(400, "Bad Request", "http1.codec_error", ResponseFlag.DPE),
  httpsOnPlaintext: reply(403, "Forbidden", "http1.https_url_on_plaintext_connection", ResponseFlag.DPE),
  transferEncoding: reply(501, "Not Implemented", "http1.invalid_transfer_encoding", ResponseFlag.DPE),
  lowVersion: reply(426, "Upgrade Required", "low_version", ResponseFlag.DPE),
  headersTooLarge: reply(431, "Request Header Fields Too Large", "http1.headers_too_large", ResponseFlag.DPE),
  tooManyHeaders: reply(431, "Request Header Fields Too Large", "http1.too_many_headers", ResponseFlag.DPE),
  noFilterConfig: reply(500, "", "filter_config_not_found", ResponseFlag.NFCF),
} as const satisfies Record<string, LocalReply>;

/** Why an upstream request ended before its response began (Envoy: StreamResetReason). */
export type ResetReason =
  | "remote connection failure"
  | "local connection failure"
  | "connection timeout"
  | "connection termination"
  | "remote reset"
  | "remote refused stream reset"
  | "local reset"
  | "protocol error"
  | "overflow";

/**
 * The reply after a reset before the response. `transportFailure` is the transport's reason, "" for none: it is in the
 * details, not in the body. `wasRetried` tells of earlier attempts.
 */
export function resetReply(reason: ResetReason, transportFailure: string, wasRetried: boolean): LocalReply {
  const isOverflow = reason === "overflow";
  const lead = wasRetried ? "retried and the latest reset reason" : "reset reason";
  const cause = transportFailure === "" ? reason : `${reason}|${transportFailure}`;
  return reply(
    reason === "protocol error" ? 502 : 503,
    `upstream connect error or disconnect/reset before headers. ${lead}: ${reason}`,
    `upstream_reset_before_response_started{${cause.replaceAll(" ", "_")}}`,
    resetFlags[reason],
    isOverflow ? [["x-envoy-overloaded", "true"]] : [],
  );
}

/** Details of a response cut after its head. */
export function cutResponseDetails(reason: ResetReason): string {
  return `upstream_reset_after_response_started{${reason.replaceAll(" ", "_")}}`;
}

function reply(
  status: number,
  body: string,
  details: string,
  flags = 0,
  headers: LocalReply["headers"] = [],
): LocalReply {
  return { status, body, flags, details, headers };
}

const resetFlags: Record<ResetReason, number> = {
  "remote connection failure": ResponseFlag.UF,
  "local connection failure": ResponseFlag.UF,
  "connection timeout": ResponseFlag.UF,
  "connection termination": ResponseFlag.UC,
  "remote reset": ResponseFlag.UR,
  "remote refused stream reset": ResponseFlag.UR,
  "local reset": ResponseFlag.LR,
  "protocol error": ResponseFlag.UPE,
  overflow: ResponseFlag.UO,
};
