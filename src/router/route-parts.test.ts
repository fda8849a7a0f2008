import { expect, test } from "vitest";
import { type CompiledTable, compiledRoute } from "./compiled-table.ts";
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
        Array.from({ length: size }, (_, j) => route(`${i}-${j}`, match("prefix", `/${j}`))),
      ),
    ),
  );
}

/** What a worker has of it, with the routes unpacked into their virtual hosts. */
function joined(spec: RouteConfigSpec): RouteConfigSpec & { table: CompiledTable } {
  const split = splitRoutes(spec);
  if (split === null) throw new Error("it is not split");
  const { head, parts } = structuredClone(split);
  expect(head.virtualHosts).toEqual([]);
  for (const { hosts, whole, actions } of parts) expect(hosts.length + whole.length + actions.length).toBeLessThan(257);
  const joint = finish(joinRoutes(head, () => parts.shift()));
  const table = joint.compiled as CompiledTable;
  const virtualHosts = joint.virtualHosts.map((host, i) => {
    expect(host.routes).toEqual([]);
    const compiled = table.hosts[i];
    if (compiled === undefined) throw new Error(`host ${i} is not compiled`);
    return {
      ...host,
      routes: (spec.virtualHosts[i]?.routes ?? []).map((_, order) => compiledRoute(table, compiled, order)),
    };
  });
  return { ...joint, virtualHosts, compiled: null, table };
}

test("small configurations, and those with a matcher, are left whole", () => {
  expect(splitRoutes(hosts(1, 0, 200))).toBeNull();
  const matcher = { onNoMatch: null } as never;
  expect(
    splitRoutes(config([{ ...(hosts(1000).virtualHosts[0] as RouteConfigSpec["virtualHosts"][0]), matcher }])),
  ).toBeNull();
});

test.each([[[1000]], [[0, 511, 512, 513, 0, 1]], [Array.from({ length: 700 }, (_, i) => i % 3)]])(
  "virtual hosts of %j routes come together again",
  (sizes) => {
    const spec = hosts(...sizes);
    const { table, ...rest } = joined(spec);
    expect(rest).toEqual(spec);
    expect(table.hosts.every(({ whole }) => whole.size === 0)).toBe(true);
  },
);

test("names and paths keep their characters", () => {
  const texts = ["é", "日本", "😀", "", "plain", "\u0000"];
  const spec = config([
    vhost(
      ["a"],
      Array.from({ length: 300 }, (_, i) => route(`${texts[i % 6]}${i}`, match("path", `/${texts[(i + 1) % 6]}`))),
    ),
  ]);
  expect(joined(spec).virtualHosts).toEqual(spec.virtualHosts);
});

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
    route("regex", match("regex", "/a.*")),
    route("template", match("template", "/{a}")),
    route("connect", match("connect", "")),
    route("weighted", plain, toCluster("w", { target: { kind: "weighted", entries: [] } as never })),
  ];
  const many = Array.from({ length: 600 }, (_, i) => route(`r${i}`, match("path", `/${i}`), one));
  const spec = config([vhost(["a"], [...others, ...many, ...others])]);
  const { table, ...rest } = joined(spec);
  expect(rest).toEqual(spec);
  expect(table.hosts[0]?.whole.size).toBe(2 * others.length);
  const actions = rest.virtualHosts.flatMap(({ routes }) =>
    routes.filter(({ name }) => /^r\d/.test(name)).map(({ action }) => action),
  );
  expect(new Set(actions).size).toBe(1);
});
