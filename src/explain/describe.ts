import type { ValueConditionSpec } from "../observability/access-log-spec.ts";
import type {
  HeaderMatcherSpec,
  PathMatchSpec,
  QueryMatcherSpec,
  RouteMatchSpec,
  RuntimeFractionSpec,
  StringMatcherSpec,
} from "../router/spec.ts";

/** A path condition in words: `prefix "/cart"`. */
export function pathText({ kind, value }: PathMatchSpec, isCaseSensitive: boolean): string {
  if (kind === "connect") return "CONNECT";
  return `${pathKinds[kind]} "${value}"${isCaseSensitive || kind === "regex" || kind === "template" ? "" : ", case ignored"}`;
}

/** A header condition in words, as the other conditions below. */
export function headerText(spec: HeaderMatcherSpec): string {
  const not = spec.invert ? "not " : "";
  const missing = spec.missingAsEmpty ? " (missing as empty)" : "";
  if (spec.string !== null) return `header ${spec.name} ${not}${stringText(spec.string)}${missing}`;
  if (spec.range !== null) {
    return `header ${spec.name} ${not}from ${spec.range.start} to below ${spec.range.end}${missing}`;
  }
  return `header ${spec.name} ${spec.present === spec.invert ? "absent" : "present"}${missing}`;
}

export function queryText(spec: QueryMatcherSpec): string {
  const how = spec.string === null ? (spec.present ? "present" : "absent") : stringText(spec.string);
  return `query parameter ${spec.name} ${how}`;
}

export function stringText({ kind, value, ignoreCase }: StringMatcherSpec): string {
  return `${stringKinds[kind]} "${value}"${ignoreCase ? ", case ignored" : ""}`;
}

export function fractionText({ numerator, denominator, runtimeKey }: RuntimeFractionSpec): string {
  const key = runtimeKey === "" ? "" : `, runtime key ${runtimeKey}`;
  return `share of ${percent(numerator / denominator)}${key}`;
}

export function tlsText(spec: NonNullable<RouteMatchSpec["tls"]>): string {
  const parts = [
    spec.presented === null ? "" : `client certificate ${spec.presented ? "presented" : "not presented"}`,
    spec.validated === null ? "" : `client certificate ${spec.validated ? "validated" : "not validated"}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** A condition on a value of dynamic metadata. */
export function metadataText(path: readonly string[], value: ValueConditionSpec, invert: boolean): string {
  return `dynamic metadata ${path.join(".")} ${invert ? "not " : ""}${JSON.stringify(value)}`;
}

/** 0.25 as "25%", four digits at most behind the point. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}

/** Milliseconds for people: "15s", "250ms", "none" for 0. */
export function duration(ms: number): string {
  if (ms === 0) return "none";
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const pathKinds = {
  prefix: "prefix",
  path: "path",
  pathSeparatedPrefix: "path_separated_prefix",
  regex: "safe_regex",
  template: "uri_template",
} as const;
const stringKinds = { exact: "is", prefix: "begins with", suffix: "ends with", contains: "contains", regex: "matches" };
