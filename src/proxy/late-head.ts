import { type LocalReply, localReplies } from "../observability/local-replies.ts";
import type { Hcm } from "./hcm.ts";
import type { HcmSpec } from "./spec.ts";

/** How long part of an HTTP/1 head waits for the rest; 0: for ever. */
export function headTimeoutMs({ requestHeadersTimeoutMs, requestTimeoutMs, streamIdleTimeoutMs }: HcmSpec): number {
  return requestHeadersTimeoutMs || requestTimeoutMs || streamIdleTimeoutMs;
}

/** What a client gets when that is over, and counts it. */
export function replyToLateHead({ spec, stats }: Hcm): LocalReply {
  if (spec.requestHeadersTimeoutMs > 0) {
    stats.count("downstream_rq_header_timeout");
    return localReplies.requestHeadersTimeout;
  }
  if (spec.requestTimeoutMs > 0) {
    stats.count("downstream_rq_timeout");
    return localReplies.requestTimeout;
  }
  stats.count("downstream_rq_idle_timeout");
  return localReplies.streamIdleTimeoutOfRequest;
}
