import { expect, test } from "vitest";
import { mergedStruct } from "./merged-struct.ts";

const cases = [
  { name: "fields of both are there", into: { a: 1 }, added: { b: 2 }, gives: { a: 1, b: 2 } },
  {
    name: "structs become one at every depth",
    into: { a: { b: { c: 1 } } },
    added: { a: { b: { d: 2 } } },
    gives: { a: { b: { c: 1, d: 2 } } },
  },
  { name: "a list goes behind a list", into: { a: [1] }, added: { a: [2, [3]] }, gives: { a: [1, 2, [3]] } },
  {
    name: "a value of another kind is replaced",
    into: { a: [1], b: {}, c: "x" },
    added: { a: 1, b: [2], c: {} },
    gives: { a: 1, b: [2], c: {} },
  },
  { name: "null replaces", into: { a: { b: 1 } }, added: { a: null }, gives: { a: null } },
];

for (const c of cases) {
  test(c.name, () => {
    const before = structuredClone(c.into);
    expect(mergedStruct(c.into, c.added)).toEqual(c.gives);
    expect(c.into).toEqual(before);
  });
}
