/** What a peer's fault is answered with. `details` is Envoy's RESPONSE_CODE_DETAILS. */
export interface ProtocolError {
  status: number;
  /** The reply's body; "" for none. */
  body: string;
  details: string;
  /** The response flag, "DPE", or "" where Envoy sets none. */
  flag: "DPE" | "";
}

export const codecError = badRequest("http1.codec_error");
export const invalidCharacters = badRequest("http1.invalid_characters");
export const lengthAndChunked = badRequest("http1.content_length_and_chunked_not_allowed");
export const connectionHeaderRejected = badRequest("http1.connection_header_rejected");
export const unexpectedUnderscore = badRequest("http1.unexpected_underscore");
export const invalidScheme = badRequest("http1.invalid_scheme");
export const invalidUrl = badRequest("http1.invalid_url");
export const invalidAuthority = badRequest("http.invalid_authority");
export const bodyDisallowed = badRequest("http1.body_disallowed");
export const invalidTransferEncoding = row(501, "Not Implemented", "http1.invalid_transfer_encoding", "DPE");
export const lowVersion = row(426, "Upgrade Required", "low_version", "DPE");
export const headersTooLarge = row(431, "Request Header Fields Too Large", "http1.headers_too_large", "DPE");
export const tooManyHeaders = row(431, "Request Header Fields Too Large", "http1.too_many_headers", "DPE");
export const trailersTooLarge = row(431, "Request Header Fields Too Large", "http1.trailers_too_large", "DPE");
export const tooManyTrailers = row(431, "Request Header Fields Too Large", "http1.too_many_trailers", "DPE");
export const missingHost = row(400, "", "missing_host_header", "");

function badRequest(details: string): ProtocolError {
  return row(400, "Bad Request", details, "DPE");
}

function row(status: number, body: string, details: string, flag: "DPE" | ""): ProtocolError {
  return Object.freeze({ status, body, details, flag });
}
