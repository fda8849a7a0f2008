import { Regex } from "./regex.ts";
import type { PathMatchSpec } from "./spec.ts";
import { parseUriTemplate } from "./uri-template.ts";

/** What a path is matched by, one for each path object; null where that is no regex. */
export function regexOf(path: PathMatchSpec): Regex | null {
  if (path.kind !== "regex" && path.kind !== "template") return null;
  let regex = known.get(path);
  if (regex === undefined) known.set(path, (regex = new Regex(sourceOf(path))));
  return regex;
}

function sourceOf({ kind, value }: PathMatchSpec): string {
  if (kind === "regex") return value;
  const template = parseUriTemplate(value);
  if ("error" in template) throw new Error(`parse accepted the template ${value}`);
  return template.regex;
}

const known = new WeakMap<PathMatchSpec, Regex>();
