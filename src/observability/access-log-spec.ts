import type { CelSpec } from "./cel/parse.ts";

/** One access log of a listener or connection manager, as plain data. */
export interface AccessLogSpec {
  /** A file's path; /dev/stdout and /dev/stderr are the process's own. */
  path: string;
  format: LogFormatSpec;
  /** null logs all. */
  filter: AccessLogFilterSpec | null;
}

/** A format that compileFormat or compileJsonFormat has found sound. */
export interface LogFormatSpec {
  /** null for JSON. */
  text: string | null;
  /** Keys to formats, numbers, lists and so on; null for text. */
  json: Record<string, unknown> | null;
  omitEmptyValues: boolean;
  /** Operators that `formatters` entries allow. */
  enabled: string[];
}

/** envoy.config.accesslog.v3.AccessLogFilter. */
export type AccessLogFilterSpec =
  | { kind: "statusCode" | "duration"; op: "EQ" | "GE" | "LE" | "NE"; value: number; runtimeKey: string }
  | { kind: "notHealthCheck" | "traceable" }
  | { kind: "runtime"; runtimeKey: string; numerator: number; denominator: number }
  | { kind: "and" | "or"; filters: AccessLogFilterSpec[] }
  | { kind: "header"; header: HeaderConditionSpec }
  /** Bits of ResponseFlag; 0 is any flag. */
  | { kind: "responseFlag"; flags: number }
  | { kind: "grpcStatus"; statuses: number[]; exclude: boolean }
  | { kind: "logType"; types: string[]; exclude: boolean }
  | { kind: "cel"; expression: CelSpec }
  | { kind: "metadata"; path: string[]; value: ValueConditionSpec; invert: boolean; matchIfKeyNotFound: boolean };

/** Of the same shape as the router's HeaderMatcherSpec, whose matcher is handed in when logs are linked. */
export interface HeaderConditionSpec {
  /** Lower-case. */
  name: string;
  string: StringConditionSpec | null;
  range: { start: number; end: number } | null;
  present: boolean;
  invert: boolean;
  missingAsEmpty: boolean;
}

export interface StringConditionSpec {
  kind: "exact" | "prefix" | "suffix" | "contains" | "regex";
  value: string;
  ignoreCase: boolean;
}

/** envoy.type.matcher.v3.ValueMatcher. */
export type ValueConditionSpec =
  | { kind: "null" }
  | { kind: "bool"; value: boolean }
  | { kind: "present"; value: boolean }
  /** start <= value < end; an exact number has end === start. */
  | { kind: "number"; start: number; end: number }
  | { kind: "string"; string: StringConditionSpec }
  /** A list of which one value matches. */
  | { kind: "list"; value: ValueConditionSpec }
  | { kind: "or"; values: ValueConditionSpec[] };
