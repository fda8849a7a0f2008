import { describe, expect, test } from "vitest";
import { protobufValue } from "./protobuf-value.ts";
import { decodeBase64, simpleAtod } from "./value.ts";

describe("numbers are what absl::SimpleAtod takes", () => {
  const cases: [string, number | null][] = [
    [" 42.5\t", 42.5],
    ["+.5e1", 5],
    ["-0x1.8p-1", -0.75],
    ["-inf", Number.NEGATIVE_INFINITY],
    ["NaN", Number.NaN],
    ["1e400", Number.POSITIVE_INFINITY],
    ["", null],
    ["0x", null],
    ["0x.", null],
    ["1_0", null],
    ["+-1", null],
  ];
  for (const [text, number] of cases) test(`"${text}"`, () => expect(simpleAtod(text)).toBe(number));
});

describe("base64 may lack its padding", () => {
  const cases: [string, string | null][] = [
    ["aGVsbG8=", "hello"],
    ["aGVsbG8", "hello"],
    ["aGVsbA==", "hell"],
    ["aGVsbA=", "hell"],
    ["a", null],
    ["", null],
    ["=", null],
    ["aGVsbB==", null],
    ["YWI-", null],
  ];
  for (const [text, bytes] of cases) {
    test(`"${text}"`, () => expect(decodeBase64(text)?.toString() ?? null).toBe(bytes));
  }
});

describe("a protobuf Value of bytes", () => {
  const cases: [string, number[], unknown][] = [
    ["a string", [0x1a, 2, 0x68, 0x69], "hi"],
    ["a struct", [0x2a, 9, 0x0a, 7, 0x0a, 1, 0x61, 0x12, 2, 0x20, 1], { a: true }],
    ["nothing", [], null],
    ["a cut one", [0x1a, 9, 0x68], undefined],
  ];
  for (const [name, bytes, value] of cases) test(name, () => expect(protobufValue(Buffer.from(bytes))).toEqual(value));
});
