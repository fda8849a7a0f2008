import { parseValue } from "../observability/access-log-parse-conditions.ts";
import type { RouteMatch } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { FilterStateMatcher } from "../proto/generated/envoy/type/matcher/v3/filter_state_pb.ts";
import type { MetadataMatcher } from "../proto/generated/envoy/type/matcher/v3/metadata_pb.ts";
import type { StringMatcher } from "../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { orNone } from "./empty-specs.ts";
import { parseRange } from "./parse-range.ts";
import type { FilterStateMatcherSpec, MetadataMatcherSpec, RouteMatchSpec, StringMatcherSpec } from "./spec.ts";

type ParseString = (message: StringMatcher, problems: Problems) => StringMatcherSpec;

/** tls_context, dynamic_metadata and filter_state of a route's match. `problems` is that of the match. */
export function parseStreamConditions(
  message: RouteMatch,
  problems: Problems,
  parseString: ParseString,
): Pick<RouteMatchSpec, "tls" | "metadata" | "filterState"> {
  const tls = message.tlsContext;
  return {
    tls: tls === undefined ? null : { presented: tls.presented ?? null, validated: tls.validated ?? null },
    metadata: orNone(
      message.dynamicMetadata
        .map((matcher, i) => parseMetadata(matcher, problems.at(`dynamic_metadata[${i}]`)))
        .filter((matcher) => matcher !== null),
    ),
    filterState: orNone(
      message.filterState
        .map((matcher, i) => parseFilterState(matcher, problems.at(`filter_state[${i}]`), parseString))
        .filter((matcher) => matcher !== null),
    ),
  };
}

/** null after telling what is wrong. */
export function parseMetadata(message: MetadataMatcher, problems: Problems): MetadataMatcherSpec | null {
  const value = parseValue(message.value, problems.at("value"));
  if (value === null) return null;
  const keys = message.path.map(({ segment }) => segment.value ?? "");
  return { path: [message.filter, ...keys], value, invert: message.invert };
}

/** null after telling what is wrong. */
export function parseFilterState(
  message: FilterStateMatcher,
  problems: Problems,
  parseString: ParseString,
): FilterStateMatcherSpec | null {
  const { key, matcher } = message;
  switch (matcher.case) {
    case "stringMatch":
      return { key, string: parseString(matcher.value, problems.at("string_match")), ranges: null };
    case "addressMatch": {
      const ranges = matcher.value.ranges.map((range, i) =>
        parseRange(range, problems.at(`address_match.ranges[${i}]`)),
      );
      return { key, string: null, ranges: ranges.filter((range) => range !== null) };
    }
    case undefined:
      problems.error("", "is empty: one of string_match, address_match must be set");
      return null;
  }
}
