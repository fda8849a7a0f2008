import { expect, test } from "vitest";
import { parseJson } from "./json.ts";
import { toJson } from "./source.ts";
import { parseYaml } from "./yaml.ts";

/** Each scalar with what Envoy 1.40 makes of it, recorded from the JSON in its error messages. */
const scalars: readonly [text: string, value: string | number | boolean | null][] = [
  ["010", 8],
  ["08", "08"],
  ["0x1F", 31],
  ["0b1", "0b1"],
  ["0o10", "0o10"],
  ["-0x10", -16],
  ["-010", -8],
  ["1.5", "1.5"],
  [".5", ".5"],
  ["1e3", "1e3"],
  ["1_000", "1_000"],
  ["190:20:30", "190:20:30"],
  ["+5", 5],
  ["-0", 0],
  ["00", 0],
  ["2147483647", 2147483647],
  ["2147483648", "2147483648"],
  ["-2147483648", -2147483648],
  ["9007199254740993", "9007199254740993"],
  ["9223372036854775808", "9223372036854775808"],
  [".inf", ".inf"],
  [".nan", ".nan"],
  ["y", true],
  ["Y", true],
  ["n", false],
  ["yes", true],
  ["YES", true],
  ["yEs", "yEs"],
  ["On", true],
  ["off", false],
  ["oFF", "oFF"],
  ["True", true],
  ["tRue", "tRue"],
  ["null", null],
  ["Null", null],
  ["nUll", "nUll"],
  ["~", null],
  ['""', ""],
  ["''", ""],
  ['"~"', "~"],
  ['"5"', "5"],
  ['" 5"', " 5"],
  ["!!str 5", 5],
  ['!!int "7"', 7],
  ["!foo 8", 8],
  ["!!str yes", true],
  ["! 5", "5"],
  ["2024-01-01", "2024-01-01"],
  ["0xG", "0xG"],
  ["1 2", "1 2"],
];

for (const [text, value] of scalars) {
  test(`${text} is read as ${JSON.stringify(value)}`, () => {
    expect(yaml(`[${text}]`)).toEqual([value]);
  });
}

test("keys stay text, the last of equal ones wins, null and ~ are one", () => {
  expect(yaml("{1: a, yes: b, null: c, ~: d, 010: e, q: 1, q: 2}")).toEqual({
    1: "a",
    yes: "b",
    null: "d",
    "010": "e",
    q: 2,
  });
});

test("blocks are strings", () => {
  expect(yaml("a: |-\n  5\nb: >\n  yes\n")).toEqual({ a: "5", b: "yes\n" });
});

const faults: readonly [name: string, text: string, line: number, column: number][] = [
  ["a tab for indentation", "node:\n\tid: a", 2, 1],
  ["a line indented too little", "a:\n  - b: 1\n   c: 2", 3, 4],
  ["a map as a key", "a: 1\n{b: c}: d", 2, 1],
  ["an anchor within itself", "a: &x [1, *x]", 1, 11],
  ["an anchor that is not there", "a: *x", 1, 4],
];

for (const [name, text, line, column] of faults) {
  test(`${name} is refused where it stands`, () => {
    expect(() => parseYaml(text)).toThrow(expect.objectContaining({ at: { line, column } }));
  });
}

test("nothing but comments is no document", () => {
  expect(parseYaml("# nothing\n")).toBeNull();
});

test("JSON keeps escapes, the place of keys, and integers too long for a double", () => {
  const root = parseJson('{\n "a": "\\u00e9\\n\\/",\n "b": [1, -2.5e1, 12345678901234567890, null]}');
  expect(toJson(root)).toEqual({ a: "é\n/", b: [1, -25, "12345678901234567890", null] });
  expect(root.kind === "map" && root.entries.get("b")?.keyAt).toEqual({ line: 3, column: 2 });
});

for (const text of ["{a: 1}", '{"a" 1}', '{"a": 01}', '{"a": tru}', '["a', '{"a": 1} 2', "", '{"a": "\\x"}', "[1 2]"]) {
  test(`${JSON.stringify(text)} is no JSON`, () => {
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ name: "SourceSyntaxError" }));
  });
}

function yaml(text: string): unknown {
  const root = parseYaml(text);
  return root === null ? undefined : JSON.parse(JSON.stringify(toJson(root)));
}
