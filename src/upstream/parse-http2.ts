import { defaultHttp2Options, type Http2Options } from "../http/h2/settings.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMsOr } from "../proto/duration.ts";
import {
  type Http2ProtocolOptions,
  Http2ProtocolOptionsSchema,
} from "../proto/generated/envoy/config/core/v3/protocol_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** connection_keepalive; 0 ms: off. */
export interface KeepaliveSpec {
  intervalMs: number;
  timeoutMs: number;
  /** Per cent of the interval that chance adds. */
  jitterPct: number;
  /** A PING in front of the first request after so long without one. */
  idleIntervalMs: number;
}

/** Http2ProtocolOptions of a listener or a cluster, for its codecs. */
export interface Http2Spec {
  options: Http2Options;
  keepalive: KeepaliveSpec;
}

/** `limits`: what other messages say of heads. */
export function parseHttp2(
  message: Http2ProtocolOptions | undefined,
  problems: Problems,
  limits: Pick<Http2Options, "maxHeadBytes" | "maxHeaders" | "underscores">,
): Http2Spec {
  if (message !== undefined) {
    checkCoverage(Http2ProtocolOptionsSchema, message, problems, { honoured, harmless });
  }
  const byDefault = defaultHttp2Options;
  const keepalive = message?.connectionKeepalive;
  return {
    options: {
      ...byDefault,
      ...limits,
      hpackTableSize: message?.hpackTableSize ?? byDefault.hpackTableSize,
      usesHuffman: message?.enableHuffmanEncoding ?? byDefault.usesHuffman,
      maxConcurrentStreams: message?.maxConcurrentStreams ?? byDefault.maxConcurrentStreams,
      streamWindow: message?.initialStreamWindowSize ?? byDefault.streamWindow,
      connectionWindow: message?.initialConnectionWindowSize ?? byDefault.connectionWindow,
      allowConnect: message?.allowConnect ?? false,
      maxOutboundFrames: message?.maxOutboundFrames ?? byDefault.maxOutboundFrames,
      maxOutboundControlFrames: message?.maxOutboundControlFrames ?? byDefault.maxOutboundControlFrames,
      maxConsecutiveEmptyFrames:
        message?.maxConsecutiveInboundFramesWithEmptyPayload ?? byDefault.maxConsecutiveEmptyFrames,
      maxPriorityFramesPerStream: message?.maxInboundPriorityFramesPerStream ?? byDefault.maxPriorityFramesPerStream,
      maxWindowUpdateFramesPerDataFrame:
        message?.maxInboundWindowUpdateFramesPerDataFrameSent ?? byDefault.maxWindowUpdateFramesPerDataFrame,
      streamErrorOnInvalidMessage: message?.overrideStreamErrorOnInvalidHttpMessage ?? true,
      streamResetBurst: Number(message?.streamResetBurst ?? byDefault.streamResetBurst),
      streamResetRate: Number(message?.streamResetRate ?? byDefault.streamResetRate),
      maxFieldBytes:
        message?.maxHeaderFieldSizeKb === undefined ? byDefault.maxFieldBytes : message.maxHeaderFieldSizeKb * 1024,
      disallowsObsText: message?.disallowObsText ?? false,
      customSettings: (message?.customSettingsParameters ?? []).map(
        ({ identifier, value }) => [identifier ?? 0, value ?? 0] as const,
      ),
    },
    keepalive: {
      intervalMs: durationMsOr(keepalive?.interval, 0),
      timeoutMs: durationMsOr(keepalive?.timeout, 0),
      jitterPct: keepalive?.intervalJitter?.value ?? 15,
      idleIntervalMs: durationMsOr(keepalive?.connectionIdleInterval, 0),
    },
  };
}

const honoured = [
  "hpack_table_size",
  "max_concurrent_streams",
  "initial_stream_window_size",
  "initial_connection_window_size",
  "allow_connect",
  "max_outbound_frames",
  "max_outbound_control_frames",
  "max_consecutive_inbound_frames_with_empty_payload",
  "max_inbound_priority_frames_per_stream",
  "max_inbound_window_update_frames_per_data_frame_sent",
  "override_stream_error_on_invalid_http_message",
  "custom_settings_parameters",
  "connection_keepalive",
  "enable_huffman_encoding",
  "max_header_field_size_kb",
  "disallow_obs_text",
  "stream_reset_burst",
  "stream_reset_rate",
];
/** Malformed messages cost their stream anyway; there is one codec; without METADATA frames, which are refused, they have no size. */
const harmless = ["stream_error_on_invalid_http_messaging", "max_metadata_size", "use_oghttp2_codec"];
