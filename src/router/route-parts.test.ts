import { expect, test } from "vitest";
import { joinRoutes, splitRoutes } from "./route-parts.ts";
import { finish } from "./slices.ts";
import type { RouteConfigSpec } from "./spec.ts";
import { config, match, route, vhost } from "./table.test-kit.ts";

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

test.each([[[1000]], [[0, 127, 128, 129, 0, 1]], [Array.from({ length: 700 }, (_, i) => i % 3)]])(
  "virtual hosts of %j routes come together again",
  (sizes) => {
    const spec = hosts(...sizes);
    const split = splitRoutes(spec);
    if (split === null) throw new Error("it is not split");
    const { head, parts } = structuredClone(split);
    expect(head.virtualHosts).toEqual([]);
    for (const part of parts)
      expect(part.reduce((sum, { host, routes }) => sum + (host === null ? 0 : 1) + routes.length, 0)).toBeLessThan(
        129,
      );
    expect(finish(joinRoutes(head, () => parts.shift()))).toEqual(spec);
  },
);
