import { parseValue } from "../../observability/access-log-parse-conditions.ts";
import { parseCelExpression } from "../../observability/cel/parse.ts";
import { type Unpacked, unpackExtension } from "../../proto/any.ts";
import type { ConsistentHashing } from "../../proto/generated/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing_pb.ts";
import type { Ip } from "../../proto/generated/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts";
import type { Metadata } from "../../proto/generated/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.ts";
import type { RuntimeFraction } from "../../proto/generated/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.ts";
import type { TypedExtensionConfig } from "../../proto/generated/xds/core/v3/extension_pb.ts";
import type { CelMatcher } from "../../proto/generated/xds/type/matcher/v3/cel_pb.ts";
import type { ServerNameMatcher } from "../../proto/generated/xds/type/matcher/v3/domain_pb.ts";
import type { IPMatcher } from "../../proto/generated/xds/type/matcher/v3/ip_pb.ts";
import type {
  Matcher,
  Matcher_MatcherList_Predicate,
  Matcher_MatcherList_Predicate_SinglePredicate,
  Matcher_MatcherTree,
  Matcher_OnMatch,
} from "../../proto/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseRuntimeFraction, parseStringMatcher } from "../parse-match.ts";
import { parseCoreRange } from "../parse-range.ts";
import { type InputRules, parseInput } from "./parse-inputs.ts";
import type {
  InputMatcherSpec,
  InputSpec,
  IpRangeSpec,
  MatchedSpec,
  MatcherSpec,
  OnMatchSpec,
  PredicateSpec,
  SeedSpec,
} from "./spec.ts";

/** What a place says of the matchers in it. */
export interface MatcherRules<Action> extends InputRules {
  /** Reads an action; null after telling what is wrong. `problems` is that of its message. */
  parseAction: (action: Unpacked, name: string, problems: Problems) => Action | null;
}

/** xds.type.matcher.v3.Matcher to its Spec; null after telling what is wrong. Its depth is that of the message, which protobuf limits. */
export function parseMatcher<Action>(
  message: Matcher,
  rules: MatcherRules<Action>,
  problems: Problems,
): MatcherSpec<Action> | null {
  const matched = parseMatched(message.matcherType, rules, problems);
  const onNoMatch =
    message.onNoMatch === undefined ? null : parseOnMatch(message.onNoMatch, rules, problems.at("on_no_match"));
  return matched === null ? null : { ...matched, onNoMatch };
}

function parseMatched<Action>(
  type: Matcher["matcherType"],
  rules: MatcherRules<Action>,
  problems: Problems,
): MatchedSpec<Action> | null {
  if (type.case === "matcherTree") return parseTree(type.value, rules, problems.at("matcher_tree"));
  // Envoy: AnyMatcher.
  if (type.case === undefined) return { kind: "list", matchers: [] };
  const matchers = type.value.matchers.map((one, i) => {
    const scope = problems.at(`matcher_list.matchers[${i}]`);
    return {
      predicate: parsePredicate(one.predicate, rules, scope.at("predicate")),
      onMatch: parseOnMatch(one.onMatch, rules, scope.at("on_match")),
    };
  });
  const sound = matchers.filter((one): one is Sound<Action> => one.predicate !== null && one.onMatch !== null);
  return sound.length < matchers.length ? null : { kind: "list", matchers: sound };
}

type Sound<Action> = { predicate: PredicateSpec; onMatch: OnMatchSpec<Action> };

function parseOnMatch<Action>(
  message: Matcher_OnMatch | undefined,
  rules: MatcherRules<Action>,
  problems: Problems,
): OnMatchSpec<Action> | null {
  const { onMatch, keepMatching } = message ?? { onMatch: { case: undefined }, keepMatching: false };
  if (keepMatching) {
    problems.error("keep_matching", "is not supported here: the first match decides", {
      envoyText: "keep_matching is not supported in this context",
    });
    return null;
  }
  switch (onMatch.case) {
    case "matcher": {
      const matcher = parseMatcher(onMatch.value, rules, problems.at("matcher"));
      return matcher === null ? null : { matcher, action: null };
    }
    case "action": {
      const { name, typedConfig } = onMatch.value;
      const scope = problems.at("action");
      const unpacked = unpackExtension(name, typedConfig, scope, "typed_config");
      if (unpacked === null) return null;
      const action = rules.parseAction(unpacked, name, scope.at("typed_config").at(unpacked.innerPath));
      return action === null ? null : { matcher: null, action };
    }
    case undefined:
      problems.error("", "is empty: one of matcher, action must be set");
      return null;
  }
}

function parseTree<Action>(
  message: Matcher_MatcherTree,
  rules: MatcherRules<Action>,
  problems: Problems,
): MatchedSpec<Action> | null {
  const input = parseInput(message.input, rules, problems.at("input"));
  const type = message.treeType;
  switch (type.case) {
    case "exactMatchMap":
    case "prefixMatchMap": {
      const kind = type.case === "exactMatchMap" ? "exact" : "prefix";
      const entries = Object.entries(type.value.map);
      const map: [string, OnMatchSpec<Action>][] = [];
      for (const [key, value] of entries) {
        const onMatch = parseOnMatch(value, rules, problems.at(`${kind}_match_map.map[${JSON.stringify(key)}]`));
        if (onMatch !== null) map.push([key, onMatch]);
      }
      return input === null || map.length < entries.length ? null : { kind, input, map };
    }
    case "customMatch":
      return parseCustomTree(type.value, input, rules, problems.at("custom_match"));
    case undefined:
      problems.error("", "is empty: one of exact_match_map, prefix_match_map, custom_match must be set");
      return null;
  }
}

function parseCustomTree<Action>(
  message: TypedExtensionConfig,
  input: InputSpec | null,
  rules: MatcherRules<Action>,
  problems: Problems,
): MatchedSpec<Action> | null {
  const unpacked = unpackExtension(message.name, message.typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  const before = problems.errorCount;
  switch (unpacked.desc.typeName) {
    case "xds.type.matcher.v3.IPMatcher": {
      const ranges: IpRangeSpec<Action>[] = [];
      for (const [i, one] of (unpacked.message as IPMatcher).rangeMatchers.entries()) {
        const at = scope.at(`range_matchers[${i}]`);
        const onMatch = parseOnMatch(one.onMatch, rules, at.at("on_match"));
        for (const [j, message] of one.ranges.entries()) {
          const range = parseCoreRange(message, at.at(`ranges[${j}]`));
          if (range !== null && onMatch !== null) ranges.push({ ...range, exclusive: one.exclusive, onMatch });
        }
      }
      return input === null || problems.errorCount > before ? null : { kind: "ip", input, ranges };
    }
    case "xds.type.matcher.v3.ServerNameMatcher": {
      const domains = new Map<string, OnMatchSpec<Action>>();
      for (const [i, one] of (unpacked.message as ServerNameMatcher).domainMatchers.entries()) {
        const at = scope.at(`domain_matchers[${i}]`);
        const onMatch = parseOnMatch(one.onMatch, rules, at.at("on_match"));
        for (const [j, domain] of one.domains.entries()) {
          const key = domain.toLowerCase();
          if (domains.has(key)) {
            at.error(`domains[${j}]`, `"${domain}" stands twice in this matcher`, {
              envoyText: `Duplicate domain in ServerNameMatcher: ${domain}`,
            });
          } else if (onMatch !== null) domains.set(key, onMatch);
        }
      }
      if (input === null || problems.errorCount > before) return null;
      return { kind: "domain", input, domains: [...domains] };
    }
    default:
      scope.error("", `the matcher ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
      return null;
  }
}

function parsePredicate<Action>(
  message: Matcher_MatcherList_Predicate | undefined,
  rules: MatcherRules<Action>,
  problems: Problems,
): PredicateSpec | null {
  const type = message?.matchType;
  switch (type?.case) {
    case "singlePredicate":
      return parseSingle(type.value, rules, problems.at("single_predicate"));
    case "orMatcher":
    case "andMatcher": {
      const kind = type.case === "orMatcher" ? "or" : "and";
      const predicates = type.value.predicate.map((one, i) =>
        parsePredicate(one, rules, problems.at(`${kind}_matcher.predicate[${i}]`)),
      );
      const sound = predicates.filter((one) => one !== null);
      return sound.length < predicates.length ? null : { kind, predicates: sound };
    }
    case "notMatcher": {
      const predicate = parsePredicate(type.value, rules, problems.at("not_matcher"));
      return predicate === null ? null : { kind: "not", predicate };
    }
    case undefined:
      problems.error("", "is empty: one of single_predicate, or_matcher, and_matcher, not_matcher must be set");
      return null;
  }
}

function parseSingle<Action>(
  { input: inputMessage, matcher }: Matcher_MatcherList_Predicate_SinglePredicate,
  rules: MatcherRules<Action>,
  problems: Problems,
): PredicateSpec | null {
  const input = parseInput(inputMessage, rules, problems.at("input"));
  let spec: InputMatcherSpec | null = null;
  if (matcher.case === "valueMatch") {
    spec = { kind: "string", string: parseStringMatcher(matcher.value, problems.at("value_match")) };
  } else if (matcher.case === "customMatch") {
    spec = parseInputMatcher(matcher.value, problems.at("custom_match"));
  } else problems.error("", "is without a matcher: one of value_match, custom_match must be set");
  return input === null || spec === null ? null : { kind: "single", input, matcher: spec };
}

function parseInputMatcher({ name, typedConfig }: TypedExtensionConfig, problems: Problems): InputMatcherSpec | null {
  const unpacked = unpackExtension(name, typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  switch (unpacked.desc.typeName) {
    case "envoy.extensions.matching.input_matchers.ip.v3.Ip": {
      const { cidrRanges } = unpacked.message as Ip;
      const ranges = cidrRanges.map((range, i) => parseCoreRange(range, scope.at(`cidr_ranges[${i}]`)));
      const sound = ranges.filter((range) => range !== null);
      return sound.length < ranges.length ? null : { kind: "ip", ranges: sound };
    }
    case "envoy.extensions.matching.input_matchers.metadata.v3.Metadata": {
      const { value: message, invert } = unpacked.message as Metadata;
      const value = parseValue(message, scope.at("value"));
      return value === null ? null : { kind: "metadata", value, invert };
    }
    case "envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing": {
      const { threshold, modulo, seed } = unpacked.message as ConsistentHashing;
      return { kind: "consistent_hashing", threshold, modulo, seed: parseSeed(seed) };
    }
    case "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction": {
      const { runtimeFraction, seed } = unpacked.message as RuntimeFraction;
      const fraction = parseRuntimeFraction(runtimeFraction);
      return fraction === null ? null : { kind: "runtime_fraction", fraction, seed: parseSeed(seed) };
    }
    case "xds.type.matcher.v3.CelMatcher": {
      const expression = parseCelExpression((unpacked.message as CelMatcher).exprMatch, scope.at("expr_match"));
      return expression === null ? null : { kind: "cel", expression };
    }
    default:
      scope.error("", `the matcher ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
      return null;
  }
}

function parseSeed(seed: bigint): SeedSpec {
  return { high: Number(seed >> 32n), low: Number(seed & 0xffffffffn) };
}
