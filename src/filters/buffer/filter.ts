import type { HeaderBlock, RequestHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { PerFilter } from "../../router/route.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { routeConfig } from "../route-config.ts";
import type { BufferSpec } from "./parse.ts";

/** Holds a request until it is whole, and says its length. Envoy: BufferFilter. */
export class BufferFilter implements Filter {
  readonly #slot: number;
  readonly #own: BufferSpec;

  constructor(spec: BufferSpec, slot: number) {
    this.#slot = slot;
    this.#own = spec;
  }

  linkRoute(perFilter: PerFilter, name: string): BufferSpec | null {
    return routeConfig<BufferSpec>(perFilter, name);
  }

  onRequestHead(stream: FilterStream, _head: RequestHead, endStream: boolean): HeadersStatus {
    const { maxBytes } = (stream.override(this.#slot) as BufferSpec | null) ?? this.#own;
    if (endStream || maxBytes === null) return HeadersStatus.Continue;
    stream.requestWalk.bufferLimit = maxBytes;
    stream.scratch[this.#slot] = 0;
    return HeadersStatus.StopIteration;
  }

  onRequestData(stream: FilterStream, { bytes }: BodyChunk, endStream: boolean): DataStatus {
    const before = stream.scratch[this.#slot];
    if (typeof before !== "number") return DataStatus.Continue;
    stream.scratch[this.#slot] = before + bytes.length;
    if (!endStream) return DataStatus.StopIterationAndBuffer;
    this.#addLength(stream);
    return DataStatus.Continue;
  }

  onRequestTrailers(stream: FilterStream, _trailers: HeaderBlock): DataStatus {
    this.#addLength(stream);
    return DataStatus.Continue;
  }

  #addLength({ request, scratch }: FilterStream): void {
    const bytes = scratch[this.#slot];
    if (typeof bytes !== "number" || request.has(Known["content-length"])) return;
    request.append("content-length", String(bytes), Known["content-length"]);
  }
}
