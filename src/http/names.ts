/** Field names that the proxy looks up itself. `Known.host` is an index: finding such a field is an array read (HeaderBlock.get). */
export const knownNames = [
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "content-type",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "user-agent",
  "server",
  "date",
  "via",
  "location",
  "cookie",
  "origin",
  "referer",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-client-cert",
  "x-request-id",
  "x-client-trace-id",
  "x-envoy-external-address",
  "x-envoy-internal",
  "x-envoy-original-path",
  "x-envoy-original-host",
  "x-envoy-upstream-service-time",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-attempt-count",
  "x-envoy-max-retries",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-overloaded",
  "x-envoy-immediate-health-check-fail",
  "x-envoy-decorator-operation",
  "x-envoy-force-trace",
  "x-envoy-downstream-service-cluster",
  "x-envoy-downstream-service-node",
  "grpc-timeout",
  "grpc-status",
  "grpc-message",
  "authorization",
  "accept",
  "accept-encoding",
] as const;

export type KnownName = (typeof knownNames)[number];

/** Name to index in `knownNames`. */
export const Known = Object.fromEntries(knownNames.map((name, id) => [name, id])) as Record<KnownName, number>;

const ids = new Map<string, number>(knownNames.map((name, id) => [name, id]));

/** The index of a lower-case name, -1 when it is not a known one. */
export function knownId(lowerCaseName: string): number {
  const id = ids.get(lowerCaseName);
  return id === undefined ? -1 : id;
}
