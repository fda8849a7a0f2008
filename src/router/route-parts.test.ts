import { expect, test } from "vitest";
import { matchesEverything, plainRoute } from "./empty-specs.ts";
import { joinRoutes, splitRoutes } from "./route-parts.ts";
import { finish } from "./slices.ts";
import type { RouteConfigSpec } from "./spec.ts";
import { config, match, route, toCluster, vhost } from "./table.test-kit.ts";

function hosts(...sizes: number[]): RouteConfigSpec {
  return config(
    sizes.map((size, i) =>
      vhost(
        [`host-${i}`],
        Array.from({ length: size }, (_, j) => route(`${i}-${j}`, match("prefix", "/"))),
      ),
    ),
  );
}

test("small configurations are left whole", () => {
  expect(splitRoutes(hosts(1, 0, 200))).toBeNull();
});

test.each([[[1000]], [[0, 511, 512, 513, 0, 1]], [Array.from({ length: 700 }, (_, i) => i % 3)]])(
  "virtual hosts of %j routes come together again",
  (sizes) => {
    const spec = hosts(...sizes);
    const split = splitRoutes(spec);
    if (split === null) throw new Error("it is not split");
    const { head, parts } = structuredClone(split);
    expect(head.virtualHosts).toEqual([]);
    for (const { hosts } of parts)
      expect(
        hosts.reduce((sum, { host, routes }) => sum + (host === null ? 0 : 1) + routes.length / 4, 0),
      ).toBeLessThan(513);
    expect(finish(joinRoutes(head, () => parts.shift()))).toEqual(spec);
  },
);

test("routes that say more than name, path and action stay whole, and those with one action share it", () => {
  const plain = match("prefix", "/");
  const one = toCluster("c");
  const said = {} as never;
  const others = [
    ...Object.keys(plainRoute)
      .filter((key) => !["name", "match", "action"].includes(key))
      .map((key) => route(key, plain, one, { [key]: said })),
    ...Object.keys(matchesEverything)
      .filter((key) => key !== "path")
      .map((key) => route(key, { ...plain, [key]: key === "caseSensitive" ? false : said })),
  ];
  const many = Array.from({ length: 600 }, (_, i) => route(`r${i}`, match("path", `/${i}`), one));
  const spec = config([vhost(["a"], [...others, ...many, ...others])]);
  const split = splitRoutes(spec);
  if (split === null) throw new Error("it is not split");
  const whole = split.parts.flatMap(({ hosts }) => hosts.flatMap(({ routes }) => routes.filter(isObject)));
  expect(whole).toHaveLength(2 * others.length);
  const parts = structuredClone(split.parts);
  const joined = finish(joinRoutes(split.head, () => parts.shift()));
  expect(joined).toEqual(spec);
  const actions = joined.virtualHosts.flatMap(({ routes }) =>
    routes.filter(({ name }) => /^r\d/.test(name)).map(({ action }) => action),
  );
  expect(new Set(actions).size).toBe(1);
});

const isObject = (value: unknown) => typeof value === "object";
