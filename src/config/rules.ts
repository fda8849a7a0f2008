import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { RE2JS } from "re2js";
import { formatDuration } from "../proto/duration.ts";
import {
  type BytesRules,
  type DurationRules,
  type EnumRules,
  type FieldRules,
  KnownRegex,
  type MapRules,
  type RepeatedRules,
  type StringRules,
} from "../proto/generated/validate/validate_pb.ts";
import { wellKnownStringRule } from "./string-rules.ts";

/** Says what rule a value breaks, in the words of Envoy's validation (protoc-gen-validate), or null. */
export type Check = (value: unknown) => string | null;

/** The checks of one value: a field's, a list element's, a map key's or value's. */
export function compileRules(rules: FieldRules, field: DescField): Check[] {
  const type = rules.type;
  switch (type.case) {
    case undefined:
    case "timestamp":
      return [];
    case "string":
      return ignoreEmpty(stringChecks(type.value), type.value.ignoreEmpty);
    case "bytes":
      return ignoreEmpty(bytesChecks(type.value), type.value.ignoreEmpty);
    case "bool":
      return Object.hasOwn(type.value, "const") ? [equal(type.value.const)] : [];
    case "enum":
      return enumChecks(type.value, field.enum);
    case "repeated":
      return ignoreEmpty(listChecks(type.value), type.value.ignoreEmpty);
    case "map":
      return ignoreEmpty(mapChecks(type.value), type.value.ignoreEmpty);
    case "any":
      return [];
    case "duration":
      return durationChecks(type.value);
    default:
      return ignoreEmpty(numberChecks(type.value, isFloat(field)), type.value.ignoreEmpty);
  }
}

/** Whether the rules ask for a message to be there: `message.required`, `duration.required`, `any.required`. */
export function isRequired(rules: FieldRules): boolean {
  const type = rules.type;
  const byType =
    type.case === "duration" || type.case === "any" || type.case === "timestamp" ? type.value.required : false;
  return byType || rules.message?.required === true;
}

function stringChecks(rules: StringRules): Check[] {
  const checks: Check[] = [];
  const length = (text: unknown) => BigInt([...String(text)].length);
  const bytes = (text: unknown) => BigInt(Buffer.byteLength(String(text)));
  if (Object.hasOwn(rules, "const")) checks.push(equal(rules.const));
  if (Object.hasOwn(rules, "len")) {
    checks.push((v) => (length(v) === rules.len ? null : `value length must be ${rules.len} characters`));
  }
  if (Object.hasOwn(rules, "minLen")) {
    checks.push((v) => (length(v) >= rules.minLen ? null : `value length must be at least ${rules.minLen} characters`));
  }
  if (Object.hasOwn(rules, "maxLen")) {
    checks.push((v) => (length(v) <= rules.maxLen ? null : `value length must be at most ${rules.maxLen} characters`));
  }
  if (Object.hasOwn(rules, "lenBytes")) {
    checks.push((v) => (bytes(v) === rules.lenBytes ? null : `value length must be ${rules.lenBytes} bytes`));
  }
  if (Object.hasOwn(rules, "minBytes")) {
    checks.push((v) => (bytes(v) >= rules.minBytes ? null : `value length must be at least ${rules.minBytes} bytes`));
  }
  if (Object.hasOwn(rules, "maxBytes")) {
    checks.push((v) => (bytes(v) <= rules.maxBytes ? null : `value length must be at most ${rules.maxBytes} bytes`));
  }
  if (Object.hasOwn(rules, "pattern")) {
    const pattern = RE2JS.compile(rules.pattern);
    checks.push((v) => (pattern.matches(String(v)) ? null : `value does not match regex pattern "${rules.pattern}"`));
  }
  if (Object.hasOwn(rules, "prefix")) {
    checks.push((v) => (String(v).startsWith(rules.prefix) ? null : `value does not have prefix "${rules.prefix}"`));
  }
  if (Object.hasOwn(rules, "suffix")) {
    checks.push((v) => (String(v).endsWith(rules.suffix) ? null : `value does not have suffix "${rules.suffix}"`));
  }
  if (Object.hasOwn(rules, "contains")) {
    checks.push((v) =>
      String(v).includes(rules.contains) ? null : `value does not contain substring "${rules.contains}"`,
    );
  }
  if (Object.hasOwn(rules, "notContains")) {
    checks.push((v) =>
      String(v).includes(rules.notContains) ? `value contains substring "${rules.notContains}"` : null,
    );
  }
  checks.push(...listed(rules.in, rules.notIn));
  const wellKnown = rules.wellKnown;
  if (wellKnown.case === "wellKnownRegex") checks.push(headerCheck(wellKnown.value, rules.strict));
  else if (wellKnown.case !== undefined && wellKnown.value) checks.push(wellKnownStringRule(wellKnown.case));
  return checks;
}

/** PGV's HTTP_HEADER_NAME and HTTP_HEADER_VALUE; `strict` is true unless the API says otherwise. */
function headerCheck(kind: KnownRegex, strict: boolean): Check {
  const pattern = !strict ? looseHeader : kind === KnownRegex.HTTP_HEADER_NAME ? headerName : headerValue;
  return (v) => (pattern.test(String(v)) ? null : `value does not match regex pattern "${pattern.source}"`);
}

function bytesChecks(rules: BytesRules): Check[] {
  const checks: Check[] = [];
  const length = (value: unknown) => BigInt((value as Uint8Array).length);
  if (Object.hasOwn(rules, "len")) {
    checks.push((v) => (length(v) === rules.len ? null : `value length must be ${rules.len} bytes`));
  }
  if (Object.hasOwn(rules, "minLen")) {
    checks.push((v) => (length(v) >= rules.minLen ? null : `value length must be at least ${rules.minLen} bytes`));
  }
  if (Object.hasOwn(rules, "maxLen")) {
    checks.push((v) => (length(v) <= rules.maxLen ? null : `value length must be at most ${rules.maxLen} bytes`));
  }
  return checks;
}

function enumChecks(rules: EnumRules, desc: DescEnum | undefined): Check[] {
  const checks: Check[] = listed(rules.in, rules.notIn);
  if (Object.hasOwn(rules, "const")) checks.push(equal(rules.const));
  if (rules.definedOnly && desc !== undefined) {
    checks.push((v) => (desc.value[Number(v)] === undefined ? "value must be one of the defined enum values" : null));
  }
  return checks;
}

function listChecks(rules: RepeatedRules): Check[] {
  const checks: Check[] = [];
  const count = (list: unknown) => BigInt((list as unknown[]).length);
  const { minItems, maxItems } = rules;
  if (Object.hasOwn(rules, "minItems")) {
    checks.push((v) => (count(v) >= minItems ? null : `value must contain at least ${minItems} item(s)`));
  }
  if (Object.hasOwn(rules, "maxItems")) {
    checks.push((v) => (count(v) <= maxItems ? null : `value must contain no more than ${maxItems} item(s)`));
  }
  if (rules.unique) {
    checks.push((v) => {
      const list = v as unknown[];
      return new Set(list).size === list.length ? null : "repeated value must contain unique items";
    });
  }
  return checks;
}

function mapChecks(rules: MapRules): Check[] {
  const checks: Check[] = [];
  const count = (map: unknown) => BigInt(Object.keys(map as object).length);
  if (Object.hasOwn(rules, "minPairs")) {
    checks.push((v) => (count(v) >= rules.minPairs ? null : `value must contain at least ${rules.minPairs} pair(s)`));
  }
  if (Object.hasOwn(rules, "maxPairs")) {
    checks.push((v) =>
      count(v) <= rules.maxPairs ? null : `value must contain no more than ${rules.maxPairs} pair(s)`,
    );
  }
  return checks;
}

/** The rules that all number types have. Proto2 messages: a rule that is not set is not an own property. */
interface NumberRules<N> {
  const: N;
  lt: N;
  lte: N;
  gt: N;
  gte: N;
  in: readonly N[];
  notIn: readonly N[];
}

function numberChecks(rules: NumberRules<number> | NumberRules<bigint>, single: boolean): Check[] {
  const own = (name: "const" | "lt" | "lte" | "gt" | "gte") =>
    Object.hasOwn(rules, name) ? toBound(rules[name], single) : null;
  const checks = rangeChecks(own("gt"), own("gte"), own("lt"), own("lte"), (v) => v as number | bigint);
  if (Object.hasOwn(rules, "const")) checks.push(equal(rules.const));
  return [...checks, ...listed<number | bigint>(rules.in, rules.notIn)];
}

function durationChecks(rules: DurationRules): Check[] {
  const bound = (duration: Duration | undefined): Bound | null =>
    duration === undefined ? null : { value: nanosOf(duration), text: formatDuration(duration) };
  const checks = rangeChecks(bound(rules.gt), bound(rules.gte), bound(rules.lt), bound(rules.lte), (v) =>
    nanosOf(v as Duration),
  );
  if (rules.const !== undefined) {
    const { const: wanted } = rules;
    checks.push((v) =>
      nanosOf(v as Duration) === nanosOf(wanted) ? null : `value must equal ${formatDuration(wanted)}`,
    );
  }
  return checks;
}

interface Bound {
  value: number | bigint;
  text: string;
}

function rangeChecks(
  gt: Bound | null,
  gte: Bound | null,
  lt: Bound | null,
  lte: Bound | null,
  measure: (value: unknown) => number | bigint,
): Check[] {
  const low = gt ?? gte;
  const high = lt ?? lte;
  const above = (v: number | bigint) => low !== null && (gt !== null ? v > low.value : v >= low.value);
  const below = (v: number | bigint) => high !== null && (lt !== null ? v < high.value : v <= high.value);
  if (low !== null && high !== null) {
    const range = `${gt !== null ? "(" : "["}${low.text}, ${high.text}${lt !== null ? ")" : "]"}`;
    // PGV: bounds that cross mean "outside".
    if (high.value < low.value) {
      return [(v) => (above(measure(v)) || below(measure(v)) ? null : `value must be outside range ${range}`)];
    }
    return [(v) => (above(measure(v)) && below(measure(v)) ? null : `value must be inside range ${range}`)];
  }
  if (low !== null) {
    const words = gt !== null ? "greater than" : "greater than or equal to";
    return [(v) => (above(measure(v)) ? null : `value must be ${words} ${low.text}`)];
  }
  if (high !== null) {
    const words = lt !== null ? "less than" : "less than or equal to";
    return [(v) => (below(measure(v)) ? null : `value must be ${words} ${high.text}`)];
  }
  return [];
}

function equal(wanted: unknown): Check {
  return (v) => (v === wanted ? null : `value must equal ${String(wanted)}`);
}

function listed<T>(allowed: readonly T[], refused: readonly T[]): Check[] {
  const checks: Check[] = [];
  if (allowed.length > 0) {
    checks.push((v) => (allowed.includes(v as T) ? null : `value must be in list [${allowed.join(" ")}]`));
  }
  if (refused.length > 0) {
    checks.push((v) => (refused.includes(v as T) ? `value must not be in list [${refused.join(" ")}]` : null));
  }
  return checks;
}

function ignoreEmpty(checks: Check[], ignore: boolean): Check[] {
  return ignore ? checks.map((check) => (value: unknown) => (isEmpty(value) ? null : check(value))) : checks;
}

function isEmpty(value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === 0n;
}

function toBound(value: number | bigint, single: boolean): Bound {
  return { value: single && typeof value === "number" ? Math.fround(value) : value, text: String(value) };
}

function isFloat(field: DescField): boolean {
  return field.scalar === ScalarType.FLOAT;
}

function nanosOf(duration: Duration): bigint {
  return duration.seconds * 1_000_000_000n + BigInt(duration.nanos);
}

const headerName = /^:?[0-9a-zA-Z!#$%&'*+-.^_|~`]+$/;
const headerValue = /^[^\x00-\x08\n-\x1f\x7f]*$/;
const looseHeader = /^[^\x00\n\r]*$/;
