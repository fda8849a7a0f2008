import { isUtf8 } from "node:buffer";
import type { FormatOptions, Formatter, Part } from "./format.ts";
import { parseTemplate } from "./format.ts";
import { sortedJson, toWire } from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";

/**
 * Compiles a json_format (a Struct as plain JSON) to one line with a newline. A value that is one operator keeps its type
 * and is null when missing; keys are in order of bytes, as Envoy has them. `missing` "" also leaves out keys without a value
 * (omit_empty_values). A string says what is wrong.
 */
export function compileJsonFormat(struct: Record<string, unknown>, options: FormatOptions): Formatter | string {
  const node = compileNode(struct, options);
  if (typeof node === "string") return node;
  return { format: (info) => `${node.write(info) ?? "{}"}\n` };
}

/** Writes one value; null leaves it out. */
interface Node {
  write(info: StreamInfo): string | null;
}

function compileNode(value: unknown, options: FormatOptions): Node | string {
  if (typeof value === "string") return compileString(value, options);
  if (Array.isArray(value)) return compileList(value, options);
  if (typeof value === "object" && value !== null) return compileStruct(value as Record<string, unknown>, options);
  // Envoy writes a number that is no integer as a string.
  const isFraction = typeof value === "number" && !Number.isInteger(value);
  const text = isFraction ? `"${value}"` : JSON.stringify(value ?? null);
  return { write: () => text };
}

function compileString(template: string, options: FormatOptions): Node | string {
  const parts = parseTemplate(template, options.enabled ?? new Set());
  if (typeof parts === "string") return parts;
  const only = parts.length === 1 ? parts[0] : undefined;
  if (only !== undefined && typeof only !== "string") return single(only, options);
  if (parts.every((part) => typeof part === "string")) {
    const text = quoted(parts.join(""));
    return { write: () => text };
  }
  return {
    write: (info) => {
      let text = "";
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i] as Part;
        text += typeof part === "string" ? part : (part.text(info) ?? options.missing);
      }
      return quoted(text);
    },
  };
}

function single(operator: Exclude<Part, string>, options: FormatOptions): Node {
  const missing = options.missing === "" ? null : "null";
  const value = operator.value;
  if (value === null) {
    return {
      write: (info) => {
        const text = operator.text(info);
        return text === null ? missing : quoted(text);
      },
    };
  }
  return {
    write: (info) => {
      const found = value(info);
      if (found === null || found === undefined) return missing;
      return typeof found === "number" ? String(found) : toWire(sortedJson(found));
    },
  };
}

function compileList(list: readonly unknown[], options: FormatOptions): Node | string {
  const nodes: Node[] = [];
  for (const item of list) {
    const node = compileNode(item, options);
    if (typeof node === "string") return node;
    nodes.push(node);
  }
  return {
    write: (info) => {
      let text = "";
      for (let i = 0; i < nodes.length; i++) {
        const item = (nodes[i] as Node).write(info);
        if (item !== null) text += text === "" ? item : `,${item}`;
      }
      return text === "" && nodes.length > 0 && options.missing === "" ? null : `[${text}]`;
    },
  };
}

function compileStruct(struct: Record<string, unknown>, options: FormatOptions): Node | string {
  const keys: string[] = [];
  const nodes: Node[] = [];
  const sorted = Object.keys(struct).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const key of sorted) {
    const node = compileNode(struct[key], options);
    if (typeof node === "string") return node;
    keys.push(`${quoted(toWire(key))}:`);
    nodes.push(node);
  }
  return {
    write: (info) => {
      let text = "";
      for (let i = 0; i < nodes.length; i++) {
        const item = (nodes[i] as Node).write(info);
        if (item !== null) text += text === "" ? keys[i] + item : `,${keys[i]}${item}`;
      }
      return text === "" && nodes.length > 0 && options.missing === "" ? null : `{${text}}`;
    },
  };
}

/** Bytes as a JSON string. Sound UTF-8 stays, other bytes above 0x7f become \u00xx. */
function quoted(text: string): string {
  let isPlain = true;
  let isAscii = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0x7e) isAscii = false;
    if (c < 0x20 || c === 0x22 || c === 0x5c) isPlain = false;
  }
  if (isAscii) return isPlain ? `"${text}"` : JSON.stringify(text);
  const escaped = JSON.stringify(text).replaceAll("\x7f", "\\u007f");
  if (isUtf8(Buffer.from(text, "latin1"))) return escaped;
  return escaped.replace(/[\x80-\xff]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
