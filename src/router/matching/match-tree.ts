import { CidrRange } from "../../net/cidr.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { RuntimeLookup } from "../runtime-fraction.ts";
import { type InputMatcher, linkInputMatcher } from "./input-matchers.ts";
import { type Input, linkInput, unavailable } from "./inputs.ts";
import type { MatcherSpec, OnMatchSpec, PredicateSpec } from "./spec.ts";

/** A matcher, live. Envoy: Matcher::MatchTree. */
export interface MatchTree<Action> {
  /** The action of the first that matches; null where none does, `unavailable` where it is too early to know. */
  match(info: StreamInfo): Action | null | typeof unavailable;
}

/** Cannot fail on what parse gave. `linkAction`: a spec's action to the live one. */
export function linkMatcher<Spec, Action>(
  spec: MatcherSpec<Spec>,
  runtime: RuntimeLookup,
  linkAction: (action: Spec) => Action,
): MatchTree<Action> {
  const onMatch = (of: OnMatchSpec<Spec>): OnMatch<Action> =>
    of.matcher !== null
      ? linkMatcher(of.matcher, runtime, linkAction)
      : new Leaf(of.action === null ? null : linkAction(of.action));
  const otherwise = spec.onNoMatch === null ? nothing : onMatch(spec.onNoMatch);
  switch (spec.kind) {
    case "list":
      return new List(
        spec.matchers.map((one) => ({
          predicate: linkPredicate(one.predicate, runtime),
          onMatch: onMatch(one.onMatch),
        })),
        otherwise,
      );
    case "exact":
    case "prefix": {
      const map = new Map(spec.map.map(([key, value]) => [key, onMatch(value)]));
      return new Lookup(linkInput(spec.input), spec.kind === "exact" ? exactKeys : prefixKeys(map), map, otherwise);
    }
    case "domain": {
      const map = new Map(spec.domains.map(([domain, value]) => [domain, onMatch(value)]));
      return new Lookup(linkInput(spec.input), domainKeys, map, otherwise);
    }
    case "ip": {
      // The most specific first; of equal ones the first that was written.
      const ranges = spec.ranges
        .map((range) => ({ range: new CidrRange(range), exclusive: range.exclusive, onMatch: onMatch(range.onMatch) }))
        .sort((a, b) => b.range.prefixLength - a.range.prefixLength);
      return new Ranges(linkInput(spec.input), ranges, otherwise);
    }
  }
}

type OnMatch<Action> = MatchTree<Action>;
type Answer = boolean | typeof unavailable;
type Predicate = (info: StreamInfo) => Answer;

class Leaf<Action> implements MatchTree<Action> {
  readonly #action: Action | null;

  constructor(action: Action | null) {
    this.#action = action;
  }

  match(): Action | null {
    return this.#action;
  }
}

/** Envoy: ListMatcher. */
class List<Action> implements MatchTree<Action> {
  readonly #matchers: readonly { predicate: Predicate; onMatch: OnMatch<Action> }[];
  readonly #otherwise: OnMatch<Action>;

  constructor(matchers: readonly { predicate: Predicate; onMatch: OnMatch<Action> }[], otherwise: OnMatch<Action>) {
    this.#matchers = matchers;
    this.#otherwise = otherwise;
  }

  match(info: StreamInfo): Action | null | typeof unavailable {
    for (const { predicate, onMatch } of this.#matchers) {
      const answer = predicate(info);
      if (answer === unavailable) return unavailable;
      if (!answer) continue;
      const found = onMatch.match(info);
      if (found !== null) return found;
    }
    return this.#otherwise.match(info);
  }
}

/** By keys made of the input, the most specific first. Envoy: ExactMapMatcher, PrefixMapMatcher, ServerNameMatcher. */
class Lookup<Action> implements MatchTree<Action> {
  readonly #input: Input;
  readonly #keys: (value: string) => Iterable<string>;
  readonly #map: ReadonlyMap<string, OnMatch<Action>>;
  readonly #otherwise: OnMatch<Action>;

  constructor(
    input: Input,
    keys: (value: string) => Iterable<string>,
    map: ReadonlyMap<string, OnMatch<Action>>,
    otherwise: OnMatch<Action>,
  ) {
    this.#input = input;
    this.#keys = keys;
    this.#map = map;
    this.#otherwise = otherwise;
  }

  match(info: StreamInfo): Action | null | typeof unavailable {
    const value = this.#input(info);
    if (value === unavailable) return unavailable;
    if (typeof value === "string") {
      for (const key of this.#keys(value)) {
        const found = this.#map.get(key)?.match(info) ?? null;
        if (found !== null) return found;
      }
    }
    return this.#otherwise.match(info);
  }
}

/** Envoy: TrieMatcher. */
class Ranges<Action> implements MatchTree<Action> {
  readonly #input: Input;
  readonly #ranges: readonly { range: CidrRange; exclusive: boolean; onMatch: OnMatch<Action> }[];
  readonly #otherwise: OnMatch<Action>;

  constructor(
    input: Input,
    ranges: readonly { range: CidrRange; exclusive: boolean; onMatch: OnMatch<Action> }[],
    otherwise: OnMatch<Action>,
  ) {
    this.#input = input;
    this.#ranges = ranges;
    this.#otherwise = otherwise;
  }

  match(info: StreamInfo): Action | null | typeof unavailable {
    const value = this.#input(info);
    if (value === unavailable) return unavailable;
    if (typeof value !== "string") return this.#otherwise.match(info);
    let isFirst = true;
    for (const { range, exclusive, onMatch } of this.#ranges) {
      if (!range.has(value)) continue;
      // An exclusive range counts only where no narrower one does.
      if (!exclusive || isFirst) {
        const found = onMatch.match(info);
        if (found !== null) return found;
      }
      isFirst = false;
    }
    return this.#otherwise.match(info);
  }
}

function linkPredicate(spec: PredicateSpec, runtime: RuntimeLookup): Predicate {
  switch (spec.kind) {
    case "single": {
      const input = linkInput(spec.input);
      const matcher: InputMatcher = linkInputMatcher(spec.matcher, spec.input, runtime);
      return (info) => {
        const value = input(info);
        return value === unavailable ? unavailable : matcher(value);
      };
    }
    case "not": {
      const inner = linkPredicate(spec.predicate, runtime);
      return (info) => {
        const answer = inner(info);
        return answer === unavailable ? unavailable : !answer;
      };
    }
    case "and":
    case "or": {
      const predicates = spec.predicates.map((one) => linkPredicate(one, runtime));
      const isOr = spec.kind === "or";
      return (info) => {
        let otherwise: Answer = !isOr;
        for (const predicate of predicates) {
          const answer = predicate(info);
          if (answer === isOr) return answer;
          // What comes later can still say yes, but not make a no of it.
          if (answer === unavailable) {
            if (!isOr) return unavailable;
            otherwise = unavailable;
          }
        }
        return otherwise;
      };
    }
  }
}

function exactKeys(value: string): Iterable<string> {
  return [value];
}

/** The longest prefixes first. */
function prefixKeys(map: ReadonlyMap<string, unknown>): (value: string) => Iterable<string> {
  const lengths = [...new Set([...map.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  return (value) => lengths.filter((length) => length <= value.length).map((length) => value.slice(0, length));
}

/** "a.b.c", "*.b.c", "*.c", "*". */
function domainKeys(value: string): Iterable<string> {
  const keys = [value];
  for (let dot = value.indexOf("."); dot >= 0; dot = value.indexOf(".", dot + 1)) keys.push(`*${value.slice(dot)}`);
  keys.push("*");
  return keys;
}

const nothing: OnMatch<never> = { match: () => null };
