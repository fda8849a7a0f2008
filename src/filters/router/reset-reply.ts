import type { StreamReset } from "../../http/codec.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { BorrowFailure } from "../../upstream/borrower.ts";

/** The reply for an upstream that failed before its response began. Envoy: Router::Filter::onUpstreamReset. */
export interface ResetReply {
  status: number;
  body: string;
  flags: number;
  details: string;
  isOverload: boolean;
}

/** `detail` is the transport's reason, for the details: `delayed_connect_error: Connection refused`. */
export function resetReply(reason: BorrowFailure | StreamReset, detail: string): ResetReply {
  if (reason === "no_healthy_upstream") {
    return {
      status: 503,
      body: "no healthy upstream",
      flags: ResponseFlag.UH,
      details: "no_healthy_upstream",
      isOverload: false,
    };
  }
  const [text, flags, status] = rows[reason];
  const inner = detail === "" || detail === reason || reason === "protocol_error" ? reason : `${reason}|${detail}`;
  return {
    status,
    body: `upstream connect error or disconnect/reset before headers. reset reason: ${text}`,
    flags,
    details: `upstream_reset_before_response_started{${inner.replaceAll(" ", "_")}}`,
    isOverload: reason === "overflow",
  };
}

/** Reset reason to text, flag and status. */
const rows: Record<Exclude<BorrowFailure | StreamReset, "no_healthy_upstream">, [string, number, number]> = {
  connection_termination: ["connection termination", ResponseFlag.UC, 503],
  remote_reset: ["remote reset", ResponseFlag.UR, 503],
  remote_refused_stream_reset: ["remote refused stream reset", ResponseFlag.UR, 503],
  local_reset: ["local reset", ResponseFlag.LR, 503],
  protocol_error: ["protocol error", ResponseFlag.UPE, 502],
  remote_connection_failure: ["remote connection failure", ResponseFlag.UF, 503],
  connection_timeout: ["connection timeout", ResponseFlag.UF, 503],
  overflow: ["overflow", ResponseFlag.UO, 503],
};
