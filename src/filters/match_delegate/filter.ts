import { type HeaderBlock, RequestHead, type ResponseHead } from "../../http/header-block.ts";
import { linkMatcher, type MatchTree } from "../../router/matching/match-tree.ts";
import type { PerFilter } from "../../router/route.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { configsFor, routeConfig } from "../route-config.ts";
import type { PerRouteSpec, SkipMatcherSpec } from "./parse.ts";

/**
 * A filter that a matcher may skip, the filter's or the route's; without any it is skipped. The matcher is asked at each head and trailers until
 * it knows. Envoy: DelegatingStreamFilter.
 */
export class MatchDelegateFilter implements Filter {
  readonly onRequestData?: Filter["onRequestData"];
  readonly onResponseData?: Filter["onResponseData"];
  readonly onDestroy: Filter["onDestroy"];
  /** What the filter has of a route. */
  readonly linkRoute: NonNullable<Filter["linkRoute"]>;
  readonly #slot: number;
  readonly #inner: Filter;
  readonly #runtime: RuntimeLookup;
  readonly #tree: SkipTree;
  /** Of the streams of which it is known. */
  readonly #skips = new WeakMap<FilterStream, boolean>();
  readonly #touched = new WeakSet<FilterStream>();
  /** By which a stream is judged, once its request has come here. */
  readonly #trees = new WeakMap<FilterStream, SkipTree>();

  constructor(
    matcher: SkipMatcherSpec,
    slot: number,
    inner: Filter,
    linkRoute: NonNullable<Filter["linkRoute"]>,
    runtime: RuntimeLookup,
  ) {
    this.#slot = slot;
    this.#inner = inner;
    this.#runtime = runtime;
    this.#tree = linkTree(matcher, runtime);
    this.linkRoute = linkRoute;
    const { onRequestData, onResponseData } = inner;
    // A hook that the filter does not have costs nothing here either.
    if (onRequestData !== undefined) {
      this.onRequestData = (stream, chunk, endStream) => this.#onData(onRequestData, stream, chunk, endStream);
    }
    if (onResponseData !== undefined) {
      this.onResponseData = (stream, chunk, endStream) => this.#onData(onResponseData, stream, chunk, endStream);
    }
    this.onDestroy = (stream) => {
      this.#skips.delete(stream);
      this.#trees.delete(stream);
      if (this.#touched.delete(stream)) inner.onDestroy?.(stream);
    };
  }

  linkOuter(perFilter: PerFilter, name: string): { tree: SkipTree } | null {
    const spec = routeConfig<PerRouteSpec>(configsFor(perFilter, name, perRouteType), name);
    return spec === null ? null : { tree: linkTree(spec.matcher, this.#runtime) ?? never };
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    const own = stream.route?.filters.outer?.[this.#slot] as { tree: SkipTree } | null | undefined;
    this.#trees.set(stream, own ? own.tree : this.#tree);
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
      const found = this.#match(stream);
      skips = found === "skip";
      if (typeof found !== "symbol") this.#skips.set(stream, skips);
    }
    if (!skips) this.#touched.add(stream);
    return skips;
  }

  #match(stream: FilterStream): ReturnType<MatchTree<"skip">["match"]> {
    const tree = this.#trees.get(stream);
    if (tree !== undefined) return tree === null ? "skip" : tree.match(stream.info);
    // A filter in front answered: of the request nothing is known here.
    const info = Object.create(stream.info, { request: { value: noRequest } });
    return this.#tree === null ? "skip" : this.#tree.match(info);
  }
}

/** null: skipped always. */
type SkipTree = MatchTree<"skip"> | null;

function linkTree(matcher: SkipMatcherSpec, runtime: RuntimeLookup): SkipTree {
  return matcher === null ? null : linkMatcher(matcher, runtime, (action) => action);
}

const noRequest = new RequestHead();
const never: MatchTree<"skip"> = { match: () => null };
const perRouteType = "envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute";
