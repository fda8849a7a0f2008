import { fromBinary } from "@bufbuild/protobuf";
import { findMessage, typeNameOf } from "../../proto/type-registry.ts";
import { type Difference, differences } from "../json-difference.ts";
import { protoJson, redact } from "../resource-json.ts";
import type { Change } from "./records.ts";

/** How what came differs from what was in force; null where one of them is not there, not kept, or cannot be read. */
export function differenceOf(
  typeUrl: string,
  { before, bytes }: Pick<Change, "before" | "bytes">,
): Difference[] | null {
  const [old, now] = [jsonOf(typeUrl, before), jsonOf(typeUrl, bytes)];
  return old === null || now === null ? null : differences(old, now);
}

/** A line for each difference: "+" what came, "-" what went, "~" what is another. */
export function differenceLines(list: readonly Difference[], max: number): string[] {
  const lines = list.slice(0, max).map(({ path, before, after }) => {
    if (before === undefined) return `+ ${path}: ${short(after)}`;
    return after === undefined ? `- ${path}: ${short(before)}` : `~ ${path}: ${short(before)} -> ${short(after)}`;
  });
  return list.length > max ? [...lines, `and ${list.length - max} more`] : lines;
}

function jsonOf(typeUrl: string, bytes: Uint8Array | null): Record<string, unknown> | null {
  const desc = findMessage(typeNameOf(typeUrl));
  if (bytes === null || desc === null || bytes.length > maxBytes) return null;
  try {
    const json = protoJson(desc, fromBinary(desc, bytes));
    redact(json);
    return json;
  } catch {
    // protobuf-es throws on bytes that are none of the type, and on an Any of an unknown one.
    return null;
  }
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}

/** What is larger is not worth the main thread's time. */
const maxBytes = 2 ** 20;
const maxChars = 160;
