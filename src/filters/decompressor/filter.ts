import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { BodyFlow } from "../body-flow.ts";
import { libraryStatPrefix } from "../compression-library.ts";
import { filterCounters } from "../counters.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { FilterDeps } from "../linkers.ts";
import { hasToken } from "../list-token.ts";
import { DecodedBody } from "./decoded-body.ts";
import type { DecompressionLibrarySpec, DecompressorDirectionSpec, DecompressorSpec } from "./parse.ts";

/** Decompresses bodies, each chunk as it comes. Envoy: DecompressorFilter. */
export class DecompressorFilter implements Filter {
  readonly #spec: DecompressorSpec;
  readonly #library: DecompressionLibrarySpec;
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #values: Float64Array;
  readonly #request: DirectionStats;
  readonly #response: DirectionStats;
  readonly #errors: ErrorStats;

  constructor(spec: DecompressorSpec, slot: number, deps: FilterDeps) {
    this.#spec = spec;
    this.#library = spec.library as DecompressionLibrarySpec;
    this.#slot = slot;
    this.#deps = deps;
    const { slab } = deps;
    this.#values = slab.values;
    const prefix = `${deps.statPrefix}decompressor.${this.#library.name}.${libraryStatPrefix[this.#library.encoding]}`;
    this.#request = filterCounters(slab, `${prefix}request.`, directionNames);
    this.#response = filterCounters(slab, `${prefix}response.`, directionNames);
    this.#errors = filterCounters(slab, `${prefix}decompressor_library.`, errorNames[this.#library.encoding]);
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    if (this.#spec.advertises && isFlagOn(this.#spec.response.enabled, this.#deps.runtime)) {
      const accept = withEncoding(head.get(Known["accept-encoding"]) ?? "", this.#library.encoding);
      head.set("accept-encoding", accept, Known["accept-encoding"]);
    }
    if (!endStream && this.#begins(head, this.#spec.request, this.#request)) {
      this.#bodiesOf(stream).request = this.#newBody(stream, true, this.#request);
    }
    return HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const body = (stream.scratch[this.#slot] as Bodies | undefined)?.request ?? null;
    if (body === null) return DataStatus.Continue;
    body.data(chunk.bytes, endStream);
    return DataStatus.StopIterationNoBuffer;
  }

  onRequestTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const body = (stream.scratch[this.#slot] as Bodies | undefined)?.request ?? null;
    return body?.trailers(trailers) ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    if (!endStream && this.#begins(head, this.#spec.response, this.#response)) {
      this.#bodiesOf(stream).response = this.#newBody(stream, false, this.#response);
    }
    return HeadersStatus.Continue;
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    const body = (stream.scratch[this.#slot] as Bodies | undefined)?.response ?? null;
    if (body === null) return DataStatus.Continue;
    body.data(chunk.bytes, endStream);
    return DataStatus.StopIterationNoBuffer;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    const body = (stream.scratch[this.#slot] as Bodies | undefined)?.response ?? null;
    return body?.trailers(trailers) ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onDestroy(stream: FilterStream): void {
    const bodies = stream.scratch[this.#slot] as Bodies | undefined;
    bodies?.request?.destroy();
    bodies?.response?.destroy();
  }

  /** Takes what it undoes out of the head. */
  #begins(head: HeaderBlock, direction: DecompressorDirectionSpec, stats: DirectionStats): boolean {
    const encodings = head.get(Known["content-encoding"]);
    const comma = encodings?.indexOf(",") ?? -1;
    const first = comma < 0 ? encodings : (encodings?.slice(0, comma) ?? null);
    const isWanted =
      isFlagOn(direction.enabled, this.#deps.runtime) &&
      (direction.ignoresNoTransform || !hasToken(head.get(Known["cache-control"]), "no-transform")) &&
      first?.trim().toLowerCase() === this.#library.encoding;
    this.#values[isWanted ? stats.decompressed : stats.not_decompressed]++;
    if (!isWanted) return false;
    head.remove("content-length", Known["content-length"]);
    if (comma < 0) head.remove("content-encoding");
    else head.set("content-encoding", (encodings as string).slice(comma + 1).trim());
    return true;
  }

  #bodiesOf(stream: FilterStream): Bodies {
    const found = stream.scratch[this.#slot] as Bodies | undefined;
    if (found !== undefined) return found;
    const bodies: Bodies = { request: null, response: null };
    stream.scratch[this.#slot] = bodies;
    return bodies;
  }

  #newBody(stream: FilterStream, isRequest: boolean, stats: DirectionStats): DecodedBody {
    const counters = {
      values: this.#values,
      taken: stats.total_compressed_bytes,
      given: stats.total_uncompressed_bytes,
    };
    return new DecodedBody(this.#library, new BodyFlow(stream, this.#slot, isRequest), counters, this.#countError);
  }

  /** null: too much came out. */
  readonly #countError = (error: Error | null): void => {
    for (const name of errorsOf(this.#library.encoding, error)) {
      const slot = this.#errors[name];
      if (slot !== undefined) this.#values[slot]++;
    }
  };
}

interface Bodies {
  request: DecodedBody | null;
  response: DecodedBody | null;
}

type DirectionStats = Record<(typeof directionNames)[number], number>;
type ErrorStats = Partial<Record<string, number>>;

/** With the encoding as the last one, at full weight. Envoy: HeaderUtility::addEncodingToAcceptEncoding. */
function withEncoding(accept: string, encoding: string): string {
  const others = accept
    .split(",")
    .filter((token) => token.trim() !== "" && token.split(";", 1)[0]?.trim() !== encoding);
  return [...others.map((token) => token.trim()), encoding].join(",");
}

/** null: too much came out, which Envoy does not count for gzip. For brotli it counts everything twice: at the fault, and at the end. */
function errorsOf(encoding: DecompressionLibrarySpec["encoding"], error: Error | null): readonly string[] {
  switch (encoding) {
    case "gzip":
      return error === null ? [] : ["zlib_data_error"];
    case "br":
      return error === null
        ? ["brotli_error", "brotli_error", "brotli_output_overflow", "brotli_output_overflow"]
        : ["brotli_error", "brotli_error"];
    case "zstd":
      return ["zstd_generic_error"];
  }
}

const directionNames = [
  "decompressed",
  "not_decompressed",
  "total_uncompressed_bytes",
  "total_compressed_bytes",
] as const;
const errorNames = {
  gzip: [
    "zlib_errno",
    "zlib_stream_error",
    "zlib_data_error",
    "zlib_mem_error",
    "zlib_buf_error",
    "zlib_version_error",
  ],
  br: ["brotli_error", "brotli_output_overflow", "brotli_redundant_input"],
  zstd: ["zstd_generic_error", "zstd_dictionary_error", "zstd_checksum_wrong_error", "zstd_memory_error"],
} as const;
