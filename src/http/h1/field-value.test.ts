import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultHttp1Options } from "./options.ts";
import { ResponseParser } from "./parser.ts";

/** What a parser makes of a response with these fields. */
function read(fields: readonly (readonly [string, string])[]): { result: number; fields: string[]; bytes: number } {
  const text = `HTTP/1.1 200 OK\r\n${fields.map(([name, value]) => `${name}:${value}\r\n`).join("")}\r\n`;
  const bytes = Buffer.from(text, "latin1");
  const parser = new ResponseParser(defaultHttp1Options);
  const result = parser.feed(bytes, 0, bytes.length);
  const { names, values, size } = parser.head;
  return { result, fields: names.slice(0, size).map((name, i) => `${name}: ${values[i]}`), bytes: parser.fieldBytes };
}

const plainValue = fc.constantFrom("", "a", "ab", "abc", "b", "ab c", "\xe9", "a".repeat(128), "a".repeat(129));
const value = fc
  .tuple(fc.constantFrom("", " ", " \t"), plainValue, fc.constantFrom("", " ", "\t "))
  .map((parts) => parts.join(""));
const field = fc.tuple(fc.constantFrom("x-a", "X-A", "x-b", "x-c"), value);

test("a value that came before is read as at the first time, and no other is taken for it", () => {
  fc.assert(
    fc.property(fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 8 }), (heads) => {
      for (const fields of [...heads, ...heads]) {
        const expected = fields.map(([name, text]) => `${name.toLowerCase()}: ${text.replace(/^[ \t]+|[ \t]+$/g, "")}`);
        const answer = read(fields);
        expect(answer.result).toBeGreaterThan(0);
        expect(answer.fields).toEqual(expected);
        expect(answer).toEqual(read(fields));
      }
    }),
  );
});

test("what may not stand in a value is refused behind one that came before", () => {
  for (let i = 0; i < 3; i++) expect(read([["x-a", " same"]]).result).toBeGreaterThan(0);
  for (const bad of [" same\0", " same\rx", " sa\x01e", " same\n"]) expect(read([["x-a", bad]]).result).toBeLessThan(0);
  expect(read([["x-a", " sameness"]]).fields).toEqual(["x-a: sameness"]);
});
