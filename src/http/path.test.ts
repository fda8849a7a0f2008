import { describe, expect, test } from "vitest";
import { hasEscapedSlash, mergeSlashes, normalizePath, stripFragment, unescapeSlashes } from "./path.ts";

describe("normalizePath answers as Envoy 1.40 was seen to", () => {
  // `target → path`; "400" is null.
  const seen = `
    /a%zz → /a%zz
    /a%2 → /a%2
    /a% → /a%
    /%41%7e%2d → /A~-
    /a%2fb → /a%2fb
    /a|b"<>^\`{}[] → /a%7Cb%22%3C%3E%5E%60%7B%7D[]
    /a/./b/../c → /a/c
    /a/.. → /
    /a/. → /a/
    /a//../b → /a/b
    /../x → /x
    /a\\b → /a/b
    /a%5cb → /a%5cb
    /a%00 → 400
    /a%2e%2E/b → /a../b
    /%c3%a9 → /%c3%a9
    /a/..;/b → /b
    /a?x=/../%41 → /a?x=/../%41
    /a'b!*() → /a'b!*()
    /.a/..b → /.a/..b
    /a/%2e → /a/
    /a/;x/b → /a/;x/b
    /a/.;a/b → /a/b
    /a/b;x=1/c → /a/b;x=1/c
    /.;a/admin → /admin
    /a/..%3b/b → /a/..%3b/b
    /a/b;/../c → /a/c
    /a/%2e%2e;x/c → /a/..;x/c
    /a/..; → /
    /a/.; → /a/
    /a/...;/b → /a/...;/b
    /a/%2e;q%zz/b → /a/.;q%zz/b
    /a/%00b → 400
    /a/%7f%20%25%2F → /a/%7f%20%25%2F
    /a/\\..\\b → /a/b
    /..;/..;/x → /x
    //..;/x → /x
    /a/b/..;|/c → /a/c
    /a/..;\\x/c → /c
    /a// → /a//
    /a/./ → /a/`;
  for (const line of seen.trim().split("\n")) {
    const [target, path] = line.trim().split(" → ") as [string, string];
    test(`${target} becomes ${path}`, () => expect(normalizePath(target)).toBe(path === "400" ? null : path));
  }
});

test("slashes merge in the path and not in the query", () => {
  expect(mergeSlashes("/a//b///c/?x=//y")).toBe("/a/b/c/?x=//y");
  expect(mergeSlashes("/a?x=//y")).toBe("/a?x=//y");
  expect(mergeSlashes("///")).toBe("/");
});

test("escaped slashes are found and decoded in the path alone", () => {
  expect(hasEscapedSlash("/a%2Fb")).toBe(true);
  expect(hasEscapedSlash("/a%5cb")).toBe(true);
  expect(hasEscapedSlash("/a?%2f")).toBe(false);
  expect(unescapeSlashes("/a%2fb%5Cc%20?%2f")).toBe("/a/b\\c%20?%2f");
});

test("a fragment goes with all behind it", () => {
  expect(stripFragment("/a?b#c?d")).toBe("/a?b");
  expect(stripFragment("/a")).toBe("/a");
});
