import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";
import { readEnum, readScalar, scalarDefault, wrongType } from "./json-scalars.ts";
import { isWellKnown, readWellKnown } from "./json-well-known.ts";
import type { Problems } from "./problems.ts";
import { suggest } from "./suggest.ts";
import { findMessage, messageNames, typeNameOf, typeRegistry } from "./type-registry.ts";

/** What to do with a field that the message does not have: refuse it, or warn and go on without it. */
export type UnknownFields = "refuse" | "warn";

/**
 * Reads a JSON tree as a message. Finds every fault, not only the first, each with its path in the spelling of the
 * proto files, and gives the message without the faulty parts: usable only if no error was added, fit for further
 * checks in any case. Null when even that cannot be built.
 */
export function readJson<Desc extends DescMessage>(
  desc: Desc,
  json: JsonValue,
  problems: Problems,
  unknownFields: UnknownFields,
): MessageShape<Desc> | null {
  const clean = readMessage(desc, json, problems, { root: desc.typeName, unknownFields, depth: 0 });
  if (clean === undefined) return null;
  try {
    return fromJson(desc, clean, { registry: typeRegistry });
  } catch (error) {
    // The walk above lets nothing through that protobuf-es refuses; should it, the config is refused, not the process lost.
    problems.error("", error instanceof Error ? error.message : String(error));
    return null;
  }
}

/** State of one walk. */
interface Walk {
  /** The message the walk began with, which Envoy's sentences name. */
  root: string;
  unknownFields: UnknownFields;
  /** Messages around the present one; protobuf's parsers give up at 100. */
  depth: number;
}

/** Canonical JSON of one message, or undefined where there is nothing to keep of it. */
function readMessage(desc: DescMessage, json: JsonValue, problems: Problems, walk: Walk): JsonValue | undefined {
  if (desc.typeName === "google.protobuf.Any") return readAny(json, problems, walk);
  if (isWellKnown(desc)) return readWellKnown(desc, json, problems);
  if (!isObject(json)) return wrongType(problems, "an object", `message ${desc.typeName}`, json);
  if (walk.depth >= maxDepth) {
    problems.error("", `nested deeper than ${maxDepth} messages`);
    return undefined;
  }
  return readFields(desc, json, problems, { ...walk, depth: walk.depth + 1 });
}

function readFields(desc: DescMessage, json: JsonObject, problems: Problems, walk: Walk): JsonObject {
  const out: JsonObject = {};
  const setOneofs = new Map<string, string>();
  for (const [key, value] of Object.entries(json)) {
    const field = fieldsByName(desc).get(key);
    if (field === undefined) {
      unknownField(desc, key, problems, walk);
      continue;
    }
    if (value === null && field.message?.typeName !== "google.protobuf.Value") continue;
    if (field.oneof !== undefined) {
      const other = setOneofs.get(field.oneof.name);
      if (other !== undefined) {
        problems.error(field.name, `only one of "${other}" and "${field.name}" may be set`, {
          envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON @ ${problems.at(field.name).path}: '${field.name}' has already been set (either directly or as part of a oneof))`,
        });
        continue;
      }
      setOneofs.set(field.oneof.name, field.name);
    }
    const clean = readField(field, value, problems.at(field.name), walk);
    if (clean !== undefined) out[field.jsonName] = clean;
  }
  return out;
}

function readField(field: DescField, json: JsonValue, problems: Problems, walk: Walk): JsonValue | undefined {
  switch (field.fieldKind) {
    case "scalar":
    case "enum":
    case "message":
      return readSingle(field, json, problems, walk);
    case "list": {
      // Envoy's parser takes one value for a list of one.
      const items = Array.isArray(json) ? json : [json];
      return items.map((item, i) => {
        const at = Array.isArray(json) ? problems.at(`[${i}]`) : problems;
        if (item === null && field.message?.typeName !== "google.protobuf.Value") return placeholder(field);
        return readSingle(field, item, at, walk) ?? placeholder(field);
      });
    }
    case "map": {
      if (!isObject(json)) return wrongType(problems, "an object", "map", json);
      const out: JsonObject = Object.create(null);
      for (const [key, value] of Object.entries(json)) {
        const at = problems.at(`["${key}"]`);
        const cleanKey = readScalar(field.mapKey, key, at);
        if (cleanKey === undefined) continue;
        out[String(cleanKey)] = (value === null ? undefined : readSingle(field, value, at, walk)) ?? placeholder(field);
      }
      return out;
    }
  }
}

/** One value of a field: the field itself, an element of its list or a value of its map. */
function readSingle(field: DescField, json: JsonValue, problems: Problems, walk: Walk): JsonValue | undefined {
  if (field.message !== undefined) return readMessage(field.message, json, problems, walk);
  if (field.enum !== undefined) return readEnum(field.enum, json, problems, walk.unknownFields === "refuse");
  return field.scalar === undefined ? undefined : readScalar(field.scalar, json, problems);
}

function readAny(json: JsonValue, problems: Problems, walk: Walk): JsonValue | undefined {
  if (!isObject(json)) return wrongType(problems, 'an object with "@type"', "message google.protobuf.Any", json);
  const keys = Object.keys(json);
  if (keys.length === 0) return {};
  const typeUrl = json["@type"];
  if (typeof typeUrl !== "string") {
    problems.error("", 'has no "@type", which says what message it is', {
      suggestion: suggest("@type", keys) === null ? null : "@type",
      envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON @ ${problems.path}: message google.protobuf.Any, in legacy mode, missing @type in Any is only allowed for an empty object)`,
    });
    return undefined;
  }
  if (typeUrl.lastIndexOf("/") < 1) {
    problems.at("@type").error("", `"${typeUrl}" must begin with a host and a slash`, {
      suggestion: findMessage(typeUrl) === null ? null : `type.googleapis.com/${typeUrl}`,
      envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: @type must contain at least one / and a nonempty host; got: ${typeUrl})`,
    });
    return undefined;
  }
  const desc = findMessage(typeNameOf(typeUrl));
  if (desc === null) {
    const near = suggest(typeNameOf(typeUrl), messageNames());
    problems.at("@type").error("", `there is no message type "${typeUrl}"`, {
      suggestion: near === null ? null : `type.googleapis.com/${near}`,
      envoyText: `Unable to parse JSON as proto (INVALID_ARGUMENT: could not find @type '${typeUrl}')`,
    });
    return undefined;
  }
  const { "@type": _, ...inner } = json;
  if (isWellKnown(desc) || desc.typeName === "google.protobuf.Any") {
    for (const key of Object.keys(inner)) {
      if (key !== "value") problems.error(key, 'a well-known type in an Any has "@type" and "value" only');
    }
    const value = inner.value === undefined ? undefined : readMessage(desc, inner.value, problems.at("value"), walk);
    return value === undefined ? undefined : { "@type": typeUrl, value };
  }
  const message = readMessage(desc, inner, problems, walk);
  return isObject(message) ? { "@type": typeUrl, ...message } : undefined;
}

function unknownField(desc: DescMessage, key: string, problems: Problems, walk: Walk): void {
  const names = desc.fields.map((field) => field.name);
  if (walk.unknownFields === "warn") {
    problems.warning(key, "no such field: ignored");
    return;
  }
  const where = desc.typeName === walk.root ? "" : ` @ ${problems.path}: message ${desc.typeName}`;
  const suggestion = suggest(key, names);
  const isShort = suggestion === null && names.length > 0 && names.length <= 12;
  problems.error(key, isShort ? `no such field; ${desc.name} has ${names.join(", ")}` : "no such field", {
    suggestion,
    envoyText: `Protobuf message (type ${walk.root} reason INVALID_ARGUMENT: invalid JSON in ${walk.root}${where}, no such field: '${key}') has unknown fields`,
  });
}

function fieldsByName(desc: DescMessage): Map<string, DescField> {
  let fields = fieldNames.get(desc);
  if (fields === undefined) {
    fields = new Map(desc.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]));
    fieldNames.set(desc, fields);
  }
  return fields;
}

/** Stands for an element that could not be read, so that the others keep their index. */
function placeholder(field: DescField): JsonValue {
  if (field.message === undefined) return scalarDefault(field);
  return isWellKnown(field.message) ? (readWellKnown(field.message, null, null) ?? {}) : {};
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const fieldNames = new WeakMap<DescMessage, Map<string, DescField>>();
const maxDepth = 100;
