import { badValueName } from "../../http/bad-value.ts";
import type { StreamReset } from "../../http/codec.ts";
import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { type LocalReply, localReplies, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { BorrowFailure } from "../../upstream/borrower.ts";
import type { TerminalStream } from "../api.ts";
import type { Attempt } from "./attempt.ts";
import { setAttemptCount } from "./request-fields.ts";

/** Answers in the upstreams' place. `isOverloaded`: x-envoy-overloaded says so. */
export function answerForUpstream(stream: TerminalStream, reply: LocalReply, isOverloaded: boolean): void {
  const tellsCount = stream.route?.virtualHost.includeAttemptCountInResponse === true;
  if (!tellsCount && !isOverloaded) {
    stream.sendLocalReply(reply);
    return;
  }
  const count = stream.info.attemptCount;
  stream.sendLocalReply(reply, (head) => {
    if (isOverloaded) head.set("x-envoy-overloaded", "true", Known["x-envoy-overloaded"]);
    if (tellsCount) setAttemptCount(head, count);
  });
}

/** What filters and the route made of a request's head may not be sent as it is: then it is answered here, and true. */
export function refusesHead(stream: TerminalStream, head: RequestHead): boolean {
  const name = badValueName(head);
  if (name === null) return false;
  const why = `invalid header value for: ${name}`;
  const details = `filter_removed_required_request_headers{${why.replaceAll(" ", "_")}}`;
  answerForUpstream(stream, localReply(503, why, details, ResponseFlag.DPE), false);
  return true;
}

/** The cluster's injector had no credential: then it is answered here, and true. Envoy: no response of the upstream, nothing to retry. */
export function lacksCredential(stream: TerminalStream, reason: BorrowFailure | StreamReset): boolean {
  if (reason !== "no_credential") return false;
  stream.sendLocalReply(localReplies.noCredential);
  return true;
}

/** The upstream was lost after its response began: the downstream's is cut off. */
export function abortResponse(stream: TerminalStream, reason: BorrowFailure | StreamReset): void {
  const isCut = reason === "protocol_error" || reason === "connection_termination";
  const flag = isCut ? ResponseFlag.UPE : ResponseFlag.UR;
  stream.abort(flag, `upstream_reset_after_response_started{${isCut ? "protocol_error" : reason}}`);
}

/** As Envoy: the head of an answer that is neither 101 nor an error goes on without its body. */
export function refuseWebSocket(
  stream: TerminalStream,
  attempt: Attempt,
  head: ResponseHead,
  endStream: boolean,
): void {
  stream.info.details = "websocket_handshake_unsuccessful";
  if (!endStream) attempt.writer?.reset("local_reset");
  head.set("content-length", "0", Known["content-length"]);
  stream.respond(head, true);
}
