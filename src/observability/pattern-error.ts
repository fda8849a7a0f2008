import { RE2JS } from "re2js";

/** Why RE2 refuses a pattern; null where it takes it. */
export function patternError(pattern: string): string | null {
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    // RE2JS throws its syntax errors.
    return error instanceof Error ? error.message : String(error);
  }
}
