import { encodeGrpcMessage, grpcMethodOf, grpcStatusOf, isGrpcResponse } from "../../http/grpc.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { localReply } from "../../observability/local-replies.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { type GrpcCallStats, GrpcStatsOfClusters } from "../grpc-call-stats.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeCluster } from "../route-cluster.ts";
import { Base64Decoder, Base64FrameEncoder } from "./base64.ts";

/**
 * Makes gRPC of gRPC-Web, binary and text, and back: the trailers of the response become the last frame of its body
 * (grpc/doc/PROTOCOL-WEB.md). A response that is no gRPC becomes one: its body is the message of the status. Envoy: GrpcWebFilter.
 */
export class GrpcWebFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #stats: GrpcStatsOfClusters;

  constructor(slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#stats = new GrpcStatsOfClusters(deps.slab);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const contentType = head.get(Known["content-type"]);
    if (contentType === null || !(binaryTypes.has(contentType) || textTypes.has(contentType))) {
      return HeadersStatus.Continue;
    }
    const call = new Call(textTypes.has(contentType), textTypes.has(head.get(Known.accept) ?? ""));
    call.stats = this.#statsFor(stream, head);
    stream.scratch[this.#slot] = call;
    // It is the length of another body than the upstream gets.
    head.remove("content-length", Known["content-length"]);
    head.set("content-type", "application/grpc", Known["content-type"]);
    head.set("te", "trailers", Known.te);
    if (head.find("grpc-accept-encoding") === null) head.append("grpc-accept-encoding", "identity");
    return HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const decoder = this.#callOf(stream)?.decoder ?? null;
    if (decoder === null) return DataStatus.Continue;
    const decoded = decoder.decode(chunk.bytes, endStream);
    if (typeof decoded === "string") {
      stream.sendLocalReply(decoded === "size" ? badSize : badData);
      return DataStatus.StopIterationNoBuffer;
    }
    chunk.bytes = decoded;
    return DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    const call = this.#callOf(stream);
    if (call === null) return HeadersStatus.Continue;
    call.stats?.onStatus(head.get(Known["grpc-status"]));
    const isGrpc = isGrpcResponse(head, endStream) || isGrpcWebResponse(head);
    head.remove("content-length", Known["content-length"]);
    head.set(
      "content-type",
      call.encoder === null ? "application/grpc-web+proto" : "application/grpc-web-text+proto",
      Known["content-type"],
    );
    if (endStream || isGrpc) return HeadersStatus.Continue;
    call.head = head;
    return HeadersStatus.StopIteration;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const call = this.#callOf(stream);
    if (call === null) return DataStatus.Continue;
    if (call.head !== null) {
      call.keep(chunk.bytes);
      chunk.bytes = empty;
      if (!endStream) return DataStatus.StopIterationNoBuffer;
      call.becomeGrpc(call.head);
      return DataStatus.Continue;
    }
    if (call.encoder === null) return DataStatus.Continue;
    const encoded = call.encoder.encode(chunk.bytes);
    chunk.bytes = endStream ? Buffer.concat([encoded, call.encoder.flush()]) : encoded;
    return DataStatus.Continue;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const call = this.#callOf(stream);
    if (call === null) return DataStatus.Continue;
    call.stats?.onStatus(trailers.get(Known["grpc-status"]));
    if (call.head !== null) {
      call.becomeGrpc(call.head);
      return DataStatus.Continue;
    }
    const frame = trailersFrame(trailers);
    trailers.reset();
    const { encoder } = call;
    stream.responseWalk.add(
      this.#slot,
      encoder === null ? frame : Buffer.concat([encoder.flush(), encoder.encode(frame)]),
    );
    return DataStatus.Continue;
  }

  #statsFor(stream: FilterStream, head: RequestHead): GrpcCallStats | null {
    const cluster = routeCluster(stream, this.#deps.clusters);
    const names = cluster === null ? null : grpcMethodOf(head.path);
    if (cluster === null || names === null) return null;
    return this.#stats.of(cluster, "grpc-web", `${names.service}.${names.method}`);
  }

  #callOf(stream: FilterStream): Call | null {
    return (stream.scratch[this.#slot] as Call | undefined) ?? null;
  }
}

/** What is known of one gRPC-Web call. */
class Call {
  stats: GrpcCallStats | null = null;
  /** null for a binary request. */
  readonly decoder: Base64Decoder | null;
  /** null for a binary response. */
  readonly encoder: Base64FrameEncoder | null;
  /** That of a response which is no gRPC, held until its body came. */
  head: ResponseHead | null = null;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(isTextRequest: boolean, isTextResponse: boolean) {
    this.decoder = isTextRequest ? new Base64Decoder() : null;
    this.encoder = isTextResponse ? new Base64FrameEncoder() : null;
  }

  keep(bytes: Buffer): void {
    const taken = Math.min(bytes.length, maxMessageBytes - this.#bodyBytes);
    if (taken <= 0) return;
    this.#body.push(Buffer.from(bytes.subarray(0, taken)));
    this.#bodyBytes += taken;
  }

  /** The body becomes grpc-message. */
  becomeGrpc(head: ResponseHead): void {
    this.head = null;
    head.set("grpc-message", encodeGrpcMessage(Buffer.concat(this.#body)), Known["grpc-message"]);
    head.set("grpc-status", String(grpcStatusOf(head.status)), Known["grpc-status"]);
    head.set("content-length", "0", Known["content-length"]);
    this.#body = [];
  }
}

/** A response of an upstream that speaks gRPC-Web itself, in binary. */
function isGrpcWebResponse(head: ResponseHead): boolean {
  if (head.status !== 200) return false;
  const mediaType = (head.get(Known["content-type"]) ?? "").split(";", 1)[0]?.trimEnd().toLowerCase() ?? "";
  return binaryTypes.has(mediaType);
}

function trailersFrame(trailers: HeaderBlock): Buffer {
  let text = "";
  for (let i = 0; i < trailers.size; i++) {
    if (trailers.names[i] !== "") text += `${trailers.names[i]}:${trailers.values[i]}\r\n`;
  }
  const frame = Buffer.alloc(5 + text.length);
  frame[0] = trailersFlag;
  frame.writeUInt32BE(text.length, 1);
  frame.latin1Write(text, 5);
  return frame;
}

const binaryTypes = new Set(["application/grpc-web", "application/grpc-web+proto"]);
const textTypes = new Set(["application/grpc-web-text", "application/grpc-web-text+proto"]);
const trailersFlag = 0x80;
/** Envoy GrpcWebFilter: MAX_BUFFERED_PLAINTEXT_LENGTH. */
const maxMessageBytes = 16384;
const badText = "Bad gRPC-web request, invalid base64 data.";
const badSize = localReply(400, badText, "grpc_base_64_decode_failed_bad_size");
const badData = localReply(400, badText, "grpc_base_64_decode_failed");
const empty = Buffer.alloc(0);
