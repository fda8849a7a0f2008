import { encodeGrpcMessage, grpcStatusOf } from "../http/grpc.ts";
import { ResponseHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { LocalReply } from "../observability/local-replies.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import type { Stream } from "./stream.ts";

/**
 * Writes the proxy's own answer through the response filters: the mapper's edits, a gRPC status for a gRPC request,
 * content-length and content-type. Envoy: Utility::sendLocalReply.
 */
export function writeLocalReply(
  stream: Stream,
  { status, body, details, grpcStatus }: LocalReply,
  edit: ((head: ResponseHead) => void) | null,
  skipsFilters: boolean,
): void {
  const head = new ResponseHead();
  head.status = status;
  const info = stream.info;
  info.response = head;
  // Here %RESPONSE_CODE% is still 0, as in Envoy.
  const { route } = stream;
  // What a route without a cluster adds is for its own answer.
  if (route !== null && (route.kind === "cluster" || details === route.replyDetails)) route.rewriteResponse(head, info);
  info.responseCode = status;
  if (edit !== null) edit(head);
  // Envoy sets DPE when the connection closes, behind the reply.
  const flags = info.responseFlags;
  info.responseFlags = flags & ~ResponseFlag.DPE;
  const mapped = stream.hcm.mapLocalReply(head, info, body);
  info.responseFlags = flags;
  const text = mapped.body;
  if (stream.isGrpcRequest) {
    const httpStatus = head.status;
    head.status = 200;
    head.set("content-type", "application/grpc", Known["content-type"]);
    head.set("grpc-status", String(grpcStatus ?? grpcStatusOf(httpStatus)), Known["grpc-status"]);
    if (text !== "") head.set("grpc-message", encodeGrpcMessage(Buffer.from(text)), Known["grpc-message"]);
    deliver(stream, head, null, skipsFilters);
    return;
  }
  if (text === "") {
    deliver(stream, head, null, skipsFilters);
    return;
  }
  const bytes = Buffer.from(text);
  head.set("content-length", String(bytes.length), Known["content-length"]);
  if (mapped.contentType !== "" || !head.has(Known["content-type"])) {
    head.set("content-type", mapped.contentType || "text/plain", Known["content-type"]);
  }
  deliver(stream, head, stream.request.method === "HEAD" ? null : bytes, skipsFilters);
}

function deliver(stream: Stream, head: ResponseHead, body: Buffer | null, skipsFilters: boolean): void {
  if (skipsFilters) {
    stream.sendHead(head, body === null);
    if (body !== null) stream.sendData(body, true);
    return;
  }
  stream.responseWalk.head(head, body === null);
  if (body !== null && stream.isActive) stream.responseWalk.data(body, true);
}
