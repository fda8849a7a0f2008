import { Regex } from "./regex.ts";
import type { PathMatchSpec } from "./spec.ts";
import { parseUriTemplate } from "./uri-template.ts";

/** What a path is matched by; null where that is no regex. */
export function regexOf(path: PathMatchSpec): Regex | null {
  if (path.kind === "regex") return new Regex(path.value);
  if (path.kind !== "template") return null;
  const template = parseUriTemplate(path.value);
  if ("error" in template) throw new Error(`parse accepted the template ${path.value}`);
  return new Regex(template.regex);
}
