import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { Regex, regexError } from "./regex.ts";

describe("patterns are refused in RE2's words", () => {
  const cases: [string, string][] = [
    ["a(?=b)", "invalid perl operator: (?="],
    ["(a", "missing ): (a"],
    ["[a", "missing ]: [a"],
    ["a**", "bad repetition operator: **"],
    ["\\8", "invalid escape sequence: \\8"],
    ["*a", "no argument for repetition operator: *"],
    ["a{1001}", "invalid repetition size: {1001}"],
    ["[z-a]", "invalid character class range: z-a"],
    ["a\\", "trailing \\"],
    [")", "unexpected ): )"],
  ];
  for (const [pattern, reason] of cases) test(pattern, () => expect(regexError(pattern)).toBe(reason));
});

describe("V8 runs what is proven to backtrack little", () => {
  const cases: [string, number, boolean][] = [
    ["/api/v[0-9]+/users/[^/]+", 60_000, true],
    ["/api/.*", 60_000, true],
    ["/api/(v1|v2)/x(/.*)?", 60_000, true],
    ["(?i)/Api/\\d+", 60_000, true],
    ["/a/.*/b/[^/]+", 100, true],
    ["/a/.*/b/[^/]+", 1000, false],
    ["(a+)+b", 1, false],
    ["(a|a)*b", 1, false],
    ["(.*)(.*)(.*)b", 1, false],
    ["(a*)*", 1, false],
    ["(?:/[^/]+)*", 1, false],
    ["\\bfoo", 1, false],
  ];
  for (const [pattern, length, isNative] of cases) {
    test(`${pattern} at ${length} characters: ${isNative}`, () =>
      expect(new Regex(pattern).isNative(length)).toBe(isNative));
  }
});

describe("literal prefixes", () => {
  const cases: [string, string][] = [
    ["/api/v[0-9]", "/api/v"],
    ["^/a\\.b.*", "/a.b"],
    ["/ab?c", "/a"],
    ["/a|/b", ""],
    ["(?i)/a", "/"],
    ["(/a)b", ""],
  ];
  for (const [pattern, prefix] of cases) test(pattern, () => expect(new Regex(pattern).literalPrefix).toBe(prefix));
});

test("both engines agree on random patterns", () => {
  const atom = fc.constantFrom(
    "a",
    "b",
    "/",
    ".",
    "[ab]",
    "[^a]",
    "\\w",
    "\\s",
    "\\.",
    "(a|b)",
    "(?:ab)",
    "(a)",
    "$",
    "^",
  );
  const part = fc
    .tuple(atom, fc.constantFrom("", "", "*", "+", "?", "{1,2}", "*?"))
    .map(([a, q]) => (a === "$" || a === "^" ? a : a + q));
  const pattern = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  const input = fc.string({ unit: fc.constantFrom("a", "b", "/", ".", "\n", " ", "\v"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, fc.array(input, { maxLength: 8 }), (source, inputs) => {
      fc.pre(regexError(source) === null);
      const regex = new Regex(source);
      const re2 = RE2JS.compile(source);
      for (const text of inputs) {
        expect([source, text, regex.matches(text)]).toEqual([source, text, re2.matches(text)]);
        if (regex.matches(text)) expect(text.startsWith(regex.literalPrefix)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

describe("substitution is RE2::GlobalReplace", () => {
  const cases: [string, string, string, string][] = [
    ["^/a/(.*)/b$", "/a/x/b", "/\\1", "/x"],
    ["b*", "abbc", "X", "XaXcX"],
    ["g(2)", "/g2/", "[\\2]", "/g2/"],
    ["(a)(b)?", "a-ab", "\\2\\1", "a-ba"],
    ["a", "/a", "\\\\", "/\\"],
    ["/(?:x|y)*", "/xy/z", "-\\0", "-/xy-/z"],
  ];
  for (const [pattern, input, substitution, expected] of cases) {
    test(`${pattern} on ${input}`, () => expect(new Regex(pattern).replaceAll(input, substitution)).toBe(expected));
  }
});

test("a pattern with UTF-8 sees the wire's bytes as UTF-8", () => {
  const bytes = Buffer.from("/é").toString("latin1");
  expect(new Regex("/é").matches(bytes)).toBe(true);
  expect(new Regex("/.").matches(bytes)).toBe(true);
  expect(new Regex("/.*").matches("/\xff")).toBe(false);
});
