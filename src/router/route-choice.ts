import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { RouteEntry } from "./entry.ts";
import { linkMatcher, type MatchTree } from "./matching/match-tree.ts";
import type { MatcherSpec } from "./matching/spec.ts";
import { RouteSet } from "./route-set.ts";
import type { RuntimeLookup } from "./runtime-fraction.ts";

/** How a virtual host finds the route of a request. */
export interface RouteChoice {
  /** null: none matches. `random`: in [0, 1). */
  find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null;
}

/** All routes in their order, or what a matcher chooses of them; `setOf`: where a route, by its index, is to be added. */
export function routeChoice(
  matcher: MatcherSpec<number[]> | null,
  ignorePathParameters: boolean,
  runtime: RuntimeLookup,
): { choice: RouteChoice; setOf: (index: number) => RouteSet } {
  if (matcher === null) {
    const all = new RouteSet(ignorePathParameters);
    return { choice: all, setOf: () => all };
  }
  const sets = new Map<number, RouteSet>();
  const tree = linkMatcher(matcher, runtime, (indices) => {
    const set = new RouteSet(ignorePathParameters);
    for (const index of indices) sets.set(index, set);
    return set;
  });
  return { choice: new MatchedRoutes(tree), setOf: (index) => sets.get(index) as RouteSet };
}

class MatchedRoutes implements RouteChoice {
  readonly #tree: MatchTree<RouteSet>;

  constructor(tree: MatchTree<RouteSet>) {
    this.#tree = tree;
  }

  find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null {
    const found = this.#tree.match(info);
    return found === null || typeof found === "symbol" ? null : found.find(head, info, random);
  }
}
