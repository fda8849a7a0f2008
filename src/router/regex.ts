import { RE2JS } from "re2js";
import type { Analysis } from "./regex-analysis.ts";
import { analyse } from "./regex-analysis.ts";
import { isAscii, wire } from "./text.ts";

/**
 * One regular expression with RE2's meaning (Envoy's google_re2), over wire strings (one character a byte).
 * V8's engine runs it where the pattern is proven to backtrack little; RE2JS, which never does, elsewhere.
 */
export class Regex {
  readonly source: string;
  /** Every match begins with it; "" when nothing is known. */
  readonly literalPrefix: string;
  /** Compiled at first need: most patterns run on V8 alone. */
  #compiled: RE2JS | null = null;
  readonly #whole: RegExp | null;
  readonly #part: RegExp | null;
  /** The longest input V8 may get, in characters: cost is input to the power of the pattern's degree. */
  readonly #maxWhole: number;
  readonly #maxPart: number;

  /** `source` must have passed regexError(). */
  constructor(source: string) {
    const analysis: Analysis | null = analyse(source);
    this.source = source;
    this.literalPrefix = analysis === null ? "" : analysis.literalPrefix;
    this.#whole = analysis === null ? null : new RegExp(`^(?:${analysis.pattern})$`);
    this.#part = analysis === null ? null : new RegExp(analysis.pattern, "g");
    this.#maxWhole = analysis === null ? -1 : inputLimit(analysis.degree);
    this.#maxPart = analysis === null ? -1 : inputLimit(analysis.degree + 1);
  }

  /** Whether V8 runs inputs of this length. For tests and for explain. */
  isNative(length: number): boolean {
    return length <= this.#maxWhole;
  }

  /** Whether the whole input matches. */
  matches(input: string): boolean {
    if (!isAscii(input)) {
      const text = Buffer.from(input, "latin1").toString();
      // RE2 reads UTF-8; a byte that is not UTF-8 matches nothing.
      return !text.includes("\ufffd") && this.#re2().matches(text);
    }
    if (this.#whole !== null && input.length <= this.#maxWhole) return this.#whole.test(input);
    return this.#re2().matches(input);
  }

  /** The match of the whole input and what its groups took; null where it does not match. */
  groups(input: string): readonly (string | null | undefined)[] | null {
    if (this.#whole !== null && input.length <= this.#maxWhole && isAscii(input)) return this.#whole.exec(input);
    const text = isAscii(input) ? input : Buffer.from(input, "latin1").toString();
    const matcher = this.#re2().matcher(text);
    if (text.includes("\ufffd") || !matcher.matches()) return null;
    return Array.from({ length: matcher.groupCount() + 1 }, (_, i) => wire(matcher.group(i) ?? ""));
  }

  /** Every match replaced, as RE2::GlobalReplace does: \0 to \9 are groups, \\ a backslash. */
  replaceAll(input: string, substitution: string): string {
    if (maxGroup(substitution) > this.#re2().groupCount()) return input;
    const native = this.#part !== null && input.length <= this.#maxPart && isAscii(input);
    const text = isAscii(input) ? input : Buffer.from(input, "latin1").toString();
    if (text.includes("\ufffd")) return input;
    const find = native ? nativeFinder(this.#part as RegExp, text) : re2Finder(this.#re2(), text);
    let result = "";
    let copied = 0;
    let lastEnd = -1;
    for (let at = 0; at <= text.length; ) {
      const match = find(at);
      if (match === null) break;
      result += text.slice(copied, match.start);
      copied = match.start;
      if (match.start === match.end && match.start === lastEnd) {
        // RE2 disallows an empty match at the end of the last one.
        at = match.end + 1;
        continue;
      }
      result += expand(substitution, match.groups);
      copied = match.end;
      lastEnd = match.end;
      at = match.end;
    }
    return wire(result + text.slice(copied));
  }

  #re2(): RE2JS {
    this.#compiled ??= RE2JS.compile(this.source);
    return this.#compiled;
  }
}

/** Why RE2 refuses the pattern, in RE2's words; null when it does not. */
export function regexError(source: string): string | null {
  try {
    RE2JS.compile(source);
    return null;
  } catch (error) {
    // RE2JS throws on bad syntax alone.
    return inRe2Words(error instanceof Error ? error.message : String(error));
  }
}

interface Found {
  start: number;
  end: number;
  groups: readonly (string | null | undefined)[];
}

function nativeFinder(regex: RegExp, text: string): (from: number) => Found | null {
  return (from) => {
    regex.lastIndex = from;
    const match = regex.exec(text);
    return match === null ? null : { start: match.index, end: match.index + match[0].length, groups: match };
  };
}

function re2Finder(regex: RE2JS, text: string): (from: number) => Found | null {
  const matcher = regex.matcher(text);
  return (from) => {
    if (!matcher.find(from)) return null;
    const groups: (string | null)[] = [];
    for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i));
    return { start: matcher.start(), end: matcher.end(), groups };
  };
}

function expand(substitution: string, groups: Found["groups"]): string {
  let result = "";
  for (let i = 0; i < substitution.length; i++) {
    const c = substitution[i] as string;
    if (c !== "\\") {
      result += c;
      continue;
    }
    const next = substitution[++i];
    if (next === "\\") result += "\\";
    else if (next !== undefined && next >= "0" && next <= "9") result += groups[Number(next)] ?? "";
    else return result; // RE2::Rewrite stops at an invalid escape.
  }
  return result;
}

function maxGroup(substitution: string): number {
  let max = 0;
  for (let i = 0; i < substitution.length - 1; i++) {
    if (substitution[i] !== "\\") continue;
    const next = substitution.charCodeAt(++i) - 48;
    if (next >= 0 && next <= 9) max = Math.max(max, next);
  }
  return max;
}

function inputLimit(degree: number): number {
  if (degree <= 1) return 65536;
  return degree === 2 ? 128 : -1; // 128 squared is 16k steps: some 50 µs at worst.
}

function inRe2Words(message: string): string {
  const words = /^error parsing regexp: (.*?)(?:: `([\s\S]*)`)?$/.exec(message);
  if (words === null) return message;
  const [, reason, argument] = words;
  const known = re2Words[reason as string] ?? (reason as string);
  return argument === undefined ? known : `${known}: ${argument}`;
}

/** Go's words, which RE2JS speaks, to those of the C++ library that Envoy prints. */
const re2Words: Record<string, string> = {
  "invalid or unsupported Perl syntax": "invalid perl operator",
  "missing argument to repetition operator": "no argument for repetition operator",
  "invalid nested repetition operator": "bad repetition operator",
  "invalid repeat count": "invalid repetition size",
  "missing closing )": "missing )",
  "missing closing ]": "missing ]",
  "unexpected )": "unexpected )",
  "trailing backslash at end of expression": "trailing \\",
};
