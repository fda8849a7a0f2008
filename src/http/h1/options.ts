/** What a codec does with a field whose name has "_". Names follow Envoy's headers_with_underscores_action. */
type UnderscoreAction = "ALLOW" | "REJECT_REQUEST" | "DROP_HEADER";

/** How names are written: as they are (lower case), Proper-Case, or as the peer sent them (for fields that were received). */
export type HeaderCase = "lower" | "proper" | "preserve";

/** The settings of a connection's codec, made once per listener or cluster and shared. */
export interface Http1Options {
  /** Answer malformed input as Envoy 1.40 does instead of strictly by RFC 9112. */
  leniency: boolean;
  /** The largest head, trailers alike, in bytes (Envoy: max_request_headers_kb × 1024). */
  maxHeadBytes: number;
  /** The most fields of a head. */
  maxHeaders: number;
  /** Answer HTTP/1.0 requests instead of 426. */
  acceptHttp10: boolean;
  /** The authority of an HTTP/1.0 request without Host; "" refuses such a request. */
  defaultHostForHttp10: string;
  underscores: UnderscoreAction;
  /** Methods outside Envoy's list go through (Envoy: allow_custom_methods). */
  allowCustomMethods: boolean;
  /** Pass trailers on instead of dropping them, both ways (Envoy: enable_trailers). */
  enableTrailers: boolean;
  headerCase: HeaderCase;
}

/** Envoy's defaults. */
export const defaultHttp1Options: Http1Options = {
  leniency: false,
  maxHeadBytes: 60 * 1024,
  maxHeaders: 100,
  acceptHttp10: false,
  defaultHostForHttp10: "",
  underscores: "ALLOW",
  allowCustomMethods: false,
  enableTrailers: false,
  headerCase: "lower",
};
