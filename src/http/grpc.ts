import type { ResponseHead } from "./header-block.ts";
import { Known } from "./names.ts";

/** `application/grpc` or `application/grpc+…`; not `application/grpc-web`. Envoy: Grpc::Common::hasGrpcContentType. */
export function isGrpcContentType(contentType: string | null): boolean {
  return (
    contentType?.startsWith("application/grpc") === true &&
    (contentType.length === 16 || contentType.charCodeAt(16) === 43)
  );
}

/** A response with gRPC messages, or one that is all trailers. Envoy: Grpc::Common::isGrpcResponseHeaders. */
export function isGrpcResponse(head: ResponseHead, endStream: boolean): boolean {
  if (endStream) return head.has(Known["grpc-status"]);
  return head.status === 200 && isGrpcContentType(head.get(Known["content-type"]));
}

/** HTTP status to gRPC status. Envoy: Grpc::Utility::httpToGrpcStatus. */
export function grpcStatusOf(httpStatus: number): number {
  switch (httpStatus) {
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

/** Percent-encodes what gRPC's Status-Message does not allow, and "~" as Envoy does (Http::Utility::PercentEncoding). */
export function encodeGrpcMessage(bytes: Buffer): string {
  let out = "";
  for (const byte of bytes) {
    out +=
      byte >= 0x20 && byte < 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${(byte + 256).toString(16).slice(1).toUpperCase()}`;
  }
  return out;
}

/** The service and method of a gRPC path, "/service/method" with or without a query; null for any other. Envoy: Grpc::Common::resolveServiceAndMethod. */
export function grpcMethodOf(path: string): { service: string; method: string } | null {
  const query = path.indexOf("?");
  const parts = (query < 0 ? path : path.slice(0, query)).split("/").filter((part) => part !== "");
  return parts.length === 2 ? { service: parts[0] as string, method: parts[1] as string } : null;
}
