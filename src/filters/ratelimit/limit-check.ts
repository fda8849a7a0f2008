import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ResponseHead } from "../../http/header-block.ts";
import { type LocalReply, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { HeaderValue } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  RateLimitDescriptor_RateLimitOverrideSchema,
  RateLimitDescriptorSchema,
} from "../../proto/generated/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts";
import {
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitResponse_Code,
  RateLimitResponseSchema,
} from "../../proto/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import type { RateLimitUnit } from "../../proto/generated/envoy/type/v3/ratelimit_unit_pb.ts";
import type { HeaderMutations } from "../../router/header-mutation.ts";
import type { RateLimitDescriptor } from "../../router/rate-limits.ts";
import type { RuntimeFractionSpec } from "../../router/spec.ts";
import { asciiLower, wire } from "../../router/text.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import { GrpcCall, type GrpcCallSink } from "../../upstream/grpc-call.ts";
import type { FilterStream } from "../api.ts";
import type { CallMetadata } from "../call-metadata.ts";
import type { ClusterCounters } from "../cluster-counters.ts";
import { limitHeaders, retryAfterSeconds } from "./limit-headers.ts";
import type { RateLimitFilterSpec } from "./parse.ts";

/** What a check takes from its filter. */
export interface LimitSettings {
  readonly spec: RateLimitFilterSpec;
  readonly responseHeaders: HeaderMutations;
  readonly limitedReply: LocalReply;
  readonly counters: ClusterCounters;
  readonly metadata: CallMetadata;
  isIn(fraction: RuntimeFractionSpec): boolean;
}

/**
 * One request's question to the service.
 *
 *     begin -> calling -> over: let through | answered
 *                      -> over: cancelled, the stream ended
 */
export class LimitCheck implements GrpcCallSink {
  readonly #settings: LimitSettings;
  readonly #stream: FilterStream;
  readonly #slot: number;
  /** The one that the request would go to: it has the stats. */
  readonly #cluster: Cluster;
  #call: GrpcCall | null = null;
  #isBeginning = true;
  #isOver = false;
  /** For the response, in wire text. */
  #fields: [name: string, value: string][] = [];

  constructor(settings: LimitSettings, stream: FilterStream, slot: number, cluster: Cluster) {
    this.#settings = settings;
    this.#stream = stream;
    this.#slot = slot;
    this.#cluster = cluster;
  }

  /** True where it is over already: let through, or answered. `service`: null where there is no such cluster. */
  begin(service: Cluster | null, domain: string, descriptors: readonly RateLimitDescriptor[]): boolean {
    const { spec } = this.#settings;
    if (service === null) {
      this.onFailure();
      return true;
    }
    const { timeoutMs } = spec;
    const { authority, skipsEnvoyHeaders } = spec.service;
    const metadata = this.#settings.metadata.of(this.#stream.info);
    const target = { cluster: service, path, metadata, authority, skipsEnvoyHeaders };
    this.#call = new GrpcCall(target, encode(domain, descriptors), timeoutMs, this);
    this.#isBeginning = false;
    return this.#isOver;
  }

  /** The stream ended. */
  cancel(): void {
    if (!this.#isOver) this.#call?.cancel();
    this.#isOver = true;
  }

  /** What is to be said to the client besides, once. */
  addTo(head: ResponseHead): void {
    for (const [name, value] of this.#fields) head.append(name, value);
    this.#fields = [];
  }

  // From the call.

  onAnswer(message: Uint8Array): void {
    let answer: RateLimitResponse;
    try {
      answer = fromBinary(RateLimitResponseSchema, message);
    } catch {
      this.onFailure();
      return;
    }
    this.#isOver = true;
    const { spec } = this.#settings;
    const isLimited = answer.overallCode === RateLimitResponse_Code.OVER_LIMIT;
    this.#noteMetadata(answer);
    this.#fields = answer.responseHeadersToAdd.map(fieldOf);
    const { counters } = this.#settings;
    counters.count(this.#cluster, isLimited ? "over_limit" : "ok");
    // Whatever the status is.
    if (isLimited) counters.countAnswer(this.#cluster, 429);
    if (isLimited && spec.hasXEnvoyRateLimited) {
      this.#fields = this.#fields.filter(([name]) => name !== "x-envoy-ratelimited");
      this.#fields.push(["x-envoy-ratelimited", "true"]);
    }
    if (spec.hasXRateLimitHeaders) this.#fields.push(...limitHeaders(answer.statuses));
    if (isLimited && this.#settings.isIn(spec.enforced)) this.#limit(answer);
    else this.#letThrough(answer.requestHeadersToAdd);
  }

  onFailure(): void {
    this.#isOver = true;
    const { spec } = this.#settings;
    this.#settings.counters.count(this.#cluster, "error");
    const denies = spec.failureDenied === null ? spec.deniesOnFailure : this.#settings.isIn(spec.failureDenied);
    if (denies) {
      this.#stream.sendLocalReply(localReply(spec.statusOnError, "", "rate_limiter_error", ResponseFlag.RLSE));
      return;
    }
    this.#settings.counters.count(this.#cluster, "failure_mode_allowed");
    this.#letThrough([]);
  }

  #limit(answer: RateLimitResponse): void {
    const { spec, limitedReply, responseHeaders } = this.#settings;
    if (spec.hasRetryAfter && spec.status === 429) this.#addRetryAfter(answer);
    const body = Buffer.from(answer.rawBody).toString();
    this.#stream.sendLocalReply({ ...limitedReply, body }, (head) => {
      if (this.#fields.some(([name]) => name === "content-type")) head.remove("content-type");
      this.addTo(head);
      responseHeaders.apply(head, this.#stream.info);
    });
  }

  #letThrough(fields: readonly HeaderValue[]): void {
    if (this.#isBeginning) return;
    const stream = this.#stream;
    for (const field of fields) stream.request.append(...fieldOf(field));
    stream.continueRequest(this.#slot);
  }

  /** The service's own word counts more. */
  #addRetryAfter({ statuses }: RateLimitResponse): void {
    const seconds = retryAfterSeconds(statuses);
    if (seconds === null || this.#fields.some(([name]) => name === "retry-after")) return;
    this.#fields.push(["retry-after", String(seconds)]);
  }

  #noteMetadata({ dynamicMetadata: fields }: RateLimitResponse): void {
    if (fields === undefined || Object.keys(fields).length === 0) return;
    this.#stream.info.addMetadata(this.#settings.spec.metadataNamespace, fields);
  }
}

function encode(domain: string, descriptors: readonly RateLimitDescriptor[]): Uint8Array {
  const request = create(RateLimitRequestSchema, {
    domain,
    descriptors: descriptors.map(encodeDescriptor),
  });
  return toBinary(RateLimitRequestSchema, request);
}

function encodeDescriptor({ entries, hits, isNegative, limit }: RateLimitDescriptor) {
  const descriptor = create(RateLimitDescriptorSchema, {
    entries: entries.map(([key, value]) => ({ key, value: Buffer.from(value, "latin1").toString() })),
    isNegativeHits: isNegative,
  });
  if (hits !== null) descriptor.hitsAddend = BigInt(hits);
  if (limit !== null)
    descriptor.limit = create(RateLimitDescriptor_RateLimitOverrideSchema, {
      requestsPerUnit: limit.requestsPerUnit,
      unit: limit.unit as RateLimitUnit,
    });
  return descriptor;
}

function fieldOf({ key, value }: HeaderValue): [string, string] {
  return [asciiLower(key), wire(value)];
}

const path = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
