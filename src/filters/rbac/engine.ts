import { celEngine } from "../../observability/cel/engine.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { linkMatcher, type MatchTree } from "../../router/matching/match-tree.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import { linkRule, type Rule } from "./rules.ts";
import type { EngineSpec, NamedAction, RbacAction } from "./spec.ts";

/** What an engine decides: whether the request may pass, and the policy that said so, "" for none. */
export interface Verdict {
  isAllowed: boolean;
  policy: string;
  /** What access_log_hint is set to; null where it is left alone. */
  logHint: boolean | null;
}

/** Envoy: RoleBasedAccessControlEngine. */
export interface Engine {
  decide(info: StreamInfo): Verdict;
}

/** Cannot fail on what parse gave. */
export function linkEngine(spec: EngineSpec, runtime: RuntimeLookup): Engine {
  return spec.kind === "rules" ? new RulesEngine(spec) : new MatcherEngine(spec, runtime);
}

/** Policies in order of their names; the first that matches counts. */
class RulesEngine implements Engine {
  readonly #action: RbacAction;
  readonly #policies: readonly { name: string; matches: Rule }[];

  constructor(spec: Extract<EngineSpec, { kind: "rules" }>) {
    this.#action = spec.action;
    this.#policies = spec.policies.map(({ name, permissions, principals, condition }) => {
      const may = permissions.map(linkRule);
      const who = principals.map(linkRule);
      const program = condition === null ? null : new (celEngine().CelProgram)(condition);
      const matches: Rule = (info) =>
        may.some((rule) => rule(info)) && who.some((rule) => rule(info)) && (program?.matches(info) ?? true);
      return { name, matches };
    });
  }

  decide(info: StreamInfo): Verdict {
    const found = this.#policies.find(({ matches }) => matches(info));
    const isFound = found !== undefined;
    return {
      isAllowed: this.#action === "LOG" || isFound === (this.#action === "ALLOW"),
      policy: found?.name ?? "",
      logHint: this.#action === "LOG" ? isFound : null,
    };
  }
}

/** What nothing matches is denied. */
class MatcherEngine implements Engine {
  readonly #tree: MatchTree<NamedAction>;
  readonly #hasLog: boolean;

  constructor(spec: Extract<EngineSpec, { kind: "matcher" }>, runtime: RuntimeLookup) {
    this.#tree = linkMatcher(spec.matcher, runtime, (action) => action);
    this.#hasLog = spec.hasLog;
  }

  decide(info: StreamInfo): Verdict {
    const found = this.#tree.match(info);
    const isFound = found !== null && typeof found !== "symbol";
    return {
      isAllowed: isFound && found.action !== "DENY",
      policy: isFound ? found.name : "",
      logHint: this.#hasLog ? isFound && found.action === "LOG" : null,
    };
  }
}
