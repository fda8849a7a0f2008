/** Envoy's `http2.*` counters: a codec adds to them and never reads. One object per listener scope or cluster, or per worker. */
export class Http2Counters {
  /** Never counted: Envoy bounds cookies by runtime only. */
  cookies_total_bytes_too_large = 0;
  dropped_headers_with_underscores = 0;
  goaway_sent = 0;
  header_list_size_too_large = 0;
  header_overflow = 0;
  /** Never counted: no field comes without its stream here. */
  headers_cb_no_stream = 0;
  inbound_empty_frames_flood = 0;
  inbound_priority_frames_flood = 0;
  inbound_window_update_frames_flood = 0;
  /** For the owner, who keeps the time of sendPing. */
  keepalive_timeout = 0;
  /** Never counted: METADATA frames are passed over. */
  metadata_empty_frames = 0;
  /** Envoy names its codecs, and dashboards count connections by it. */
  nghttp2_downstream_connections = 0;
  nghttp2_upstream_connections = 0;
  outbound_control_flood = 0;
  outbound_flood = 0;
  requests_rejected_with_underscores_in_headers = 0;
  rx_messaging_error = 0;
  rx_reset = 0;
  stream_refused_errors = 0;
  trailers = 0;
  tx_flush_timeout = 0;
  tx_reset = 0;
  /** A gauge. */
  streams_active = 0;
}
