/** What a peer's fault is answered with. `details` is Envoy's RESPONSE_CODE_DETAILS. */
export interface ProtocolError {
  status: number;
  /** The reply's body; "" for none. */
  body: string;
  details: string;
  /** The response flag, "DPE", or "" where Envoy sets none. */
  flag: "DPE" | "";
  /** Envoy's local close reason of the connection; "" where it ends as after any response. */
  closeReason: string;
}

export const codecError = badRequest("http1.codec_error");
export const invalidMethod = badRequest("http1.codec_error", "HPE_INVALID_METHOD");
export const invalidTarget = badRequest("http1.codec_error", "HPE_INVALID_URL");
export const missingColon = badRequest("http1.codec_error", "HEADER_MISSING_COLON");
export const invalidName = badRequest("http1.codec_error", "INVALID_HEADER_NAME_CHARACTER");
export const invalidLength = badRequest("http1.codec_error", "UNPARSABLE_CONTENT_LENGTH");
export const secondLength = badRequest("http1.codec_error", "HPE_UNEXPECTED_CONTENT_LENGTH");
export const invalidChunk = badRequest("http1.codec_error", "HPE_INVALID_CHUNK_SIZE");
export const invalidCharacters = badRequest("http1.invalid_characters", "header value contains invalid chars");
export const lengthAndChunked = badRequest(
  "http1.content_length_and_chunked_not_allowed",
  "both 'Content-Length' and 'Transfer-Encoding' are set.",
);
export const connectionHeaderRejected = badRequest("http1.connection_header_rejected");
export const unexpectedUnderscore = badRequest("http1.unexpected_underscore");
export const invalidScheme = badRequest("http1.invalid_scheme");
export const invalidUrl = badRequest("http1.invalid_url");
export const invalidAuthority = badRequest("http.invalid_authority", "request headers failed spec compliance checks");
export const bodyDisallowed = badRequest("http1.body_disallowed");
export const invalidTransferEncoding = row(
  501,
  "Not Implemented",
  "http1.invalid_transfer_encoding",
  "unsupported transfer encoding",
);
export const headersTooLarge = tooLarge("http1.headers_too_large", "headers size exceeds limit");
export const tooManyHeaders = tooLarge("http1.too_many_headers", "headers count exceeds limit");
export const trailersTooLarge = tooLarge("http1.trailers_too_large", "trailers size exceeds limit");
export const tooManyTrailers = tooLarge("http1.too_many_trailers", "trailers count exceeds limit");
export const lowVersion: ProtocolError = Object.freeze({
  ...row(426, "Upgrade Required", "low_version", ""),
  closeReason: "codec_error:Upgrade required for HTTP/1.0 or HTTP/0.9",
});
export const missingHost: ProtocolError = Object.freeze({
  ...row(400, "", "missing_host_header", ""),
  flag: "",
  closeReason: "",
});

/** `words`: Envoy's; where its parser has one for each of several faults, the details. */
function badRequest(details: string, words: string = details): ProtocolError {
  return row(400, "Bad Request", details, words);
}

function tooLarge(details: string, words: string): ProtocolError {
  return row(431, "Request Header Fields Too Large", details, words);
}

function row(status: number, body: string, details: string, words: string): ProtocolError {
  const closeReason = `codec_error:http/1.1 protocol error: ${words}`;
  return Object.freeze({ status, body, details, flag: "DPE", closeReason });
}
