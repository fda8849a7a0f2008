import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { textEntry } from "../config/runtime-entries.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";

/** The keys of a disk layer: a file each, named by its path with dots; null where there is no such folder. Throws on what cannot be read. Envoy: DiskLayer. */
export function readDiskLayer(folder: string): Map<string, RuntimeEntry> | null {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return null;
  const entries = new Map<string, RuntimeEntry>();
  walk(folder, "", 1, entries);
  return entries;
}

function walk(folder: string, prefix: string, depth: number, entries: Map<string, RuntimeEntry>): void {
  if (depth > maxDepth) throw new Error(`Walk recursion depth exceeded ${maxDepth}`);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) walk(path, `${prefix}${name}.`, depth + 1, entries);
    else if (stat?.isFile()) entries.set(prefix + name, textEntry(contentOf(readFileSync(path, "utf8"))));
  }
}

/** Lines that are empty or begin with "#" do not count, nor do blanks at the end. */
function contentOf(text: string): string {
  const lines = text.split("\n").filter((line) => line !== "");
  const last = lines.length - 1;
  return lines.map((line, i) => (line.startsWith("#") ? "" : i === last ? line.trimEnd() : `${line}\n`)).join("");
}

/** Envoy: DiskLayer::MaxWalkDepth. */
const maxDepth = 16;
