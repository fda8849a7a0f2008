import type { StreamReset } from "../../http/codec.ts";
import { type LocalReply, localReplies, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { OverrideHost } from "../../observability/stream-info.ts";
import type { BorrowFailure } from "../../upstream/borrower.ts";

/**
 * The reply for an upstream that failed before its response began. `detail` is the transport's reason, for the details:
 * `delayed_connect_error: Connection refused`. `isRetry`: attempts were made before. Envoy: Router::Filter::onUpstreamReset.
 */
export function resetReply(
  reason: BorrowFailure | StreamReset,
  detail: string,
  isRetry: boolean,
  overrideHost: OverrideHost | null,
): LocalReply {
  if (reason === "no_healthy_upstream") return overrideHost?.missingReply ?? localReplies.noHealthyUpstream;
  if (reason === "no_credential") return localReplies.noCredential;
  const [text, flags, status] = rows[reason];
  const inner = detail === "" || detail === reason || reason === "protocol_error" ? reason : `${reason}|${detail}`;
  return localReply(
    status,
    `upstream connect error or disconnect/reset before headers. ${isRetry ? "retried and the latest " : ""}reset reason: ${text}`,
    `upstream_reset_before_response_started{${inner.replaceAll(" ", "_")}}`,
    flags,
  );
}

/** Reset reason to text, flag and status. */
const rows: Record<
  Exclude<BorrowFailure | StreamReset, "no_healthy_upstream" | "no_credential">,
  [string, number, number]
> = {
  connection_termination: ["connection termination", ResponseFlag.UC, 503],
  remote_reset: ["remote reset", ResponseFlag.UR, 503],
  remote_refused_stream_reset: ["remote refused stream reset", ResponseFlag.UR, 503],
  local_reset: ["local reset", ResponseFlag.LR, 503],
  protocol_error: ["protocol error", ResponseFlag.UPE, 502],
  remote_connection_failure: ["remote connection failure", ResponseFlag.UF, 503],
  connection_timeout: ["connection timeout", ResponseFlag.UF, 503],
  overflow: ["overflow", ResponseFlag.UO, 503],
};
