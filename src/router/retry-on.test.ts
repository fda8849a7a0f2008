import { expect, test } from "vitest";
import { parseRetryGrpcOn, parseRetryOn, RetryOn, retryWords, unknownRetryWords } from "./retry-on.ts";

// The words are those of Envoy's documentation of x-envoy-retry-on and x-envoy-retry-grpc-on.
const http: [string, number][] = [
  ["5xx", RetryOn.serverError],
  ["gateway-error", RetryOn.gatewayError],
  ["reset", RetryOn.reset],
  ["reset-before-request", RetryOn.resetBeforeRequest],
  ["connect-failure", RetryOn.connectFailure],
  ["envoy-ratelimited", RetryOn.rateLimited],
  ["retriable-4xx", RetryOn.retriable4xx],
  ["refused-stream", RetryOn.refusedStream],
  ["retriable-status-codes", RetryOn.statusCodes],
  ["retriable-headers", RetryOn.headers],
  ["http3-post-connect-failure", RetryOn.http3PostConnectFailure],
];
const grpc: [string, number][] = [
  ["cancelled", RetryOn.grpcCancelled],
  ["deadline-exceeded", RetryOn.grpcDeadlineExceeded],
  ["internal", RetryOn.grpcInternal],
  ["resource-exhausted", RetryOn.grpcResourceExhausted],
  ["unavailable", RetryOn.grpcUnavailable],
];

for (const [word, bit] of http) {
  test(`${word} is a condition of HTTP`, () => {
    expect(parseRetryOn(word)).toBe(bit);
    expect(parseRetryGrpcOn(word)).toBe(0);
    expect(unknownRetryWords(word)).toEqual([]);
  });
}
for (const [word, bit] of grpc) {
  test(`${word} is a condition of gRPC`, () => {
    expect(parseRetryGrpcOn(word)).toBe(bit);
    expect(parseRetryOn(word)).toBe(0);
    expect(unknownRetryWords(word)).toEqual([]);
  });
}

test("each word has a bit of its own", () => {
  const bits = Object.values(RetryOn);
  expect(bits.reduce((all, bit) => all | bit, 0)).toBe(2 ** bits.length - 1);
  expect([...http, ...grpc].map(([word]) => word).sort()).toEqual(retryWords().sort());
});

const lists: [string, number][] = [
  ["", 0],
  [",", 0],
  ["5xx,reset", RetryOn.serverError | RetryOn.reset],
  [" 5xx ,, reset ", RetryOn.serverError | RetryOn.reset],
  ["5xx,5xx", RetryOn.serverError],
  ["5XX", 0],
  ["5xx reset", 0],
  ["5xx,unavailable,nonsense", RetryOn.serverError],
];
for (const [text, bits] of lists) {
  test(`x-envoy-retry-on: "${text}"`, () => expect(parseRetryOn(text)).toBe(bits));
}

test("words that mean nothing are told", () => {
  expect(unknownRetryWords("5xx, 5XX,connect-failed")).toEqual(["5XX", "connect-failed"]);
});
