import { ResponseFlag } from "./response-flags.ts";

/** A reply that the proxy makes itself: what the client gets, what the log says of it. */
export interface LocalReply {
  readonly status: number;
  readonly body: string;
  /** Bits of ResponseFlag. */
  readonly flags: number;
  /** RESPONSE_CODE_DETAILS. */
  readonly details: string;
  /** What a gRPC client gets; null: what the status means (grpcStatusOf). */
  readonly grpcStatus: number | null;
}

/** The proxy's own replies, as measured on Envoy 1.40. Those of the codec are in http/h1/protocol-error.ts. */
export const localReplies = {
  routeNotFound: localReply(404, "", "route_not_found", ResponseFlag.NR),
  noHealthyUpstream: localReply(503, "no healthy upstream", "no_healthy_upstream", ResponseFlag.UH),
  noCredential: localReply(401, "Failed to inject credential.", "failed_to_inject_credential"),
  responseTimeout: localReply(504, "upstream request timeout", "response_timeout", ResponseFlag.UT),
  /** x-envoy-upstream-rq-timeout-alt-response. */
  altResponseTimeout: localReply(204, "", "response_timeout", ResponseFlag.UT),
  retryBufferOverflow: localReply(
    507,
    "exceeded request buffer limit while retrying upstream",
    "request_payload_exceeded_retry_buffer_limit",
  ),
  maxStreamDuration: localReply(504, "downstream duration timeout", "max_duration_timeout"),
  maxStreamDurationOfRequest: localReply(408, "downstream duration timeout", "max_duration_timeout"),
  streamIdleTimeout: localReply(504, "stream timeout", "stream_idle_timeout", ResponseFlag.SI),
  streamIdleTimeoutOfRequest: localReply(408, "stream timeout", "stream_idle_timeout", ResponseFlag.SI),
  requestTimeout: localReply(408, "request timeout", "request_overall_timeout"),
  requestHeadersTimeout: localReply(408, "request header timeout", "request_header_timeout"),
  missingPath: localReply(404, "", "missing_path_rejected"),
  absolutePath: localReply(404, "", "absolute_path_rejected"),
  pathNormalizationFailed: localReply(400, "", "path_normalization_failed"),
  pathNormalizationRedirect: localReply(307, "", "path_normalization_failed"),
  queryMissingContentType: localReply(400, "", "query_missing_content_type"),
  /** RFC 9110 section 15.5.20; no reply of Envoy's. */
  misdirectedRequest: localReply(421, "", "misdirected_request"),
  noFilterConfig: localReply(500, "", "", ResponseFlag.NFCF),
  upgradeFailed: localReply(403, "", "upgrade_failed"),
  requestPayloadTooLarge: localReply(413, "Payload Too Large", "request_payload_too_large"),
  responsePayloadTooLarge: localReply(500, "Internal Server Error", "response_payload_too_large"),
} as const satisfies Record<string, LocalReply>;

/** One whose parts are known at run time only. */
export function localReply(
  status: number,
  body: string,
  details: string,
  flags = 0,
  grpcStatus: number | null = null,
): LocalReply {
  return { status, body, flags, details, grpcStatus };
}
