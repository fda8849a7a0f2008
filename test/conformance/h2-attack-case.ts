/** One attack as bytes for a running proxy. */
export interface AttackCase {
  /** Begins with its number in the list of attacks that the project keeps. */
  name: string;
  /** Writes, one after the other; the preface and both SETTINGS went before. */
  bytes: readonly Buffer[];
  /** Without preface and SETTINGS. */
  isBare?: boolean;
  /** Ends inside a header block or a frame, so that no PING can follow. */
  hasOpenBlock?: boolean;
  /** The client takes nothing of what is written. */
  isDeaf?: boolean;
  /** Why Nuncio's outcome is not Envoy's; null where they are the same. */
  why: string | null;
}

/** RFC 9113 section 5.4.1: a GOAWAY goes first, so that the client knows what it may send again. Envoy just closes. */
export const goawayFirst = "GOAWAY first";
/** RFC 9113 section 8.1.1: a malformed message ends its stream only. */
export const streamOnly = "its stream only";
/** The same, but only so often on one connection. */
export const streamOnlyBudget = "its stream only, with a budget";
/** A header block that was not decoded is no request. Envoy logs one. */
export const noRequest = "no request began";
/** What the codec found is behind "codec_error:". Envoy's words there are nghttp2's for any fault. */
export const namesFault = "the log names the fault";
