import type { HeaderMatcherSpec, QueryMatcherSpec } from "./spec.ts";

/** config.route.v3.RateLimit: how one descriptor is made of a request. */
export interface RateLimitSpec {
  stage: number;
  actions: RateLimitActionSpec[];
  /** Requests that one counts for: a number, or a format string; null for 1 or what the service says. */
  hitsAddend: number | string | null;
  /** is_negative_hits: they are given back. */
  hasNegativeHits: boolean;
  /** Of the ratelimit filter: `ratelimit.<key>.http_filter_enabled` of the runtime takes it out; "" for none. */
  disableKey: string;
  /** Of the ratelimit filter: instead of the service's limit; a path in dynamic metadata, or what it is. */
  limit: string[] | RateLimitOverride | null;
}

/** A limit that the request brings along. `unit` is a number of type.v3.RateLimitUnit. */
export interface RateLimitOverride {
  requestsPerUnit: number;
  unit: number;
}

/** Each adds one entry to a descriptor, or says that there is none. */
export type RateLimitActionSpec =
  | { kind: "sourceCluster" }
  | { kind: "destinationCluster" }
  | { kind: "requestHeader"; name: string; key: string; skipsAbsent: boolean }
  | { kind: "queryParameter"; name: string; key: string; skipsAbsent: boolean }
  | { kind: "remoteAddress" }
  | { kind: "maskedRemoteAddress"; v4Bits: number; v6Bits: number }
  | ({ kind: "genericKey" } & ValueSpec)
  | ({ kind: "headerMatch"; expects: boolean; headers: HeaderMatcherSpec[] } & ValueSpec)
  | ({ kind: "queryMatch"; expects: boolean; parameters: QueryMatcherSpec[] } & ValueSpec)
  | ({ kind: "addressMatch"; ranges: { address: string; prefixLength: number }[]; invert: boolean } & ValueSpec)
  | {
      kind: "metadata";
      key: string;
      source: "DYNAMIC" | "ROUTE_ENTRY";
      path: string[];
      byDefault: string;
      skipsAbsent: boolean;
    };

/** `value` is a format string; `byDefault` stands in for an empty one. */
interface ValueSpec {
  key: string;
  value: string;
  byDefault: string;
}
