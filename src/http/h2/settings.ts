import { maxInt31, readUint32, writeUint32 } from "./frames.ts";

/** Setting ids (RFC 9113 section 6.5.2, RFC 8441 section 3). */
export const SettingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** What a listener or a cluster asks of its codecs: Envoy's Http2ProtocolOptions and what of the others concerns the codec. */
export interface Http2Options {
  /** hpack_table_size: bytes, of the decoder's and of the encoder's table each. */
  hpackTableSize: number;
  /** enable_huffman_encoding */
  usesHuffman: boolean;
  /** max_concurrent_streams: what the peer may open, and what we open at most. */
  maxConcurrentStreams: number;
  /** initial_stream_window_size, bytes. */
  streamWindow: number;
  /** initial_connection_window_size, bytes, 65535 at least. */
  connectionWindow: number;
  /** allow_connect: extended CONNECT (RFC 8441). */
  allowConnect: boolean;
  /** max_outbound_frames: frames of any kind that wait for a peer who does not read. */
  maxOutboundFrames: number;
  /** max_outbound_control_frames: PING and SETTINGS answers and RST_STREAM alike. */
  maxOutboundControlFrames: number;
  /** max_consecutive_inbound_frames_with_empty_payload */
  maxConsecutiveEmptyFrames: number;
  /** max_inbound_priority_frames_per_stream */
  maxPriorityFramesPerStream: number;
  /** max_inbound_window_update_frames_per_data_frame_sent */
  maxWindowUpdateFramesPerDataFrame: number;
  /** A malformed message costs its stream; false: the connection (override_stream_error_on_invalid_http_message). */
  streamErrorOnInvalidMessage: boolean;
  /** stream_reset_burst and stream_reset_rate (a second): the resets that a client may cause. */
  streamResetBurst: number;
  streamResetRate: number;
  /** The largest head, trailers alike: bytes of names and values (max_request_headers_kb × 1024). */
  maxHeadBytes: number;
  /** max_headers_count, pseudo-fields and cookie crumbs counted. */
  maxHeaders: number;
  /** max_header_field_size_kb × 1024 */
  maxFieldBytes: number;
  /** headers_with_underscores_action */
  underscores: "ALLOW" | "REJECT_REQUEST" | "DROP_HEADER";
  /** disallow_obs_text: bytes above 0x7f in a value are malformed. */
  disallowsObsText: boolean;
  /** Take what Envoy 1.40 takes where RFC 9113 forbids it: blanks around values, odd authorities. */
  leniency: boolean;
  /** custom_settings_parameters: [id, value]. */
  customSettings: readonly (readonly [number, number])[];
}

/** Envoy's defaults, but that a malformed message costs its stream only. */
export const defaultHttp2Options: Http2Options = {
  hpackTableSize: 4096,
  usesHuffman: true,
  maxConcurrentStreams: 1024,
  streamWindow: 16 * 1024 * 1024,
  connectionWindow: 24 * 1024 * 1024,
  allowConnect: false,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdateFramesPerDataFrame: 10,
  streamErrorOnInvalidMessage: true,
  streamResetBurst: 1000,
  streamResetRate: 33,
  maxHeadBytes: 60 * 1024,
  maxHeaders: 100,
  maxFieldBytes: 64 * 1024,
  underscores: "ALLOW",
  disallowsObsText: false,
  leniency: false,
  customSettings: [],
};

/** What the peer's SETTINGS said so far. */
export class PeerSettings {
  headerTableSize = 4096;
  /** Streams that we may open. */
  maxConcurrentStreams = maxInt31;
  initialWindow = 65535;
  maxFrameSize = 16384;
  enablesConnect = false;
  /** Its first SETTINGS came. */
  isReceived = false;
}

/** The payload of our first SETTINGS frame. */
export function settingsPayload(options: Http2Options, isServer: boolean): Buffer {
  const entries: (readonly [number, number])[] = [[SettingId.headerTableSize, options.hpackTableSize]];
  if (!isServer) entries.push([SettingId.enablePush, 0]);
  else {
    if (options.allowConnect) entries.push([SettingId.enableConnectProtocol, 1]);
    entries.push([SettingId.maxConcurrentStreams, options.maxConcurrentStreams]);
  }
  entries.push([SettingId.initialWindowSize, options.streamWindow]);
  for (const entry of options.customSettings) entries.push(entry);
  const payload = Buffer.alloc(entries.length * settingSize);
  for (const [i, [id, value]] of entries.entries()) {
    payload[i * settingSize] = id >>> 8;
    payload[i * settingSize + 1] = id;
    writeUint32(payload, i * settingSize + 2, value);
  }
  return payload;
}

/** The setting's value at `at` of a SETTINGS payload; its id is in the two bytes in front. */
export function settingValue(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 2);
}

export const settingSize = 6;
