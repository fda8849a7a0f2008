import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  Scalar,
  type YAMLMap,
  type YAMLParseError,
} from "yaml";
import { type Position, type SourceEntry, type SourceNode, SourceSyntaxError } from "./source.ts";

/**
 * Reads YAML as Envoy's loader does (yaml-cpp, YAML 1.1 words for booleans, octal and hexadecimal integers; floats stay
 * strings). The first document counts, the last of two equal keys wins, `<<` is a key like any other.
 * Null for a text without content. Throws SourceSyntaxError.
 */
export function parseYaml(text: string): SourceNode | null {
  const lines = new LineCounter();
  // The failsafe schema leaves every scalar a string: which become numbers is for scalarValue to say.
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: "failsafe",
    version: "1.1",
    uniqueKeys: false,
    merge: false,
    strict: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  if (!Array.isArray(documents) || documents.length === 0) return null;
  const document = documents[0];
  const [error] = document.errors;
  if (error !== undefined) throw syntaxError(error, text, lines);
  const reader: Reader = {
    lines,
    resolve: (alias) => alias.resolve(document) ?? null,
    seen: new Map(),
    open: new Set(),
  };
  return document.contents === null ? null : readNode(document.contents, reader);
}

/** At the first character of a line that begins wrong, not in its indentation, and with that line. */
function syntaxError(error: YAMLParseError, text: string, lines: LineCounter): SourceSyntaxError {
  const at = positionAt(lines, error.pos[0]);
  const line = text.split(/\r?\n/, at.line)[at.line - 1] ?? "";
  const blank = line.length - line.trimStart().length;
  const column = line.slice(0, blank).includes("\t") ? at.column : Math.max(at.column, blank + 1);
  const words = plainWords.find(([start]) => error.message.startsWith(start))?.[1] ?? error.message;
  const shown = line.trim() === "" ? "" : ` (in "${line.trim().slice(0, 80)}")`;
  return new SourceSyntaxError(words + shown, { line: at.line, column });
}

interface Reader {
  lines: LineCounter;
  resolve: (alias: Extract<Node, { source: string; resolve: unknown }>) => Node | null;
  /** Trees already read, so that an anchor used many times is read once. */
  seen: Map<Node, SourceNode>;
  /** Trees being read: an alias to one of them would never end. */
  open: Set<Node>;
}

function readNode(node: Node, reader: Reader): SourceNode {
  const at = positionAt(reader.lines, node.range?.[0] ?? 0);
  if (isAlias(node)) {
    const target = reader.resolve(node);
    if (target === null) throw new SourceSyntaxError(`unknown anchor "${node.source}"`, at);
    if (reader.open.has(target)) {
      throw new SourceSyntaxError(`anchor "${node.source}" contains itself`, at);
    }
    return readNode(target, reader);
  }
  const seen = reader.seen.get(node);
  if (seen !== undefined) return seen;
  reader.open.add(node);
  const read = readContent(node, at, reader);
  reader.open.delete(node);
  reader.seen.set(node, read);
  return read;
}

function readContent(node: Node, at: Position, reader: Reader): SourceNode {
  if (isMap(node)) return { kind: "map", entries: readEntries(node, reader), at };
  if (isSeq(node)) return { kind: "list", items: node.items.map((item) => readNode(item as Node, reader)), at };
  return { kind: "scalar", value: isScalar(node) ? scalarValue(node) : null, at };
}

function readEntries(map: YAMLMap, reader: Reader): Map<string, SourceEntry> {
  const entries = new Map<string, SourceEntry>();
  for (const pair of map.items) {
    const keyNode = pair.key as Node;
    const key = readNode(keyNode, reader);
    const keyAt = positionAt(reader.lines, keyNode.range?.[0] ?? 0);
    if (key.kind !== "scalar") throw new SourceSyntaxError("a list or map cannot be a key", keyAt);
    const value = pair.value === null ? null : readNode(pair.value as Node, reader);
    entries.set(keyText(keyNode), { keyAt, value: value ?? { kind: "scalar", value: null, at: keyAt } });
  }
  return entries;
}

/** yaml-cpp's reading of a key: its text as written, whatever type it would have as a value. */
function keyText(key: Node): string {
  if (!isScalar(key)) return "";
  return isPlain(key) && nullWords.has(String(key.value)) ? "null" : String(key.value);
}

function scalarValue(scalar: Scalar): string | number | boolean | null {
  const text = String(scalar.value ?? "");
  if (!isPlain(scalar)) return text;
  if (nullWords.has(text)) return null;
  const word = flexibleCase.test(text) ? text.toLowerCase() : "";
  if (trueWords.has(word)) return true;
  if (falseWords.has(word)) return false;
  return integer(text) ?? text;
}

/** Envoy keeps what fits 32 bits as a number and hands the rest to the JSON parser as decimal text. */
function integer(text: string): number | string | null {
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (match === null) return null;
  const [, sign, digits] = match;
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = sign === "-" ? -magnitude : magnitude;
  if (value < -(2n ** 63n) || value >= 2n ** 63n) return null;
  return value >= -(2n ** 31n) && value < 2n ** 31n ? Number(value) : String(value);
}

/** Not quoted, not a block, not tagged `!`: open to be read as a number, a boolean or null. Other tags do not matter. */
function isPlain(scalar: Scalar): boolean {
  if (scalar.tag === "!") return false;
  return scalar.type === undefined || scalar.type === Scalar.PLAIN || (scalar.tag !== undefined && scalar.tag !== "");
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** What the library says in words of YAML's grammar, for someone who looks at a file. */
const plainWords: readonly [start: string, words: string][] = [
  ["All mapping items", "YAML: this line is not indented as the other fields of its map"],
  ["All sequence items", "YAML: this line is not indented as the other items of its list"],
  [
    "Sequence item without",
    "YAML: this line is indented less than the other fields of its list item, and begins no new one",
  ],
  ["Implicit keys need", 'YAML: a field is "name: value"; is the ":" missing, or the blank after it?'],
  [
    "Nested mappings",
    "YAML: the value here goes on in the line below, which looks like a field; is that one indented too far?",
  ],
  ["Alias cannot", 'YAML: a value that begins with "*" needs quotes'],
  ["Tabs are not allowed", "YAML: a tab in the indentation; it takes blanks only"],
];

const nullWords = new Set(["", "~", "null", "Null", "NULL"]);
// yaml-cpp's IsFlexibleCase: all small, all capitals, or a capital first.
const flexibleCase = /^([a-z]+|[A-Z]+|[A-Z][a-z]+)$/;
const trueWords = new Set(["y", "yes", "true", "on"]);
const falseWords = new Set(["n", "no", "false", "off"]);
