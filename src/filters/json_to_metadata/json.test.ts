import { describe, expect, test } from "vitest";
import { JsonNumber, parseJson } from "./json.ts";

describe("numbers are texts as std::to_string makes them", () => {
  const cases: [string, string][] = [
    ["1", "1"],
    ["-0", "0"],
    ["1.0", "1.000000"],
    ["1e3", "1000.000000"],
    ["9007199254740993", "9007199254740993"],
    ["9223372036854775807", "9223372036854775807"],
    ["18446744073709551616", "18446744073709551616.000000"],
    ["1e30", "1000000000000000019884624838656.000000"],
    ["0.0000001", "0.000000"],
  ];
  for (const [json, text] of cases) {
    test(json, () => {
      const number = parseJson(Buffer.from(json));
      expect(number).toBeInstanceOf(JsonNumber);
      expect((number as JsonNumber).text()).toBe(text);
    });
  }
});

describe("no JSON", () => {
  const cases = ["", "{", "01", "1e999", "9223372036854775808", '"\\ud800"', '{"\\udc00":1}', '"\xff"', "{'a':1}"];
  for (const json of cases) {
    test(JSON.stringify(json), () => expect(parseJson(Buffer.from(json, "latin1"))).toBeUndefined());
  }
});

test("a byte order mark in front is passed over", () => {
  expect(parseJson(Buffer.from("\ufefftrue"))).toBe(true);
});
