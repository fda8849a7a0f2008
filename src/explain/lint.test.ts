import fc from "fast-check";
import { expect, test } from "vitest";
import { StreamInfo } from "../observability/stream-info.ts";
import { asked, table } from "../router/random-tables.test-kit.ts";
import { config, deps, linkRouteTable, match, request, route, toCluster, vhost } from "../router/table.test-kit.ts";
import { lintRoutes, unreachableRoutes } from "./lint.ts";

test("a route that is said to be unreachable never wins, in random tables", () => {
  let reported = 0;
  let lookups = 0;
  fc.assert(
    fc.property(table, fc.array(asked, { minLength: 24, maxLength: 40 }), (spec, requests) => {
      const dead = new Set(
        spec.virtualHosts.flatMap(({ routes }) => [...unreachableRoutes(routes).keys()].map((i) => routes[i]?.name)),
      );
      reported += dead.size;
      const live = linkRouteTable(spec, deps);
      for (const { path, host, headers } of requests) {
        const head = request(path, headers, host);
        head.method = path === "" ? "CONNECT" : "GET";
        const name = live.match(head, new StreamInfo(), 0.1)?.name;
        expect(name !== undefined && dead.has(name) ? name : null).toBe(null);
        lookups++;
      }
    }),
    { numRuns: 1000, endOnFailure: false },
  );
  expect(reported).toBeGreaterThan(60);
  expect(lookups).toBeGreaterThan(20_000);
}, 300_000);

const header = (name: string) => ({
  headers: [{ name, string: null, range: null, present: true, invert: false, missingAsEmpty: false }],
});
const pairs: [name: string, first: ReturnType<typeof match>, later: ReturnType<typeof match>, isDead: boolean][] = [
  ["prefix, longer prefix", match("prefix", "/a"), match("prefix", "/ab"), true],
  ["prefix, shorter prefix", match("prefix", "/ab"), match("prefix", "/a"), false],
  ["prefix, regex below it", match("prefix", "/a"), match("regex", "/a/\\d+"), true],
  ["prefix, regex beside it", match("prefix", "/a"), match("regex", "/[ab]"), false],
  ["prefix, template below it", match("prefix", "/a"), match("template", "/a/{x}"), true],
  ["separated, the path", match("pathSeparatedPrefix", "/a"), match("path", "/a"), true],
  ["separated, the same prefix", match("pathSeparatedPrefix", "/a"), match("prefix", "/a"), false],
  ["separated, a prefix below", match("pathSeparatedPrefix", "/a"), match("prefix", "/a/"), true],
  ["a path twice", match("path", "/a"), match("path", "/a"), true],
  ["regex twice", match("regex", "/a.*"), match("regex", "/a.*"), true],
  ["more conditions", match("prefix", "/", header("x")), match("prefix", "/a", { ...header("x"), grpc: true }), true],
  ["other conditions", match("prefix", "/", header("x")), match("prefix", "/a", header("y")), false],
  ["without case", match("prefix", "/A", { caseSensitive: false }), match("prefix", "/a/B"), true],
  ["with case", match("prefix", "/a"), match("prefix", "/a", { caseSensitive: false }), false],
  ["no letters", match("prefix", "/"), match("prefix", "/a", { caseSensitive: false }), true],
];

test.each(pairs)("%s", (_, first, later, isDead) => {
  expect(unreachableRoutes([route("1", first), route("2", later)])).toEqual(new Map(isDead ? [[1, 0]] : []));
});

test("findings are told in words", () => {
  const never = { runtimeFraction: { numerator: 0, denominator: 100, runtimeKey: "" } };
  const routes = [
    route("x", match("prefix", "/a", header("x"))),
    route("y", match("prefix", "/a", header("y"))),
    route("never", match("prefix", "/n", never)),
    route("slow", match("prefix", "/"), toCluster("c", { timeoutMs: 0 })),
    route("late", match("path", "/z")),
  ];
  const told = lintRoutes(config([vhost(["h"], routes)]), false).map(({ kind, where, what }) => [
    kind,
    `${where} ${what}`,
  ]);
  expect(told).toEqual([
    [
      "overlap",
      'virtual host "h" routes[1] "y" prefix "/a" has the path of routes[0] "x" prefix "/a" and other conditions: a request that meets both goes there',
    ],
    ["unreachable", 'virtual host "h" routes[2] "never" prefix "/n" can never match: its share is 0'],
    ["no_timeout", 'virtual host "h" routes[3] "slow" prefix "/" has no timeout, and no max_stream_duration'],
    [
      "unreachable",
      'virtual host "h" routes[4] "late" path "/z" can never match: routes[3] "slow" prefix "/" before it takes all of its requests',
    ],
  ]);
});
