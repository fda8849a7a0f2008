import { type DescMessage, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { readScalar, wrongType } from "./json-scalars.ts";
import { Problems } from "./problems.ts";

/** Whether the message has a JSON form of its own. Any is apart: its form needs the types. */
export function isWellKnown(desc: DescMessage): boolean {
  return desc.typeName in defaults;
}

/**
 * Reads a well-known type. Envoy's parser takes the form of an ordinary message too: `{seconds: 5}` for `5s`,
 * `{value: 5}` for `5`. A null value gives the type's default, without a problem.
 */
export function readWellKnown(desc: DescMessage, json: JsonValue, problems: Problems | null): JsonValue | undefined {
  if (json === null) return defaults[desc.typeName];
  const to = problems ?? new Problems();
  switch (desc.typeName) {
    case "google.protobuf.Duration":
      return readDuration(json, to);
    case "google.protobuf.Timestamp":
      return readTimestamp(json, to);
    case "google.protobuf.FieldMask":
      return readFieldMask(json, to);
    case "google.protobuf.Struct":
      return isObject(json) ? json : wrongType(to, "an object", "message google.protobuf.Struct", json);
    case "google.protobuf.ListValue":
      return Array.isArray(json) ? json : wrongType(to, "a list", "message google.protobuf.ListValue", json);
    case "google.protobuf.Value":
      return json;
    default:
      return readWrapper(desc, json, to);
  }
}

function readWrapper(desc: DescMessage, json: JsonValue, problems: Problems): JsonValue | undefined {
  const scalar = desc.field.value.scalar;
  if (scalar === undefined) return undefined;
  if (!isObject(json)) return readScalar(scalar, json, problems);
  onlyFields(json, ["value"], problems);
  return json.value === undefined ? defaults[desc.typeName] : readScalar(scalar, json.value, problems.at("value"));
}

function readDuration(json: JsonValue, problems: Problems): string | undefined {
  if (isObject(json)) {
    const parts = readSecondsAndNanos(json, problems);
    if (parts === null) return undefined;
    const [seconds, nanos] = parts;
    const sign = seconds < 0n || nanos < 0 ? "-" : "";
    return `${sign}${seconds < 0n ? -seconds : seconds}.${String(Math.abs(nanos)).padStart(9, "0")}s`;
  }
  const hint = typeof json === "number" || (typeof json === "string" && /^\d+$/.test(json)) ? ` ("${json}s"?)` : "";
  if (typeof json !== "string" || !/^-?\d+(\.\d{1,9})?s$/.test(json)) {
    return wrongType(problems, 'a duration in seconds such as "1.5s"', "message google.protobuf.Duration", json, hint);
  }
  if (Math.abs(Number.parseFloat(json)) > maxDurationSeconds) {
    problems.error("", `"${json}" is longer than the 10,000 years a duration can hold`);
    return undefined;
  }
  return json;
}

function readTimestamp(json: JsonValue, problems: Problems): string | undefined {
  if (isObject(json)) {
    const parts = readSecondsAndNanos(json, problems);
    if (parts === null) return undefined;
    const whole = new Date(Number(parts[0]) * 1000).toISOString().slice(0, 19);
    return `${whole}.${String(parts[1]).padStart(9, "0")}Z`;
  }
  if (typeof json === "string" && rfc3339.test(json) && !Number.isNaN(Date.parse(json))) return json;
  return wrongType(problems, "a time such as 2026-01-31T12:00:00Z", "message google.protobuf.Timestamp", json);
}

function readSecondsAndNanos(json: JsonObject, problems: Problems): [seconds: bigint, nanos: number] | null {
  const before = problems.errorCount;
  onlyFields(json, ["seconds", "nanos"], problems);
  const seconds = readInt(json.seconds, problems.at("seconds"));
  const nanos = readInt(json.nanos, problems.at("nanos"));
  if (seconds < -BigInt(maxDurationSeconds) || seconds > BigInt(maxDurationSeconds)) {
    problems.error("seconds", "is out of range");
  }
  if (nanos <= -1_000_000_000n || nanos >= 1_000_000_000n) problems.error("nanos", "is not less than a second");
  return problems.errorCount > before ? null : [seconds, Number(nanos)];
}

function readInt(json: JsonValue | undefined, problems: Problems): bigint {
  if (json === undefined || json === null) return 0n;
  const value = readScalar(ScalarType.INT64, json, problems);
  return typeof value === "string" ? BigInt(value) : 0n;
}

function readFieldMask(json: JsonValue, problems: Problems): string | undefined {
  if (typeof json === "string") return json;
  const paths = isObject(json) ? (json.paths ?? []) : null;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) {
    return wrongType(problems, 'field paths such as "a.b,c"', "message google.protobuf.FieldMask", json);
  }
  return paths.map((path) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())).join(",");
}

function onlyFields(json: JsonObject, names: readonly string[], problems: Problems): void {
  for (const key of Object.keys(json)) {
    if (!names.includes(key)) problems.error(key, "no such field");
  }
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const maxDurationSeconds = 315_576_000_000;
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[-+]\d\d:\d\d)$/;

const defaults: Record<string, JsonValue> = {
  "google.protobuf.Duration": "0s",
  "google.protobuf.Timestamp": "1970-01-01T00:00:00Z",
  "google.protobuf.FieldMask": "",
  "google.protobuf.Struct": {},
  "google.protobuf.ListValue": [],
  "google.protobuf.Value": null,
  "google.protobuf.DoubleValue": 0,
  "google.protobuf.FloatValue": 0,
  "google.protobuf.Int64Value": "0",
  "google.protobuf.UInt64Value": "0",
  "google.protobuf.Int32Value": 0,
  "google.protobuf.UInt32Value": 0,
  "google.protobuf.BoolValue": false,
  "google.protobuf.StringValue": "",
  "google.protobuf.BytesValue": "",
};
