import { type DescField, fromBinary, type Message, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { findMessage, typeNameOf, typeRegistry } from "./type-registry.ts";

/**
 * What stands at a field path of a message, in short: a scalar, an enum's name, a duration. null for what is not there, has parts of its own,
 * or is secret.
 */
export function valueAt(message: Message, path: string): string | null {
  const { at, field } = walk(message, path);
  return field === null ? null : shown(at, field);
}

/** The message that stands at a field path; null for none. */
export function messageAt(message: Message, path: string): Message | null {
  return unpacked(walk(message, path).at);
}

/** `field`: the last one passed; null for nothing, or what is secret. */
function walk(message: Message, path: string): { at: unknown; field: DescField | null } {
  const steps = [...path.matchAll(/\["([^"]*)"\]|\[(\d+)\]|[^.[\]]+/g)];
  let at: unknown = message;
  let field: DescField | null = null;
  for (const [text, key, index] of steps) {
    if (secretFields.has(text)) return { at: undefined, field: null };
    if (key !== undefined) at = isRecord(at) ? at[key] : undefined;
    else if (index !== undefined) at = Array.isArray(at) ? at[Number(index)] : undefined;
    else {
      const owner = unpacked(at);
      field = owner === null ? null : (findMessage(owner.$typeName)?.fields.find(({ name }) => name === text) ?? null);
      at = owner === null || field === null ? undefined : fieldOf(owner, field);
    }
  }
  return { at, field };
}

/** The message in an Any; a message as it is. */
function unpacked(value: unknown): Message | null {
  if (!isMessage(value)) return null;
  if (value.$typeName !== "google.protobuf.Any") return value;
  const any = value as Any;
  const desc = findMessage(typeNameOf(any.typeUrl));
  if (desc === null) return null;
  return anyUnpack(any, typeRegistry) ?? fromBinary(desc, any.value);
}

function fieldOf(owner: Message, field: DescField): unknown {
  const record = owner as unknown as Record<string, unknown>;
  if (field.oneof === undefined) return record[field.localName];
  const choice = record[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
  return choice?.case === field.localName ? choice.value : undefined;
}

function shown(value: unknown, field: DescField): string | null {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > maxLength ? `${value.slice(0, maxLength)}…` : value);
    case "number":
      return field.enum?.value[value]?.name ?? String(value);
    case "bigint":
    case "boolean":
      return String(value);
  }
  if (!isMessage(value) || !shortMessages.has(value.$typeName)) return null;
  const desc = findMessage(value.$typeName);
  return desc === null ? null : JSON.stringify(toJson(desc, value));
}

function isMessage(value: unknown): value is Message {
  return isRecord(value) && typeof value.$typeName === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const maxLength = 80;
const shortMessages: ReadonlySet<string> = new Set(["google.protobuf.Duration"]);
/** Nobody reads them in a log or at a control plane. */
const secretFields: ReadonlySet<string> = new Set(["private_key", "password", "secret", "keys", "token_secret"]);
