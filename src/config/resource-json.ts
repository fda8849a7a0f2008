import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import { typeRegistry } from "../proto/type-registry.ts";

type Json = Record<string, unknown>;

/** A resource as the admin interface shows it: field names of the proto files, its type first. */
export function typedJson(schema: DescMessage, message: Message): Json {
  return { "@type": `${typePrefix}${schema.typeName}`, ...protoJson(schema, message) };
}

/** Without the type. */
export function protoJson(schema: DescMessage, message: Message): Json {
  return typeFirst(toJson(schema, message, { registry: typeRegistry, useProtoFieldName: true })) as Json;
}

/** Puts each "@type" before the fields of its message, as Envoy prints them; protobuf-es puts it after. */
function typeFirst(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(typeFirst);
  const { "@type": type, ...fields } = value as Json;
  const out: Json = type === undefined ? {} : { "@type": type };
  for (const [key, child] of Object.entries(fields)) out[key] = typeFirst(child);
  return out;
}

/** Replaces what a secret keeps secret, as Envoy does: private keys, passwords and generic secrets, not certificates. */
export function redact(value: Json): void {
  for (const [key, child] of Object.entries(value)) {
    if (secretFields.includes(key)) value[key] = redacted(child);
    else if (Array.isArray(child) && key === "keys") value[key] = child.map(redacted);
    else if (typeof child === "object" && child !== null) redact(child as Json);
  }
}

/** In the form of what it stands for. */
function redacted(source: unknown): Json {
  const isBytes = typeof source === "object" && source !== null && "inline_bytes" in source;
  return isBytes ? { inline_bytes: "W3JlZGFjdGVkXQ==" } : { inline_string: "[redacted]" };
}

/** Of every type URL. */
export const typePrefix = "type.googleapis.com/";
const secretFields = ["private_key", "password", "secret", "private_key_provider"];
