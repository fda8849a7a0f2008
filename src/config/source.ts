import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A place in a config text, counted from 1. */
export interface Position {
  line: number;
  column: number;
}

/** One value of a YAML or JSON text, with the place it stands at. */
export type SourceNode =
  | { kind: "scalar"; value: string | number | boolean | null; at: Position }
  | { kind: "list"; items: SourceNode[]; at: Position }
  | { kind: "map"; entries: Map<string, SourceEntry>; at: Position };

/** A value in a map. The place of its key is what a person looks for. */
export interface SourceEntry {
  keyAt: Position;
  value: SourceNode;
}

/** A text that is not YAML or JSON at all. */
export class SourceSyntaxError extends Error {
  override readonly name = "SourceSyntaxError";
  readonly at: Position;

  constructor(message: string, at: Position) {
    super(message);
    this.at = at;
  }
}

/** The plain JSON of a source tree. */
export function toJson(node: SourceNode): JsonValue {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(toJson);
    case "map": {
      const out: JsonObject = Object.create(null);
      for (const [key, entry] of node.entries) out[key] = toJson(entry.value);
      return out;
    }
  }
}

/** A parsed text and what to call it: a file's path, or `--config-yaml`. */
export interface Source {
  name: string;
  root: SourceNode;
}

/** Where a path was found. */
export interface Location extends Position {
  file: string;
}

/**
 * Where a field path stands in the texts that were merged into one message, in their order: lists follow each other,
 * of other fields the last text has the say. Goes as deep as the texts do, so that a field that is missing is placed at
 * the message which lacks it. Null where not even the first step is there.
 */
export function locate(sources: readonly Source[], path: string): Location | null {
  let nodes: { file: string; node: SourceNode; at: Position }[] = sources.map(({ name, root }) => ({
    file: name,
    node: root,
    at: root.at,
  }));
  const steps = splitPath(path);
  for (const [depth, step] of steps.entries()) {
    const next =
      typeof step === "number"
        ? itemAt(nodes, step)
        : nodes.flatMap(({ file, node }) => {
            const entry = child(node, step);
            return entry === null ? [] : [{ file, node: entry.value, at: entry.keyAt }];
          });
    if (next.length === 0) {
      if (depth === 0) return null;
      break;
    }
    nodes = next;
  }
  const found = nodes.at(-1);
  return found === undefined ? null : { file: found.file, line: found.at.line, column: found.at.column };
}

/** Steps of a path: `a.b[0]["x.y"]` is a, b, 0, x.y. */
function splitPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of path.matchAll(/\[(\d+)\]|\["(.*?)"\](?=[.[]|$)|([^.[\]]+)/g)) {
    steps.push(match[1] === undefined ? (match[2] ?? match[3]) : Number(match[1]));
  }
  return steps;
}

function child(node: SourceNode, name: string): SourceEntry | null {
  if (node.kind !== "map") return null;
  const entry = node.entries.get(name) ?? node.entries.get(camelCase(name));
  if (entry !== undefined) return entry;
  // The fields of a TypedStruct's message are one step deeper in the text than in the path.
  const value = node.entries.get("value");
  return value !== undefined && node.entries.has("@type") ? child(value.value, name) : null;
}

function itemAt<Node extends { file: string; node: SourceNode }>(nodes: readonly Node[], index: number) {
  let rest = index;
  for (const { file, node } of nodes) {
    const items = node.kind === "list" ? node.items : [node];
    const item = items[rest];
    if (item !== undefined) return [{ file, node: item, at: item.at }];
    rest -= items.length;
  }
  return [];
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
