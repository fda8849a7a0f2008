import type { HeaderMatcher } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { StringMatcher } from "../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { ValueMatcher } from "../proto/generated/envoy/type/matcher/v3/value_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { HeaderConditionSpec, StringConditionSpec, ValueConditionSpec } from "./access-log-spec.ts";
import { patternError } from "./pattern-error.ts";

/** A header matcher; null after telling what is wrong. */
export function parseHeader(message: HeaderMatcher | undefined, problems: Problems): HeaderConditionSpec | null {
  if (message === undefined || message.name === "") {
    problems.error("name", "is missing", { envoyText: "value length must be at least 1 characters" });
    return null;
  }
  const spec: HeaderConditionSpec = {
    name: message.name.toLowerCase(),
    string: null,
    range: null,
    present: true,
    invert: message.invertMatch,
    missingAsEmpty: message.treatMissingHeaderAsEmpty,
  };
  const match = message.headerMatchSpecifier;
  switch (match.case) {
    case undefined:
      return spec;
    case "presentMatch":
      return { ...spec, present: match.value };
    case "rangeMatch":
      return { ...spec, range: { start: Number(match.value.start), end: Number(match.value.end) } };
    case "exactMatch":
      return { ...spec, string: { kind: "exact", value: match.value, ignoreCase: false } };
    case "prefixMatch":
      return { ...spec, string: { kind: "prefix", value: match.value, ignoreCase: false } };
    case "suffixMatch":
      return { ...spec, string: { kind: "suffix", value: match.value, ignoreCase: false } };
    case "containsMatch":
      return { ...spec, string: { kind: "contains", value: match.value, ignoreCase: false } };
    case "safeRegexMatch": {
      const string = regexCondition(match.value.regex, problems.at("safe_regex_match"));
      return string === null ? null : { ...spec, string };
    }
    case "stringMatch": {
      const string = parseString(match.value, problems.at("string_match"));
      return string === null ? null : { ...spec, string };
    }
  }
}

function parseString(message: StringMatcher, problems: Problems): StringConditionSpec | null {
  const pattern = message.matchPattern;
  switch (pattern.case) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { kind: pattern.case, value: pattern.value, ignoreCase: message.ignoreCase };
    case "safeRegex":
      return regexCondition(pattern.value.regex, problems.at("safe_regex"));
    case "custom":
    case undefined:
      problems.error("", pattern.case === undefined ? "is empty" : "custom matchers are not implemented in Nuncio yet");
      return null;
  }
}

function regexCondition(regex: string, problems: Problems): StringConditionSpec | null {
  const reason = patternError(regex);
  if (reason === null) return { kind: "regex", value: regex, ignoreCase: false };
  problems.error("regex", reason);
  return null;
}

/** A metadata value's matcher; null after telling what is wrong. */
export function parseValue(message: ValueMatcher | undefined, problems: Problems): ValueConditionSpec | null {
  const pattern = message?.matchPattern;
  switch (pattern?.case) {
    case "nullMatch":
      return { kind: "null" };
    case "boolMatch":
      return { kind: "bool", value: pattern.value };
    case "presentMatch":
      return { kind: "present", value: pattern.value };
    case "doubleMatch": {
      const double = pattern.value.matchPattern;
      if (double.case === "range") return { kind: "number", start: double.value.start, end: double.value.end };
      return { kind: "number", start: double.value ?? 0, end: double.value ?? 0 };
    }
    case "stringMatch": {
      const string = parseString(pattern.value, problems.at("string_match"));
      return string === null ? null : { kind: "string", string };
    }
    case "listMatch": {
      const value = parseValue(pattern.value.matchPattern.value, problems.at("list_match.one_of"));
      return value === null ? null : { kind: "list", value };
    }
    case "orMatch": {
      const values = pattern.value.valueMatchers.map((value, i) =>
        parseValue(value, problems.at(`or_match.value_matchers[${i}]`)),
      );
      return values.includes(null) ? null : { kind: "or", values: values.filter((value) => value !== null) };
    }
    case undefined:
      problems.error("", "is missing: it needs a condition");
      return null;
  }
}
