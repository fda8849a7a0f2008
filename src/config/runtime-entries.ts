import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Problems } from "../proto/problems.ts";
import type { Fraction, RuntimeEntry } from "../router/runtime-fraction.ts";
import { SourceSyntaxError, toJson } from "./source.ts";
import { parseYaml } from "./yaml.ts";

/** The flat keys of a static or RTDS layer: `{a: {b: 1}}` and `{"a.b": 1}` are the same. Faults are in `problems`. Envoy: ProtoLayer. */
export function structEntries(layer: JsonObject, problems: Problems): Map<string, RuntimeEntry> {
  const entries = new Map<string, RuntimeEntry>();
  for (const [key, value] of Object.entries(layer)) addValue(key, value, entries, problems);
  return entries;
}

/** A value as text: of a file or of the admin interface. It is read as YAML; throws SourceSyntaxError on what is none. Envoy: SnapshotImpl::createEntry. */
export function textEntry(text: string): RuntimeEntry {
  const root = parseYaml(text);
  const value = root === null ? null : toJson(root);
  if (typeof value === "boolean") return { ...none, text, flag: value };
  if (typeof value === "number") return { ...none, text, number: value };
  if (typeof value === "string") return { ...none, text, number: readNumber(value) };
  return { ...none, text, fraction: isObject(value) ? readFraction(value) : null };
}

function addValue(key: string, value: JsonValue, entries: Map<string, RuntimeEntry>, problems: Problems): void {
  if (typeof value === "string") entries.set(key, stringEntry(value));
  else if (typeof value === "boolean") entries.set(key, { ...none, text: String(value), flag: value });
  else if (typeof value === "number") entries.set(key, { ...none, text: sixDigits(value), number: value });
  else if (!isObject(value)) {
    problems.error(key, "a runtime value is a number, a text, true, false, a fraction or a map of such values", {
      envoyText: `Invalid runtime entry value for ${key}`,
    });
  } else if (Object.keys(value).length === 0 || "numerator" in value || "denominator" in value) {
    entries.set(key, { ...none, text: JSON.stringify(value), fraction: readFraction(value) });
  } else for (const [inner, child] of Object.entries(value)) addValue(`${key}.${inner}`, child, entries, problems);
}

/** A text in a message: one that is no YAML stands for itself. */
function stringEntry(text: string): RuntimeEntry {
  try {
    return textEntry(text);
  } catch (error) {
    if (!(error instanceof SourceSyntaxError)) throw error;
    return { ...none, text };
  }
}

/** As C's strtod reads a whole text; null for infinities and what is no number. */
function readNumber(text: string): number | null {
  const trimmed = text.trim();
  if (!/^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|0x[\da-f]+)$/i.test(trimmed)) return null;
  const sign = trimmed.startsWith("-") ? -1 : 1;
  const number = sign * Number(trimmed.replace(/^[+-]/, ""));
  return Number.isFinite(number) ? number : null;
}

/** Envoy looks for a number and for a name; what is of another kind is as if it were not there. null where a field is neither. */
function readFraction(value: JsonObject): Fraction | null {
  let numerator = 0;
  let denominator = 100;
  for (const [field, child] of Object.entries(value)) {
    if (field === "numerator") {
      if (typeof child === "number") numerator = child < 0 ? 2 ** 32 + child : Math.trunc(child);
    } else if (field === "denominator" && typeof child === "string" && Object.hasOwn(denominators, child)) {
      denominator = denominators[child] as number;
    } else return null;
  }
  return { numerator, denominator };
}

/** C's %g, which Envoy shows numbers in. */
function sixDigits(number: number): string {
  const [mantissa = "", exponent = "0"] = number.toExponential(5).split("e");
  if (Number(exponent) >= -4 && Number(exponent) < 6)
    return Object.is(number, -0) ? "-0" : String(Number(number.toPrecision(6)));
  const digits = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const none: RuntimeEntry = { text: "", number: null, flag: null, fraction: null };
/** envoy.type.v3.FractionalPercent.DenominatorType */
const denominators: Record<string, number> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };
