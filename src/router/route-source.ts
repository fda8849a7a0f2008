import { type CompiledHost, type CompiledTable, compiledRoute } from "./compiled-table.ts";
import type { RouteEntries } from "./entry.ts";
import { RouteSet, writeRouteSet } from "./route-set.ts";
import type { RouteConfigSpec, RouteSpec, VirtualHostSpec } from "./spec.ts";
import { TrieWriter } from "./trie-writer.ts";

/** Where linking finds the routes of a virtual host. */
export interface RouteSource {
  route(order: number): RouteSpec;
  /** Orders of all but those that say so little that they can wait until a request needs them. */
  telling(): Iterable<number>;
  /** Those with these indices, which rise, compiled; null for all. */
  set(entries: RouteEntries, indices: readonly number[] | null): RouteSet;
}

/** Of the virtual hosts of a route configuration, by their place. */
export function routeSources({
  virtualHosts,
  compiled,
  ignorePathParameters,
}: RouteConfigSpec): (host: number) => RouteSource {
  if (compiled !== null)
    return (host) => new CompiledSource(compiled, compiled.hosts[host] as CompiledHost, ignorePathParameters);
  const writer = new TrieWriter();
  return (host) => new SpecSource(virtualHosts[host] as VirtualHostSpec, writer, ignorePathParameters);
}

class SpecSource implements RouteSource {
  readonly #routes: readonly RouteSpec[];
  readonly #writer: TrieWriter;
  readonly #ignorePathParameters: boolean;

  constructor({ routes }: VirtualHostSpec, writer: TrieWriter, ignorePathParameters: boolean) {
    this.#routes = routes;
    this.#writer = writer;
    this.#ignorePathParameters = ignorePathParameters;
  }

  route(order: number): RouteSpec {
    return this.#routes[order] as RouteSpec;
  }

  telling(): Iterable<number> {
    return this.#routes.keys();
  }

  set(entries: RouteEntries, indices: readonly number[] | null): RouteSet {
    const places = writeRouteSet(this.#writer, this.#routes, indices ?? this.#routes.keys());
    return new RouteSet(entries, this.#writer.store, places, this.#ignorePathParameters);
  }
}

class CompiledSource implements RouteSource {
  readonly #table: CompiledTable;
  readonly #host: CompiledHost;
  readonly #ignorePathParameters: boolean;

  constructor(table: CompiledTable, host: CompiledHost, ignorePathParameters: boolean) {
    this.#table = table;
    this.#host = host;
    this.#ignorePathParameters = ignorePathParameters;
  }

  route(order: number): RouteSpec {
    return compiledRoute(this.#table, this.#host, order);
  }

  telling(): Iterable<number> {
    return this.#host.whole.keys();
  }

  /** All of them: what has a matcher is not compiled ahead. */
  set(entries: RouteEntries): RouteSet {
    return new RouteSet(entries, this.#table.store, this.#host.set, this.#ignorePathParameters);
  }
}
