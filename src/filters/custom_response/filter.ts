import type { ResponseHead } from "../../http/header-block.ts";
import { linkMatcher, type MatchTree } from "../../router/matching/match-tree.ts";
import type { PerFilter } from "../../router/route.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfigs } from "../route-config.ts";
import { LocalPolicy } from "./local-policy.ts";
import type { CustomResponseSpec } from "./parse.ts";
import { Redirected, RedirectPolicy, redirectKey } from "./redirect-policy.ts";

/** Puts another answer in the place of the upstream's, chosen by a matcher. Envoy: CustomResponseFilter. */
export class CustomResponseFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #tree: MatchTree<ResponsePolicy> | null;

  constructor(spec: CustomResponseSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#tree = linkTree(spec, deps, deps.statPrefix);
  }

  /** The trees of all levels, the most specific first. */
  linkRoute(perFilter: PerFilter, name: string): MatchTree<ResponsePolicy>[] | null {
    const trees = routeConfigs<CustomResponseSpec>(perFilter, name)
      .map((spec) => linkTree(spec, this.#deps, ""))
      .filter((tree) => tree !== null);
    return trees.length === 0 ? null : trees;
  }

  onRequestHead(stream: FilterStream): HeadersStatus {
    stream.scratch[this.#slot] = true;
    return HeadersStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const redirected = stream.info.filterState?.get(redirectKey);
    if (redirected instanceof Redirected) {
      redirected.onAnswer(head, stream.info);
      return HeadersStatus.Continue;
    }
    const policy = this.#policyOf(stream);
    return policy === null ? HeadersStatus.Continue : policy.respond(stream, head, stream.scratch[this.#slot] === true);
  }

  #policyOf(stream: FilterStream): ResponsePolicy | null {
    const own = stream.override(this.#slot) as MatchTree<ResponsePolicy>[] | null;
    for (const tree of own ?? []) {
      const found = tree.match(stream.info);
      if (found !== null && typeof found !== "symbol") return found;
    }
    const found = this.#tree?.match(stream.info) ?? null;
    return typeof found === "symbol" ? null : found;
  }
}

type ResponsePolicy = LocalPolicy | RedirectPolicy;

function linkTree(
  { matcher }: CustomResponseSpec,
  { slab, runtime }: FilterDeps,
  statPrefix: string,
): MatchTree<ResponsePolicy> | null {
  if (matcher === null) return null;
  return linkMatcher(matcher, runtime, (spec) =>
    spec.kind === "local" ? new LocalPolicy(spec) : new RedirectPolicy(spec, slab, statPrefix),
  );
}
