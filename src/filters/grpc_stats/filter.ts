import { grpcMethodOf, isGrpcContentType, isGrpcResponse } from "../../http/grpc.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { FilterStateObject } from "../../observability/filter-state.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { type GrpcCallStats, GrpcStatsOfClusters } from "../grpc-call-stats.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeCluster } from "../route-cluster.ts";
import { MessageCounter } from "./message-counter.ts";
import type { GrpcStatsSpec } from "./parse.ts";

/** Counts gRPC and Connect calls and their messages, by cluster and method. Envoy: GrpcStatsFilter. */
export class GrpcStatsFilter implements Filter {
  readonly #spec: GrpcStatsSpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #stats: GrpcStatsOfClusters;
  readonly #methods: ReadonlySet<string>;

  constructor(spec: GrpcStatsSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.#stats = new GrpcStatsOfClusters(deps.slab);
    this.#methods = new Set(spec.methods);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const contentType = head.get(Known["content-type"]);
    const kind = isGrpcContentType(contentType)
      ? "grpc"
      : isConnectStream(contentType)
        ? "connect"
        : head.find("connect-protocol-version") !== null
          ? "connectUnary"
          : null;
    if (kind === null || head.path === "") return HeadersStatus.Continue;
    stream.scratch[this.#slot] = new Call(kind, this.#statsFor(stream, head));
    return HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const call = this.#callOf(stream);
    if (call === null || call.kind === "other") return DataStatus.Continue;
    const began = call.requests.inspect(chunk.bytes, call.kind === "connectUnary", endStream);
    if (began === 0) return DataStatus.Continue;
    this.#emit(stream, call);
    call.stats?.count("request_message_count", began);
    return DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    const isGrpc = isGrpcResponse(head, endStream);
    let call = this.#callOf(stream);
    // Envoy tells the messages of a gRPC response whatever the request was.
    if (call === null && isGrpc && this.#spec.emitsFilterState) {
      call = new Call("other", null);
      stream.scratch[this.#slot] = call;
    }
    if (call === null) return HeadersStatus.Continue;
    call.isGrpcResponse = isGrpc;
    const { stats } = call;
    if (stats === null) return HeadersStatus.Continue;
    const isStream = head.status === 200 && isConnectStream(head.get(Known["content-type"]));
    if (call.kind === "connectUnary") stats.onEnd(head.status === 200);
    else if (!isStream) stats.onStatus(head.get(Known["grpc-status"]));
    if (endStream) this.#time(stream, stats);
    return HeadersStatus.Continue;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const call = this.#callOf(stream);
    if (call === null || (!call.isGrpcResponse && (call.kind === "grpc" || call.kind === "other"))) {
      return DataStatus.Continue;
    }
    const isUnary = call.kind === "connectUnary" && !call.isGrpcResponse;
    const began = call.responses.inspect(chunk.bytes, isUnary, endStream);
    const { stats } = call;
    if (began > 0) {
      this.#emit(stream, call);
      stats?.count("response_message_count", began);
    }
    if (stats === null || !endStream || call.isGrpcResponse) return DataStatus.Continue;
    if (call.kind === "connect") stats.onEnd(call.responses.counter.isConnectSuccess());
    this.#time(stream, stats);
    return DataStatus.Continue;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const call = this.#callOf(stream);
    if (call === null || call.kind !== "grpc" || call.stats === null) return DataStatus.Continue;
    call.stats.onStatus(trailers.get(Known["grpc-status"]));
    this.#time(stream, call.stats);
    return DataStatus.Continue;
  }

  /** null where nothing is counted: no cluster, or a path that is no method's. */
  #statsFor(stream: FilterStream, head: RequestHead): GrpcCallStats | null {
    const cluster = routeCluster(stream, this.#deps.clusters);
    const names = cluster === null ? null : grpcMethodOf(head.path);
    if (cluster === null || names === null) return null;
    const { service, method } = names;
    if (this.#spec.forAllMethods) {
      const prefix = this.#spec.replacesDots ? service.replaceAll(".", "_") : service;
      return this.#stats.of(cluster, "grpc", `${prefix}.${method}`);
    }
    const isListed = this.#methods.has(`${service}/${method}`);
    return this.#stats.of(cluster, "grpc", isListed ? `${service}.${method}` : "");
  }

  #callOf(stream: FilterStream): Call | null {
    return (stream.scratch[this.#slot] as Call | undefined) ?? null;
  }

  #emit({ info }: FilterStream, call: Call): void {
    if (!this.#spec.emitsFilterState) return;
    if (info.filterState === null) info.filterState = new Map();
    info.filterState.set("envoy.filters.http.grpc_stats", call);
  }

  #time({ info }: FilterStream, stats: GrpcCallStats): void {
    if (!this.#spec.timesUpstream || info.upstreamRequestEnd < 0 || info.upstreamResponseEnd < 0) return;
    stats.recordTime(info.upstreamResponseEnd - info.upstreamRequestEnd);
  }
}

/** The messages of one direction. */
class Messages {
  readonly counter = new MessageCounter();
  count = 0;

  /** How many began; the body of a unary Connect call is one message, counted at its end. */
  inspect(bytes: Buffer, isUnary: boolean, endStream: boolean): number {
    const began = isUnary ? Number(endStream) : this.counter.inspect(bytes);
    this.count += began;
    return began;
  }
}

/** What is known of one stream, for the filter and for logs. */
class Call implements FilterStateObject {
  /** "other": a request that is neither, with a gRPC response. */
  readonly kind: "grpc" | "connect" | "connectUnary" | "other";
  readonly stats: GrpcCallStats | null;
  readonly requests = new Messages();
  readonly responses = new Messages();
  isGrpcResponse = false;

  constructor(kind: Call["kind"], stats: GrpcCallStats | null) {
    this.kind = kind;
    this.stats = stats;
  }

  text(): string {
    return `${this.requests.count},${this.responses.count}`;
  }

  /** envoy.extensions.filters.http.grpc_stats.v3.FilterObject */
  hashText(): null {
    return null;
  }

  fields(): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    if (this.requests.count > 0) fields.request_message_count = String(this.requests.count);
    if (this.responses.count > 0) fields.response_message_count = String(this.responses.count);
    return fields;
  }
}

function isConnectStream(contentType: string | null): boolean {
  return contentType?.startsWith("application/connect+") === true;
}
