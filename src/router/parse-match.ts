import { checkCoverage } from "../proto/coverage.ts";
import type { RuntimeFractionalPercent } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type CookieMatcher,
  type HeaderMatcher,
  type QueryParameterMatcher,
  type RouteMatch,
  RouteMatchSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RegexMatcher } from "../proto/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { StringMatcher } from "../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { StringMatcher as XdsStringMatcher } from "../proto/generated/xds/type/matcher/v3/string_pb.ts";
import { parsePercent } from "../proto/percent.ts";
import type { Problems } from "../proto/problems.ts";
import { matchesEverything, orNone } from "./empty-specs.ts";
import { parseHeaderName } from "./parse-headers.ts";
import { parsePathMatchPolicy } from "./parse-path-policy.ts";
import { parseStreamConditions } from "./parse-stream-conditions.ts";
import { regexError } from "./regex.ts";
import type {
  CookieMatcherSpec,
  HeaderMatcherSpec,
  PathMatchSpec,
  QueryMatcherSpec,
  RouteMatchSpec,
  RuntimeFractionSpec,
  StringMatcherSpec,
} from "./spec.ts";

export function parseMatch(message: RouteMatch | undefined, problems: Problems): RouteMatchSpec {
  if (message === undefined) {
    problems.error("", "is missing: a route needs a match");
    return matchesEverything;
  }
  checkCoverage(RouteMatchSchema, message, problems, {
    honoured: [
      "prefix",
      "path",
      "safe_regex",
      "connect_matcher",
      "path_separated_prefix",
      "path_match_policy",
      "case_sensitive",
      "runtime_fraction",
      "headers",
      "query_parameters",
      "cookies",
      "grpc",
      "tls_context",
      "dynamic_metadata",
      "filter_state",
    ],
    harmless: [],
  });
  return {
    path: parsePath(message, problems),
    caseSensitive: message.caseSensitive ?? true,
    headers: orNone(message.headers.map((matcher, i) => parseHeaderMatcher(matcher, problems.at(`headers[${i}]`)))),
    query: orNone(
      message.queryParameters.map((matcher, i) => parseQuery(matcher, problems.at(`query_parameters[${i}]`))),
    ),
    cookies: orNone(message.cookies.map((matcher, i) => parseCookie(matcher, problems.at(`cookies[${i}]`)))),
    runtimeFraction: parseRuntimeFraction(message.runtimeFraction),
    grpc: message.grpc !== undefined,
    ...parseStreamConditions(message, problems, parseStringMatcher),
  };
}

export function parseHeaderMatcher(message: HeaderMatcher, problems: Problems): HeaderMatcherSpec {
  const spec: HeaderMatcherSpec = {
    name: parseHeaderName(message.name),
    string: null,
    range: null,
    present: true,
    invert: message.invertMatch,
    missingAsEmpty: message.treatMissingHeaderAsEmpty,
  };
  const specifier = message.headerMatchSpecifier;
  switch (specifier.case) {
    case "exactMatch":
      // Envoy: an empty exact_match means presence with any value.
      spec.string = specifier.value === "" ? string("prefix", "") : string("exact", specifier.value);
      break;
    case "prefixMatch":
      spec.string = string("prefix", specifier.value);
      break;
    case "suffixMatch":
      spec.string = string("suffix", specifier.value);
      break;
    case "containsMatch":
      spec.string = string("contains", specifier.value);
      break;
    case "safeRegexMatch":
      spec.string = string("regex", parseRegex(specifier.value, problems.at("safe_regex_match")));
      break;
    case "stringMatch":
      spec.string = parseStringMatcher(specifier.value, problems.at("string_match"));
      break;
    case "rangeMatch":
      spec.range = { start: Number(specifier.value.start), end: Number(specifier.value.end) };
      break;
    case "presentMatch":
      spec.present = specifier.value;
      break;
    case undefined:
  }
  return spec;
}

/** type.matcher.v3.StringMatcher, Envoy's or that of xds, to its Spec; a fault is told and matches matchesEverything. */
export function parseStringMatcher(message: StringMatcher | XdsStringMatcher, problems: Problems): StringMatcherSpec {
  const pattern = message.matchPattern;
  switch (pattern.case) {
    case "safeRegex":
      return string("regex", parseRegex(pattern.value, problems.at("safe_regex")));
    case "custom":
      problems.error("custom", "is not implemented in Nuncio yet; ignoring it would change what a request gets");
      return string("exact", "");
    case undefined:
      problems.error("", "is empty: one of exact, prefix, suffix, contains, safe_regex must be set");
      return string("exact", "");
    default:
      return { kind: pattern.case, value: pattern.value, ignoreCase: message.ignoreCase };
  }
}

/** The pattern, after telling why RE2 refuses it. `problems` is that of the RegexMatcher. */
export function parseRegex(message: Pick<RegexMatcher, "regex"> | undefined, problems: Problems): string {
  if (message === undefined) {
    problems.error("", "is missing");
    return "";
  }
  const reason = regexError(message.regex);
  if (reason === null) return message.regex;
  problems.error("regex", `RE2 refuses "${message.regex}": ${reason}`, { envoyText: reason });
  return "";
}

/** null without a message. */
export function parseRuntimeFraction(message: RuntimeFractionalPercent | undefined): RuntimeFractionSpec | null {
  if (message === undefined) return null;
  return { ...parsePercent(message.defaultValue), runtimeKey: message.runtimeKey };
}

function parsePath(message: RouteMatch, problems: Problems): PathMatchSpec {
  const path = message.pathSpecifier;
  switch (path.case) {
    case "prefix":
    case "path":
    case "pathSeparatedPrefix":
      return { kind: path.case, value: path.value };
    case "safeRegex":
      return { kind: "regex", value: parseRegex(path.value, problems.at("safe_regex")) };
    case "connectMatcher":
      return { kind: "connect", value: "" };
    case "pathMatchPolicy":
      return { kind: "template", value: parsePathMatchPolicy(path.value, problems.at("path_match_policy")) };
    case undefined:
      problems.error(
        "",
        "names no path: one of prefix, path, path_separated_prefix, safe_regex, connect_matcher must be set",
      );
      return matchesEverything.path;
  }
}

/** QueryParameterMatcher to its Spec. */
export function parseQuery(message: QueryParameterMatcher, problems: Problems): QueryMatcherSpec {
  const specifier = message.queryParameterMatchSpecifier;
  return {
    name: message.name,
    string: specifier.case === "stringMatch" ? parseStringMatcher(specifier.value, problems.at("string_match")) : null,
    present: specifier.case === "presentMatch" ? specifier.value : true,
  };
}

function parseCookie(message: CookieMatcher, problems: Problems): CookieMatcherSpec {
  if (message.stringMatch === undefined) problems.error("string_match", "is missing");
  return {
    name: message.name,
    string:
      message.stringMatch === undefined
        ? string("exact", "")
        : parseStringMatcher(message.stringMatch, problems.at("string_match")),
    invert: message.invertMatch,
  };
}

function string(kind: StringMatcherSpec["kind"], value: string): StringMatcherSpec {
  return { kind, value, ignoreCase: false };
}
