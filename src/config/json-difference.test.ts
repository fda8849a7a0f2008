import { expect, test } from "vitest";
import { differences } from "./json-difference.ts";

const routes = (...names: string[]) => ({ routes: names.map((name) => ({ name, match: { prefix: `/${name}` } })) });

const cases: [name: string, before: unknown, after: unknown, expected: string[]][] = [
  ["nothing", { a: 1, b: [1] }, { a: 1, b: [1] }, []],
  ["a field that changed", { a: { b: 1 } }, { a: { b: 2 } }, ["a.b 1 2"]],
  ["fields that came and went", { a: 1 }, { b: [1] }, ["a 1 undefined", "b undefined [1]"]],
  ["another kind of value", { a: [1] }, { a: { b: 1 } }, ['a [1] {"b":1}']],
  [
    "an element put in front",
    routes("a", "b"),
    routes("c", "a", "b"),
    [`routes[0] undefined ${JSON.stringify(routes("c").routes[0])}`],
  ],
  [
    "an element taken out",
    routes("a", "b", "c"),
    routes("a", "c"),
    [`routes[1] ${JSON.stringify(routes("b").routes[0])} undefined`],
  ],
  [
    "an element that changed",
    routes("a", "b", "c"),
    routes("a", "d", "c"),
    ['routes[1].name "b" "d"', 'routes[1].match.prefix "/b" "/d"'],
  ],
  [
    "an element put in front of one that changed",
    { routes: [{ match: "/a", timeout: 1, cluster: "a" }] },
    { routes: [{ match: "/b" }, { match: "/a", timeout: 2, cluster: "a" }] },
    ['routes[0] undefined {"match":"/b"}', "routes[1].timeout 1 2"],
  ],
  [
    "an element taken out in front of one that changed",
    { routes: [{ match: "/b" }, { match: "/a", timeout: 2, cluster: "a" }] },
    { routes: [{ match: "/a", timeout: 1, cluster: "a" }] },
    ['routes[0] {"match":"/b"} undefined', "routes[0].timeout 2 1"],
  ],
  ["equal elements one less", [1, 1, 1], [1, 1], ["[2] 1 undefined"]],
  ["a name that is no word", { "a.b/c": 1 }, { "a.b/c": 2 }, ['["a.b/c"] 1 2']],
];
for (const [name, before, after, expected] of cases) {
  test(name, () => {
    const found = differences(before, after).map(
      (one) => `${one.path} ${JSON.stringify(one.before)} ${JSON.stringify(one.after)}`,
    );
    expect(found).toEqual(expected);
  });
}
