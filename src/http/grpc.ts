/** `application/grpc` or `application/grpc+…`; not `application/grpc-web`. Envoy: Grpc::Common::hasGrpcContentType. */
export function isGrpcContentType(contentType: string | null): boolean {
  return (
    contentType?.startsWith("application/grpc") === true &&
    (contentType.length === 16 || contentType.charCodeAt(16) === 43)
  );
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

/** Percent-encodes what gRPC's Status-Message does not allow. */
export function encodeGrpcMessage(bytes: Buffer): string {
  let out = "";
  for (const byte of bytes) {
    out +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${(byte + 256).toString(16).slice(1).toUpperCase()}`;
  }
  return out;
}
