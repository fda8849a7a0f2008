/** envoy.extensions.filters.http.grpc_web.v3.GrpcWeb has no fields. */
export function parseGrpcWeb(): null {
  return null;
}
