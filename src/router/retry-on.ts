/** Conditions of retry_on, one bit each. Envoy: RetryPolicy::RETRY_ON_*. */
export const RetryOn = {
  serverError: 1 << 0,
  gatewayError: 1 << 1,
  connectFailure: 1 << 2,
  retriable4xx: 1 << 3,
  refusedStream: 1 << 4,
  grpcCancelled: 1 << 5,
  grpcDeadlineExceeded: 1 << 6,
  grpcResourceExhausted: 1 << 7,
  grpcUnavailable: 1 << 8,
  grpcInternal: 1 << 9,
  statusCodes: 1 << 10,
  reset: 1 << 11,
  headers: 1 << 12,
  rateLimited: 1 << 13,
  /** Taken and without effect: there is no HTTP/3 to upstreams. */
  http3PostConnectFailure: 1 << 14,
  resetBeforeRequest: 1 << 15,
} as const;

/** The bits of x-envoy-retry-on, or of the HTTP words of retry_on. Envoy: RetryStateImpl::parseRetryOn. */
export function parseRetryOn(text: string): number {
  return bitsOf(text, httpWords);
}

/** The bits of x-envoy-retry-grpc-on. Envoy: RetryStateImpl::parseRetryGrpcOn. */
export function parseRetryGrpcOn(text: string): number {
  return bitsOf(text, grpcWords);
}

/** Words of a retry_on that mean nothing; Envoy passes over them in silence. */
export function unknownRetryWords(text: string): string[] {
  return wordsOf(text).filter((word) => !httpWords.has(word) && !grpcWords.has(word));
}

/** Every word of retry_on. */
export function retryWords(): string[] {
  return [...httpWords.keys(), ...grpcWords.keys()];
}

function bitsOf(text: string, words: ReadonlyMap<string, number>): number {
  let bits = 0;
  for (const word of wordsOf(text)) bits |= words.get(word) ?? 0;
  return bits;
}

function wordsOf(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

const httpWords: ReadonlyMap<string, number> = new Map([
  ["5xx", RetryOn.serverError],
  ["gateway-error", RetryOn.gatewayError],
  ["connect-failure", RetryOn.connectFailure],
  ["envoy-ratelimited", RetryOn.rateLimited],
  ["retriable-4xx", RetryOn.retriable4xx],
  ["refused-stream", RetryOn.refusedStream],
  ["retriable-status-codes", RetryOn.statusCodes],
  ["retriable-headers", RetryOn.headers],
  ["reset", RetryOn.reset],
  ["reset-before-request", RetryOn.resetBeforeRequest],
  ["http3-post-connect-failure", RetryOn.http3PostConnectFailure],
]);
const grpcWords: ReadonlyMap<string, number> = new Map([
  ["cancelled", RetryOn.grpcCancelled],
  ["deadline-exceeded", RetryOn.grpcDeadlineExceeded],
  ["internal", RetryOn.grpcInternal],
  ["resource-exhausted", RetryOn.grpcResourceExhausted],
  ["unavailable", RetryOn.grpcUnavailable],
]);
