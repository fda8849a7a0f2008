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
  { status, body }: LocalReply,
  edit: ((head: ResponseHead) => void) | null,
): void {
  const head = new ResponseHead();
  head.status = status;
  const info = stream.info;
  info.response = head;
  // Here %RESPONSE_CODE% is still 0, as in Envoy.
  stream.route?.rewriteResponse(head, info);
  info.responseCode = status;
  if (edit !== null) edit(head);
  // Envoy sets DPE when the connection closes, behind the reply.
  const flags = info.responseFlags;
  info.responseFlags = flags & ~ResponseFlag.DPE;
  const mapped = stream.hcm.mapLocalReply(head, info, body);
  info.responseFlags = flags;
  const text = mapped.body;
  if (isGrpc(stream.request.get(Known["content-type"]))) {
    const httpStatus = head.status;
    head.status = 200;
    head.set("content-type", "application/grpc", Known["content-type"]);
    head.set("grpc-status", String(grpcStatus(httpStatus)), Known["grpc-status"]);
    if (text !== "") head.set("grpc-message", percentEncode(text), Known["grpc-message"]);
    stream.deliverLocalReply(head, null);
    return;
  }
  if (text === "") {
    stream.deliverLocalReply(head, null);
    return;
  }
  const bytes = Buffer.from(text);
  head.set("content-length", String(bytes.length), Known["content-length"]);
  if (mapped.contentType !== "" || !head.has(Known["content-type"])) {
    head.set("content-type", mapped.contentType || "text/plain", Known["content-type"]);
  }
  stream.deliverLocalReply(head, stream.request.method === "HEAD" ? null : bytes);
}

/** `application/grpc` or `application/grpc+…` (Envoy: Grpc::Common::hasGrpcContentType). */
function isGrpc(contentType: string | null): boolean {
  return (
    contentType?.startsWith("application/grpc") === true &&
    (contentType.length === 16 || contentType.charCodeAt(16) === 43)
  );
}

/** HTTP status to gRPC status (Envoy: Grpc::Utility::httpToGrpcStatus). */
function grpcStatus(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** Percent-encodes what gRPC's Status-Message does not allow. */
function percentEncode(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text)) {
    out +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${(byte + 256).toString(16).slice(1).toUpperCase()}`;
  }
  return out;
}
