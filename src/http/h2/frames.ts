/** Frame types (RFC 9113 section 6). */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of a frame; END_STREAM and ACK share a bit. */
export const FrameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Why a stream or a connection ends (RFC 9113 section 7). */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

/** What a client sends first (RFC 9113 section 3.4). */
export const clientPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Whether a connection begins as HTTP/2: null while it may and may not (Envoy's codec_type AUTO). "PRI * HTTP/2" decides, however the
 * bytes are cut; the codec judges the rest.
 */
export function isHttp2Preface(bytes: Uint8Array, length: number): boolean | null {
  const size = Math.min(length, magicSize);
  for (let i = 0; i < size; i++) if (bytes[i] !== clientPreface[i]) return false;
  return size === magicSize || null;
}

/** Bytes in front of every frame's payload. */
export const frameHeaderSize = 9;

/** The largest payload that both sides accept without SETTINGS_MAX_FRAME_SIZE; we never ask for more. */
export const defaultMaxFrameSize = 16384;

/** The largest stream id and the largest window, 2^31-1. */
export const maxInt31 = 0x7fffffff;

/** Writes a frame's header at `at`. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/** Without the reserved bit. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & maxInt31;
}

// Envoy Http2::CLIENT_MAGIC_PREFIX.
const magicSize = 12;
