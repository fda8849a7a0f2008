import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import type { PerFilter } from "../../router/route.ts";
import { DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { routeConfigs } from "../route-config.ts";
import { OrderedMutations } from "./mutations.ts";
import type { HeaderMutationFilterSpec, MutationsSpec } from "./parse.ts";
import { QueryMutations } from "./query.ts";

/** Changes heads, trailers and the query, at its place in the chain. Envoy: HeaderMutationFilter. */
export class HeaderMutationFilter implements Filter {
  readonly #slot: number;
  readonly #own: Level;
  readonly #mostSpecificWins: boolean;

  constructor(spec: HeaderMutationFilterSpec, slot: number) {
    this.#slot = slot;
    this.#own = new Level(spec.mutations);
    this.#mostSpecificWins = spec.mostSpecificWins;
  }

  /** In the order they are applied, behind those of the filter. */
  linkRoute(perFilter: PerFilter, name: string): readonly Level[] {
    const levels = routeConfigs<MutationsSpec>(perFilter, name).map((spec) => new Level(spec));
    return this.#mostSpecificWins ? levels.reverse() : levels;
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    this.#own.applyToRequest(stream, head);
    for (const level of this.#levels(stream)) level.applyToRequest(stream, head);
    return HeadersStatus.Continue;
  }

  onRequestTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    this.#own.requestTrailers.apply(trailers, stream.info);
    for (const level of this.#levels(stream)) level.requestTrailers.apply(trailers, stream.info);
    return DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    this.#own.response.apply(head, stream.info);
    for (const level of this.#levels(stream)) level.response.apply(head, stream.info);
    return HeadersStatus.Continue;
  }

  onResponseTrailers(stream: FilterStream, trailers: HeaderBlock): DataStatus {
    this.#own.responseTrailers.apply(trailers, stream.info);
    for (const level of this.#levels(stream)) level.responseTrailers.apply(trailers, stream.info);
    return DataStatus.Continue;
  }

  #levels(stream: FilterStream): readonly Level[] {
    return (stream.override(this.#slot) as readonly Level[] | null) ?? none;
  }
}

/** What one level says. */
class Level {
  readonly #request: OrderedMutations;
  readonly #query: QueryMutations;
  readonly response: OrderedMutations;
  readonly requestTrailers: OrderedMutations;
  readonly responseTrailers: OrderedMutations;

  constructor(spec: MutationsSpec) {
    this.#request = new OrderedMutations(spec.request);
    this.#query = new QueryMutations(spec.query);
    this.response = new OrderedMutations(spec.response);
    this.requestTrailers = new OrderedMutations(spec.requestTrailers);
    this.responseTrailers = new OrderedMutations(spec.responseTrailers);
  }

  applyToRequest({ info }: FilterStream, head: RequestHead): void {
    this.#request.apply(head, info);
    if (!this.#query.isEmpty && head.path !== "") head.path = this.#query.apply(head.path, info);
  }
}

const none: readonly Level[] = [];
