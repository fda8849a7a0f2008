import { matchesEverything, plainRoute } from "./empty-specs.ts";
import type { TrieStore } from "./path-trie.ts";
import { type RouteSetPlaces, writeRouteSet } from "./route-set.ts";
import type { ActionSpec, PathMatchSpec, RouteSpec, VirtualHostSpec } from "./spec.ts";
import { TrieWriter } from "./trie-writer.ts";

/**
 * The routes of a large route configuration as its reader compiled them for the workers. Its tries and most of its routes are numbers and bytes:
 * a worker takes them in without a look at each route, and unpacks one when a request first needs it. Plain data. Memory is not shared: V8 does
 * not count shared blocks, and would let those of many versions lie.
 */
export interface CompiledTable {
  store: TrieStore;
  /** Of the virtual hosts, in their order. */
  hosts: CompiledHost[];
  /** Of packed routes, by their places. */
  actions: ActionSpec[];
}

/** The routes of a virtual host. */
export interface CompiledHost {
  set: RouteSetPlaces;
  /** Where in store.ints its routes are packed, those that are: packedSize numbers each. */
  packed: number;
  /** Those that say more than their name, path and action, by their order. */
  whole: Map<number, RouteSpec>;
}

/** Writes the table of one route configuration. */
export class TableCompiler {
  readonly #writer = new TrieWriter();
  readonly #places = new Map<ActionSpec, number>();

  /** Of packed routes, by their places. */
  get actions(): ActionSpec[] {
    return [...this.#places.keys()];
  }

  addHost({ routes }: VirtualHostSpec): CompiledHost {
    const writer = this.#writer;
    const isPacked = routes.map(isPlain);
    const texts = writer.writeTexts(
      routes.flatMap(({ name, match }, order) => (isPacked[order] ? [name, match.path.value] : [])),
    );
    const whole = new Map<number, RouteSpec>();
    const packed = writer.reserveInts(routes.length * packedSize);
    const { ints } = writer.store;
    let text = 0;
    for (const [order, route] of routes.entries()) {
      if (!isPacked[order]) {
        whole.set(order, route);
        continue;
      }
      const at = packed + order * packedSize;
      ints[at] = kinds.indexOf(route.match.path.kind);
      ints[at + 1] = this.#placeOf(route.action);
      ints[at + 2] = texts[text++] as number;
      ints[at + 3] = texts[text++] as number;
      ints[at + 4] = texts[text] as number;
    }
    return { set: writeRouteSet(writer, routes, routes.keys()), packed, whole };
  }

  /** Of all hosts that were added. */
  get store(): TrieStore {
    return this.#writer.trimmed();
  }

  #placeOf(action: ActionSpec): number {
    let place = this.#places.get(action);
    if (place === undefined) this.#places.set(action, (place = this.#places.size));
    return place;
  }
}

/** A route of a virtual host, unpacked. */
export function compiledRoute({ store, actions }: CompiledTable, host: CompiledHost, order: number): RouteSpec {
  const whole = host.whole.get(order);
  if (whole !== undefined) return whole;
  const { ints, text } = store;
  const at = host.packed + order * packedSize;
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  const textAt = (i: number) => bytes.toString("utf8", ints[at + i], ints[at + i + 1]);
  const path = { kind: kinds[ints[at] as number] as PathMatchSpec["kind"], value: textAt(3) };
  return {
    ...plainRoute,
    name: textAt(2),
    match: { ...matchesEverything, path },
    action: actions[ints[at + 1] as number] as ActionSpec,
  };
}

/** Says nothing but its name, a path that is no regex, and an action that says nothing to filters. */
function isPlain(route: RouteSpec): boolean {
  const { match, action } = route;
  return (
    route.headers === plainRoute.headers &&
    route.perFilterConfig === plainRoute.perFilterConfig &&
    route.metadata === null &&
    route.statPrefix === "" &&
    route.decorator === null &&
    route.bodyBufferLimitBytes === null &&
    (action.kind !== "cluster" || action.target.kind !== "weighted") &&
    kinds.includes(match.path.kind) &&
    match.caseSensitive &&
    match.headers === matchesEverything.headers &&
    match.query === matchesEverything.query &&
    match.cookies === matchesEverything.cookies &&
    match.runtimeFraction === null &&
    !match.grpc &&
    match.tls === null &&
    match.metadata === matchesEverything.metadata &&
    match.filterState === matchesEverything.filterState
  );
}

const kinds: readonly PathMatchSpec["kind"][] = ["prefix", "path", "pathSeparatedPrefix"];
/** Of a packed route: kind, place of the action, where the name and the path begin, and where that ends. */
const packedSize = 5;
