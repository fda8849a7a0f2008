import { expect, test } from "vitest";
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
      expect(hosts.reduce((sum, { host, routes }) => sum + (host === null ? 0 : 1) + routes.length, 0)).toBeLessThan(
        513,
      );
    expect(finish(joinRoutes(head, () => parts.shift()))).toEqual(spec);
  },
);

test("routes that differ in any field stay whole, and those with one action share it", () => {
  const plain = match("prefix", "/");
  const one = toCluster("c");
  const others = [
    route("header", {
      ...plain,
      headers: [{ name: "x", string: null, range: null, present: true, invert: false, missingAsEmpty: false }],
    }),
    route("case", { ...plain, caseSensitive: false }),
    route("stats", plain, one, { statPrefix: "s" }),
    route("metadata", plain, one, { metadata: { f: { k: 1 } } }),
    route("limit", plain, one, { bodyBufferLimitBytes: 0 }),
  ];
  const many = Array.from({ length: 600 }, (_, i) => route(`r${i}`, match("path", `/${i}`), one));
  const spec = config([vhost(["a"], [...others, ...many, ...others])]);
  const split = splitRoutes(spec);
  if (split === null) throw new Error("it is not split");
  const packed = split.parts.flatMap(({ hosts }) => hosts.flatMap(({ routes }) => routes.map(Array.isArray)));
  expect(packed.filter((isPacked) => !isPacked)).toHaveLength(2 * others.length);
  const parts = structuredClone(split.parts);
  const joined = finish(joinRoutes(split.head, () => parts.shift()));
  expect(joined).toEqual(spec);
  const actions = joined.virtualHosts.flatMap(({ routes }) =>
    routes.filter(({ name }) => name.startsWith("r")).map(({ action }) => action),
  );
  expect(new Set(actions).size).toBe(1);
});
