import type { ResponseHead } from "../../http/header-block.ts";
import { type BodyFormat, linkBodyFormat } from "../../observability/body-format.ts";
import { localReply } from "../../observability/local-replies.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { linkMatcher, type MatchTree } from "../../router/matching/match-tree.ts";
import type { PerFilter } from "../../router/route.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";
import type { CustomResponseSpec, ResponsePolicySpec } from "./parse.ts";

/** Puts the proxy's own answer in the place of the upstream's, chosen by a matcher. Envoy: CustomResponseFilter. */
export class CustomResponseFilter implements Filter {
  readonly #slot: number;
  readonly #tree: MatchTree<ResponsePolicy> | null;

  readonly #runtime: RuntimeLookup;

  constructor(spec: CustomResponseSpec, slot: number, { runtime }: FilterDeps) {
    this.#slot = slot;
    this.#runtime = runtime;
    this.#tree = linkTree(spec, runtime);
  }

  /** The trees of all levels, the most specific first. */
  linkRoute(perFilter: PerFilter, name: string): MatchTree<ResponsePolicy>[] | null {
    const found = (perFilter.get(name) ?? []).filter(({ type }) => type !== "");
    const trees = found
      .map(({ config }) => linkTree(config as CustomResponseSpec, this.#runtime))
      .filter((tree) => tree !== null);
    return trees.length === 0 ? null : trees;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const policy = this.#policyOf(stream);
    if (policy === null) return HeadersStatus.Continue;
    const { spec, format, headers } = policy;
    const { info } = stream;
    info.localReplyBody = spec.body;
    const body = format === null ? spec.body : format.formatter.format(info);
    info.localReplyBody = "";
    const reply = localReply(spec.status || head.status, body, spec.details ?? info.details);
    // The content type of the format is not looked at, as in Envoy.
    stream.replaceResponse(reply, (own) => headers.apply(own, info));
    return HeadersStatus.StopIteration;
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

interface ResponsePolicy {
  spec: ResponsePolicySpec;
  format: BodyFormat | null;
  headers: HeaderMutations;
}

function linkTree({ matcher }: CustomResponseSpec, runtime: RuntimeLookup): MatchTree<ResponsePolicy> | null {
  if (matcher === null) return null;
  return linkMatcher(matcher, runtime, (spec) => ({
    spec,
    format: linkBodyFormat(spec.bodyFormat),
    headers: new HeaderMutations(spec.headersToAdd, [], compileTemplate),
  }));
}
