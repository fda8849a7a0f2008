import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { PerFilter } from "../../router/route.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { BodyFlow } from "../body-flow.ts";
import { CodedBody, maxBytesAtOnce } from "../coded-body.ts";
import {
  type CompressionLibrarySpec,
  compressWhole,
  libraryStatPrefix,
  newCompressor,
} from "../compression-library.ts";
import { filterCounters } from "../counters.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { FilterDeps } from "../linkers.ts";
import { hasToken } from "../list-token.ts";
import { routeConfig } from "../route-config.ts";
import { type Candidate, chooseEncoding, type EncodingDecision } from "./choose-encoding.ts";
import { CompressorDirection, isTransferCoded } from "./direction.ts";
import type { CompressorRouteSpec, CompressorSpec } from "./parse.ts";

/** Compresses bodies, each chunk as it comes. Envoy: CompressorFilter. */
export class CompressorFilter implements Filter {
  readonly #spec: CompressorSpec;
  readonly #library: CompressionLibrarySpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #request: CompressorDirection;
  readonly #response: CompressorDirection;
  readonly #values: Float64Array;
  readonly #stats: Record<(typeof acceptNames)[number], number>;
  readonly #uncompressible: ReadonlySet<number>;

  constructor(spec: CompressorSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#library = spec.library as CompressionLibrarySpec;
    this.#slot = slot;
    this.#deps = deps;
    const { slab } = deps;
    const prefix = `${deps.statPrefix}compressor.${this.#library.name}.${libraryStatPrefix[this.#library.encoding]}`;
    this.#request = new CompressorDirection(spec.request ?? spec.response, slab, `${prefix}request.`);
    this.#response = new CompressorDirection(
      spec.response,
      slab,
      spec.hasResponseConfig ? `${prefix}response.` : prefix,
    );
    this.#values = slab.values;
    this.#stats = filterCounters(slab, prefix, acceptNames);
    this.#uncompressible = new Set(spec.uncompressibleCodes);
  }

  linkRoute(perFilter: PerFilter, name: string): CompressorRouteSpec | null {
    return routeConfig<CompressorRouteSpec>(perFilter, name);
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    const route = stream.override(this.#slot) as CompressorRouteSpec | null;
    const chain = this.#joinChain(stream);
    const library = route?.library ?? this.#library;
    const self = new CompressedStream(library, chain, head.get(Known["accept-encoding"]));
    chain.members.push({
      encoding: library.encoding,
      chooseFirst: this.#spec.chooseFirst,
      direction: this.#response,
    });
    stream.scratch[this.#slot] = self;
    if (this.#isResponseOn(route) && (route?.removeAcceptEncoding ?? this.#spec.removeAcceptEncoding)) {
      head.remove("accept-encoding", Known["accept-encoding"]);
    }
    const { stats, values } = this.#request;
    if (endStream || !this.#compressesRequest(head)) values[stats.not_compressed]++;
    else {
      head.remove("content-length", Known["content-length"]);
      head.set("content-encoding", library.encoding);
      values[stats.compressed]++;
      self.isRequestCompressed = true;
    }
    return HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const self = stream.scratch[this.#slot] as CompressedStream | undefined;
    if (self === undefined || !self.isRequestCompressed) return DataStatus.Continue;
    if (self.request === null) {
      if (this.#atOnce(this.#request, self.library, chunk, endStream)) return DataStatus.Continue;
      self.request = this.#newBody(stream, self.library, true);
    }
    self.request.data(chunk.bytes, endStream);
    return DataStatus.StopIterationNoBuffer;
  }

  onRequestTrailers(stream: FilterStream, _trailers: HeaderBlock): DataStatus {
    const self = stream.scratch[this.#slot] as CompressedStream | undefined;
    if (self === undefined || !self.isRequestCompressed) return DataStatus.Continue;
    self.request ??= this.#newBody(stream, self.library, true);
    self.request.trailers();
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    const route = stream.override(this.#slot) as CompressorRouteSpec | null;
    const self = (stream.scratch[this.#slot] as CompressedStream | undefined) ?? null;
    const direction = this.#response;
    const { values, stats } = direction;
    const isCandidate = this.#isResponseOn(route) && direction.isLongEnough(head);
    const isCompressible = isCandidate && this.#isCompressible(head);
    let status = this.#spec.tellsStatus ? this.#whyNot(route, head) : "";
    if (
      !endStream &&
      isCandidate &&
      (!this.#spec.tellsStatus || (status === "" && isCompressible)) &&
      this.#isChosen(self, head) &&
      isCompressible &&
      !isTransferCoded(head)
    ) {
      if (status === "" && this.#spec.tellsStatus) {
        status = `Compressed;OriginalLength=${head.get(Known["content-length"]) ?? ""}`;
      }
      this.#changeHead(head, (self as CompressedStream).library.encoding);
      values[stats.compressed]++;
      (self as CompressedStream).isResponseCompressed = true;
    } else values[stats.not_compressed]++;
    if (status !== "") addStatus(head, `${(self?.library ?? this.#library).encoding};${status}`);
    if (isCompressible) addVary(head);
    return HeadersStatus.Continue;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const self = stream.scratch[this.#slot] as CompressedStream | undefined;
    if (self === undefined || !self.isResponseCompressed) return DataStatus.Continue;
    if (self.response === null) {
      if (this.#atOnce(this.#response, self.library, chunk, endStream)) return DataStatus.Continue;
      self.response = this.#newBody(stream, self.library, false);
    }
    self.response.data(chunk.bytes, endStream);
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseTrailers(stream: FilterStream, _trailers: HeaderBlock): DataStatus {
    const self = stream.scratch[this.#slot] as CompressedStream | undefined;
    if (self === undefined || !self.isResponseCompressed) return DataStatus.Continue;
    self.response ??= this.#newBody(stream, self.library, false);
    self.response.trailers();
    return DataStatus.StopIterationNoBuffer;
  }

  onDestroy(stream: FilterStream): void {
    const self = stream.scratch[this.#slot] as CompressedStream | undefined;
    self?.request?.destroy();
    self?.response?.destroy();
  }

  #newBody(stream: FilterStream, library: CompressionLibrarySpec, isRequest: boolean): CodedBody {
    const { counters } = isRequest ? this.#request : this.#response;
    return new CodedBody(newCompressor(library), new BodyFlow(stream, this.#slot, isRequest), counters);
  }

  #atOnce(
    direction: CompressorDirection,
    library: CompressionLibrarySpec,
    chunk: BodyChunk,
    endStream: boolean,
  ): boolean {
    if (!endStream || chunk.bytes.length > maxBytesAtOnce) return false;
    const { values, taken, given } = direction.counters;
    values[taken] += chunk.bytes.length;
    chunk.bytes = compressWhole(library, chunk.bytes);
    values[given] += chunk.bytes.length;
    return true;
  }

  /** The compressors that the request met so far. Envoy: CompressorRegistry in the filter state. */
  #joinChain(stream: FilterStream): Chain {
    for (let i = 0; i < this.#slot; i++) {
      const other = stream.scratch[i];
      if (other instanceof CompressedStream) return other.chain;
    }
    return { members: [], decision: null };
  }

  #isResponseOn(route: CompressorRouteSpec | null): boolean {
    return route?.isResponseEnabled ?? isFlagOn(this.#spec.response.enabled, this.#deps.runtime);
  }

  #compressesRequest(head: RequestHead): boolean {
    const { request } = this.#spec;
    return (
      request !== null &&
      isFlagOn(request.enabled, this.#deps.runtime) &&
      !isUpgrade(head) &&
      this.#request.isLongEnough(head) &&
      this.#request.allowsType(head) &&
      head.find("content-encoding") === null &&
      !isTransferCoded(head)
    );
  }

  #isCompressible(head: ResponseHead): boolean {
    return (
      !isUpgrade(head) &&
      this.#response.allowsType(head) &&
      !hasToken(head.get(Known["cache-control"]), "no-transform") &&
      this.#allowsEtag(head) &&
      !this.#uncompressible.has(head.status) &&
      head.find("content-encoding") === null
    );
  }

  /** The first reason that its status names; "" for none. */
  #whyNot(route: CompressorRouteSpec | null, head: ResponseHead): string {
    if (!this.#isResponseOn(route)) return "";
    // Envoy counts it once more here.
    if (!this.#response.isLongEnough(head)) return "ContentLengthTooSmall";
    if (!this.#response.allowsType(head)) return "ContentTypeNotAllowed";
    if (this.#spec.disableOnEtag && !this.#spec.weakenEtag && head.find("etag") !== null) return "EtagNotAllowed";
    return this.#uncompressible.has(head.status) ? "StatusCodeNotAllowed" : "";
  }

  #allowsEtag(head: ResponseHead): boolean {
    if (!this.#spec.disableOnEtag || this.#spec.weakenEtag || head.find("etag") === null) return true;
    this.#values[this.#stats.not_compressed_etag]++;
    return false;
  }

  /** Whether accept-encoding leads to this compressor; counted. */
  #isChosen(self: CompressedStream | null, head: ResponseHead): boolean {
    const accept = self === null ? null : self.acceptEncoding;
    if (self === null || accept === null) {
      this.#values[this.#stats.no_accept_header]++;
      return false;
    }
    const { chain } = self;
    // Those for other types do not take part.
    chain.decision ??= chooseEncoding(
      accept,
      chain.members.filter(({ direction }) => direction.allowsType(head)),
    );
    const { encoding, reason } = chain.decision;
    const isChosen = encoding === self.library.encoding;
    switch (reason) {
      case "compressor":
        this.#values[isChosen ? this.#stats.header_compressor_used : this.#stats.header_compressor_overshadowed]++;
        break;
      case "identity":
        this.#values[this.#stats.header_identity]++;
        break;
      case "wildcard":
        this.#values[this.#stats.header_wildcard]++;
        break;
      case "not_valid":
        this.#values[this.#stats.header_not_valid]++;
    }
    return isChosen;
  }

  #changeHead(head: ResponseHead, encoding: string): void {
    const etag = head.find("etag");
    if (etag !== null && etag.length > 2 && !(etag.startsWith("W/") || etag.startsWith("w/"))) {
      if (this.#spec.weakenEtag) head.set("etag", `W/${etag}`);
      else head.remove("etag");
    }
    head.remove("content-length", Known["content-length"]);
    head.set("content-encoding", encoding);
  }
}

/** All compressors of a chain, with what they decided together. */
interface Chain {
  members: (Candidate & { direction: CompressorDirection })[];
  decision: EncodingDecision | null;
}

/** What one filter knows of one stream. */
class CompressedStream {
  readonly library: CompressionLibrarySpec;
  readonly chain: Chain;
  /** As it came; null without one. */
  readonly acceptEncoding: string | null;
  isRequestCompressed = false;
  isResponseCompressed = false;
  request: CodedBody | null = null;
  response: CodedBody | null = null;

  constructor(library: CompressionLibrarySpec, chain: Chain, acceptEncoding: string | null) {
    this.library = library;
    this.chain = chain;
    this.acceptEncoding = acceptEncoding;
  }
}

function isUpgrade(head: HeaderBlock): boolean {
  return head.get(Known.upgrade) !== null && hasToken(head.get(Known.connection), "upgrade");
}

function addStatus(head: ResponseHead, status: string): void {
  const before = head.joined(statusName);
  head.set(statusName, before === null ? status : `${before},${status}`);
}

/** Envoy looks for the name as it writes it. */
function addVary(head: ResponseHead): void {
  const vary = head.get(Known.vary);
  if (vary === null) head.append("vary", "Accept-Encoding");
  else if (!vary.split(",").some((token) => token.trim() === "Accept-Encoding")) {
    head.set("vary", `${vary}, Accept-Encoding`);
  }
}

const statusName = "x-envoy-compression-status";
const acceptNames = [
  "no_accept_header",
  "header_identity",
  "header_compressor_used",
  "header_compressor_overshadowed",
  "header_wildcard",
  "header_not_valid",
  "not_compressed_etag",
] as const;
