import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { linkMatcher, type MatchTree } from "../../router/matching/match-tree.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { SkipMatcherSpec } from "./parse.ts";

/** A filter that a matcher may skip. It is asked at each head and trailers until it knows. Envoy: DelegatingStreamFilter. */
export class MatchDelegateFilter implements Filter {
  readonly onRequestData?: Filter["onRequestData"];
  readonly onResponseData?: Filter["onResponseData"];
  readonly onDestroy: Filter["onDestroy"];
  /** What routes say is said to the filter. */
  readonly linkRoute?: Filter["linkRoute"];
  readonly #inner: Filter;
  readonly #tree: MatchTree<"skip"> | null;
  /** Of the streams of which it is known. */
  readonly #skips = new WeakMap<FilterStream, boolean>();
  readonly #touched = new WeakSet<FilterStream>();

  constructor(matcher: SkipMatcherSpec, inner: Filter, runtime: RuntimeLookup) {
    this.#inner = inner;
    this.#tree = matcher === null ? null : linkMatcher(matcher, runtime, (action) => action);
    const { onRequestData, onResponseData, linkRoute } = inner;
    if (linkRoute !== undefined) this.linkRoute = linkRoute.bind(inner);
    // A hook that the filter does not have costs nothing here either.
    if (onRequestData !== undefined) {
      this.onRequestData = (stream, chunk, endStream) => this.#onData(onRequestData, stream, chunk, endStream);
    }
    if (onResponseData !== undefined) {
      this.onResponseData = (stream, chunk, endStream) => this.#onData(onResponseData, stream, chunk, endStream);
    }
    this.onDestroy = (stream) => {
      this.#skips.delete(stream);
      if (this.#touched.delete(stream)) inner.onDestroy?.(stream);
    };
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    if (this.#isSkipped(stream)) return HeadersStatus.Continue;
    return this.#inner.onRequestHead?.(stream, head, endStream) ?? HeadersStatus.Continue;
  }

  onRequestTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    if (this.#isSkipped(stream)) return DataStatus.Continue;
    return this.#inner.onRequestTrailers?.(stream, trailers) ?? DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    if (this.#isSkipped(stream)) return HeadersStatus.Continue;
    return this.#inner.onResponseHead?.(stream, head, endStream) ?? HeadersStatus.Continue;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    if (this.#isSkipped(stream)) return DataStatus.Continue;
    return this.#inner.onResponseTrailers?.(stream, trailers) ?? DataStatus.Continue;
  }

  #onData(
    hook: NonNullable<Filter["onRequestData"]>,
    stream: FilterStream,
    chunk: BodyChunk,
    endStream: boolean,
  ): DataStatus {
    return this.#skips.get(stream) === true ? DataStatus.Continue : hook.call(this.#inner, stream, chunk, endStream);
  }

  #isSkipped(stream: FilterStream): boolean {
    let skips = this.#skips.get(stream);
    if (skips === undefined) {
      const found = this.#tree === null ? null : this.#tree.match(stream.info);
      skips = found === "skip";
      if (typeof found !== "symbol") this.#skips.set(stream, skips);
    }
    if (!skips) this.#touched.add(stream);
    return skips;
  }
}
