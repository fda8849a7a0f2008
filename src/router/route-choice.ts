import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { RouteEntry } from "./entry.ts";
import { linkMatcher, type MatchTree } from "./matching/match-tree.ts";
import type { MatcherSpec } from "./matching/spec.ts";
import type { RouteSet } from "./route-set.ts";
import type { RuntimeLookup } from "./runtime-fraction.ts";

/** How a virtual host finds the route of a request. */
export interface RouteChoice {
  /** null: none matches. `random`: in [0, 1). */
  find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null;
}

/** Among those that a matcher chooses. `setOf`: the routes of an action, by their indices, compiled. */
export function matchedRoutes(
  matcher: MatcherSpec<number[]>,
  runtime: RuntimeLookup,
  setOf: (indices: readonly number[]) => RouteSet,
): RouteChoice {
  return new MatchedRoutes(linkMatcher(matcher, runtime, setOf));
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
