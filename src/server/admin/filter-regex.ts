import { createRequire } from "node:module";

/** A regular expression of an admin request, or what is wrong with it in RE2's words. */
export type FilterRegex = { error: null; matches: (name: string) => boolean } | { error: string; matches: null };

/** Compiles RE2 syntax. `whole`: the name must match from end to end. The library is loaded at first use. */
export function compileFilter(pattern: string, whole = false): FilterRegex {
  const { RE2JS } = load("re2js") as typeof import("re2js");
  try {
    const compiled = RE2JS.compile(pattern);
    return {
      error: null,
      matches: (name) => (whole ? compiled.matches(name) : compiled.matcher(name).find()),
    };
  } catch (error) {
    // RE2JS says "error parsing regexp: missing closing ]: `[`" where RE2 itself says "missing ]: [".
    const message = error instanceof Error ? error.message : String(error);
    const words = message.replace(/^error parsing regexp: /, "").replace("missing closing", "missing");
    return { error: words.replace(/: `(.*)`$/s, ": $1"), matches: null };
  }
}

const load = createRequire(import.meta.url);
