import { type DescEnum, type DescField, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import type { Problems } from "./problems.ts";
import { suggest } from "./suggest.ts";

/**
 * Reads one JSON value as a proto scalar, with the lenience of Envoy's parser: quoted numbers and booleans, hexadecimal
 * in quotes, enums in any case. Gives the canonical JSON of protobuf-es, or undefined after telling what is wrong.
 */
export function readScalar(type: ScalarType, json: JsonValue, problems: Problems): JsonValue | undefined {
  switch (type) {
    case ScalarType.STRING:
      if (typeof json === "string") return json;
      return wrongType(problems, "a string", "string", json, quoteHint(json));
    case ScalarType.BYTES:
      return readBytes(json, problems);
    case ScalarType.BOOL:
      return readBool(json, problems);
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return readFloat(json, problems);
    default:
      return readInteger(type, json, problems);
  }
}

/** Reads an enum value by name, in any case, or by number. Unknown names are problems, unknown numbers are not. */
export function readEnum(
  desc: DescEnum,
  json: JsonValue,
  problems: Problems,
  unknownIsError: boolean,
): JsonValue | undefined {
  if (typeof json === "number" && Number.isInteger(json)) return json;
  if (typeof json !== "string") return wrongType(problems, `one of ${valueNames(desc)}`, "enum", json);
  const value = desc.values.find((v) => v.name === json) ?? desc.values.find((v) => v.name === json.toUpperCase());
  if (value !== undefined) return value.number;
  if (/^-?\d+$/.test(json)) return Number(json);
  const reason = `"${json}" is not one of ${valueNames(desc)}`;
  if (unknownIsError) {
    problems.error("", reason, {
      suggestion: suggest(
        json,
        desc.values.map((v) => v.name),
      ),
      envoyText: `Protobuf message (reason INVALID_ARGUMENT: unknown enum value: '${json}') has unknown fields`,
    });
  } else {
    problems.warning("", `${reason}: ignored`);
  }
  return undefined;
}

/** Tells that a value has the wrong JSON type. `protoType` is the type as Envoy's sentence names it. */
export function wrongType(
  problems: Problems,
  expected: string,
  protoType: string,
  json: JsonValue,
  hint = "",
): undefined {
  problems.error("", `expected ${expected}, found ${describe(json)}${hint}`, {
    envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON @ ${problems.path}: ${protoType})`,
  });
  return undefined;
}

/** The scalar type's default in canonical JSON: what stands in for a list element that could not be read. */
export function scalarDefault(field: DescField): JsonValue {
  if (field.enum !== undefined) return 0;
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return "";
    case ScalarType.BOOL:
      return false;
    default:
      return 0;
  }
}

function readBool(json: JsonValue, problems: Problems): boolean | undefined {
  if (typeof json === "boolean") return json;
  if (typeof json === "string") {
    const word = json.toLowerCase();
    if (trueWords.has(word)) return true;
    if (falseWords.has(word)) return false;
  }
  return wrongType(problems, "true or false", "bool", json);
}

function readBytes(json: JsonValue, problems: Problems): string | undefined {
  const digits = typeof json === "string" && base64.test(json) ? json.replace(/=+$/, "") : null;
  if (digits === null || digits.length % 4 === 1) return wrongType(problems, "bytes in base64", "bytes", json);
  return digits
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .padEnd(Math.ceil(digits.length / 4) * 4, "=");
}

function readFloat(json: JsonValue, problems: Problems): JsonValue | undefined {
  if (typeof json === "number") return json;
  if (typeof json === "string") {
    const word = json.toLowerCase();
    if (/^[-+]?(inf|infinity)$/.test(word)) return word.startsWith("-") ? "-Infinity" : "Infinity";
    if (word === "nan") return "NaN";
    if (decimal.test(json)) return Number(json);
    if (hexadecimal.test(json)) return Number(hexToBigInt(json));
  }
  return wrongType(problems, "a number", "double", json);
}

function readInteger(
  type: Exclude<ScalarType, ScalarType.STRING | ScalarType.BYTES | ScalarType.BOOL>,
  json: JsonValue,
  problems: Problems,
): JsonValue | undefined {
  const [min, max, name] = integerRanges[type] ?? integerRanges[ScalarType.INT32];
  const value = integerOf(json);
  if (value === null) return wrongType(problems, "a whole number", name, json);
  if (value < min || value > max) {
    problems.error("", `${value} is out of range: ${name} holds ${min} to ${max}`, {
      envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON @ ${problems.path}: ${name}, integer out of range)`,
    });
    return undefined;
  }
  return max > 0xffffffffn ? String(value) : Number(value);
}

function integerOf(json: JsonValue): bigint | null {
  if (typeof json === "number") return Number.isInteger(json) ? BigInt(json) : null;
  if (typeof json !== "string") return null;
  if (/^[-+]?\d+$/.test(json)) return BigInt(json.replace(/^\+/, ""));
  if (hexadecimal.test(json)) return hexToBigInt(json);
  if (!decimal.test(json)) return null;
  const value = Number(json);
  return Number.isInteger(value) ? BigInt(value) : null;
}

function hexToBigInt(text: string): bigint {
  const magnitude = BigInt(text.replace(/^[-+]/, ""));
  return text.startsWith("-") ? -magnitude : magnitude;
}

function describe(json: JsonValue): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "a list";
  if (typeof json === "object") return "an object";
  if (typeof json === "string") return `the string "${json.length > 40 ? `${json.slice(0, 40)}...` : json}"`;
  return `${typeof json === "number" ? "the number " : ""}${json}`;
}

function quoteHint(json: JsonValue): string {
  return typeof json === "number" || typeof json === "boolean" ? " (quote it to make it a string)" : "";
}

function valueNames(desc: DescEnum): string {
  const names = desc.values.map((value) => value.name);
  return names.length > 12 ? `${names.slice(0, 12).join(", ")}, ...` : names.join(", ");
}

// absl::SimpleAtob, which Envoy's JSON parser applies to a quoted boolean.
const trueWords = new Set(["true", "t", "yes", "y", "1"]);
const falseWords = new Set(["false", "f", "no", "n", "0"]);
const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const decimal = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?$/;
const hexadecimal = /^[-+]?0[xX][0-9a-fA-F]+$/;

const int32: [bigint, bigint, string] = [-(2n ** 31n), 2n ** 31n - 1n, "int32"];
const uint32: [bigint, bigint, string] = [0n, 2n ** 32n - 1n, "uint32"];
const int64: [bigint, bigint, string] = [-(2n ** 63n), 2n ** 63n - 1n, "int64"];
const uint64: [bigint, bigint, string] = [0n, 2n ** 64n - 1n, "uint64"];
const integerRanges: Record<number, [min: bigint, max: bigint, name: string]> = {
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
};
