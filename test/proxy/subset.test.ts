import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// Subsets beside Envoy: the hosts that requests with some metadata_match come to, and what is counted.

const folder = mkdtempSync(join(tmpdir(), "nuncio-subsets-"));
const backends = new NumberedBackends();
let sides: Side[] = [];

type Fields = Record<string, unknown>;
/** What the hosts are, by number. The last two are unhealthy. */
const hosts: Fields[] = [
  { version: "v1", stage: "prod" },
  { version: "v1", stage: "test" },
  { version: "v2", stage: "prod", list: ["x", "y"] },
  { version: "v2", stage: "test", list: ["y"], default: true },
  { version: 3, deep: { a: [1, { b: 2 }] } },
  { stage: "prod", single: "s" },
  { single: "s", version: "ill" },
  { version: "ill", stage: "prod" },
];
const requests: (Fields | null)[] = [
  null,
  {},
  { version: "v1" },
  { version: "v2" },
  { version: "v3" },
  { version: 3 },
  { version: "3" },
  { version: "ill" },
  { stage: "prod" },
  { stage: "none" },
  { version: "v1", stage: "prod" },
  { version: "v1", stage: "none" },
  { version: "none", stage: "prod" },
  { stage: "prod", version: "v2", other: "o" },
  { list: "x" },
  { list: "y" },
  { list: ["y"] },
  { deep: { a: [1, { b: 2 }] } },
  { single: "s" },
  { other: "o" },
  { version: "v1", fallback_list: [{ version: "none" }, { version: "v2" }] },
  { fallback_list: [{ version: "none" }] },
  { version: "v1", fallback_list: [] },
];
const keys = (...names: string[]): Fields => ({ keys: names });
const selectors = [keys("version"), keys("stage", "version"), keys("list"), keys("deep")];
const configs: Record<string, Fields> = {
  "without fallback": { subset_selectors: selectors },
  "any fallback": { fallback_policy: "ANY_ENDPOINT", subset_selectors: selectors },
  "a default": { fallback_policy: "DEFAULT_SUBSET", default_subset: { default: true }, subset_selectors: selectors },
  "a default of none": {
    fallback_policy: "DEFAULT_SUBSET",
    default_subset: { default: false },
    subset_selectors: selectors,
  },
  "a default and panic": {
    fallback_policy: "DEFAULT_SUBSET",
    default_subset: { default: 1 },
    panic_mode_any: true,
    subset_selectors: selectors,
  },
  lists: {
    list_as_any: true,
    fallback_policy: "DEFAULT_SUBSET",
    default_subset: { list: "x" },
    subset_selectors: selectors,
  },
  "fallbacks of selectors": {
    fallback_policy: "ANY_ENDPOINT",
    default_subset: { default: true },
    subset_selectors: [
      { ...keys("version"), fallback_policy: "NO_FALLBACK" },
      { ...keys("stage"), fallback_policy: "DEFAULT_SUBSET" },
      { ...keys("version", "stage"), fallback_policy: "KEYS_SUBSET", fallback_keys_subset: ["stage"] },
      { ...keys("list"), fallback_policy: "ANY_ENDPOINT" },
    ],
  },
  "a selector on the way of another": {
    fallback_policy: "ANY_ENDPOINT",
    subset_selectors: [keys("stage", "version"), { ...keys("stage"), fallback_policy: "NO_FALLBACK" }],
  },
  "single hosts": {
    subset_selectors: [
      { ...keys("single"), single_host_per_subset: true },
      { ...keys("version"), single_host_per_subset: true },
    ],
  },
  "lists of fallbacks": { metadata_fallback_policy: "FALLBACK_LIST", subset_selectors: selectors },
  "lists of fallbacks to any": {
    metadata_fallback_policy: "FALLBACK_LIST",
    fallback_policy: "ANY_ENDPOINT",
    subset_selectors: selectors,
  },
};
const redundant: Fields = { allow_redundant_keys: true, subset_selectors: [keys("stage", "version"), keys("version")] };
const names = [
  ...Object.keys(configs),
  ...Object.keys(configs).map((name) => `${name}, typed`),
  "redundant keys, typed",
  "a ring of each, typed",
];

beforeAll(async () => {
  await backends.listen(hosts.length);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [listener("main", port, [chain(manager(routes()), null)])],
      clusters: names.map((name, i) => cluster(`c${i}`, name)),
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

describe("requests come to the hosts that they come to in Envoy", () => {
  for (const [i, name] of names.entries()) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await onSides(sides, async (side) => {
        const seen: string[] = [];
        for (const [r, asked] of requests.entries()) {
          const found = new Set<string>();
          const path = get(`/${i}/${r}`, "x-key: k");
          // A first one alone: Envoy ends a connection after a 503 that others wait behind.
          const [first = ""] = await pipeline(side.ports[0] as number, [path]);
          found.add(numberIn(first));
          if (numberIn(first) !== "503") {
            for (const answer of await pipeline(
              side.ports[0] as number,
              Array.from({ length: 24 }, () => path),
            ))
              found.add(numberIn(answer));
          }
          seen.push(`${JSON.stringify(asked)} ${[...found].sort()}`);
        }
        const stats = await statsOf(side, `^cluster\\.c${i}\\.lb_subsets_(selected|fallback|fallback_panic)$`);
        return { seen, stats: [...stats].sort() };
      });
      expect(nuncio?.seen).toEqual(envoy?.seen);
      expect(nuncio?.stats).toEqual(envoy?.stats);
    });
  }
});

function routes(): object[] {
  return names.flatMap((_, i) =>
    requests.map((asked, r) => ({
      match: { path: `/${i}/${r}` },
      route: {
        ...target(i, asked, r),
        hash_policy: [{ header: { header_name: "x-key" } }],
      },
    })),
  );
}

/** Every third one by a weighted cluster, which merges its own with the route's. */
function target(i: number, asked: Fields | null, r: number): object {
  const match = (fields: Fields): object => ({ metadata_match: { filter_metadata: { "envoy.lb": fields } } });
  if (asked === null) return { cluster: `c${i}` };
  if (r % 3 > 0) return { cluster: `c${i}`, ...match(asked) };
  const [first, ...rest] = Object.entries(asked);
  return {
    weighted_clusters: { clusters: [{ name: `c${i}`, weight: 1, ...match(Object.fromEntries(rest)) }] },
    ...(first === undefined
      ? {}
      : match({ [first[0]]: first[1], ...(rest[0] === undefined ? {} : { [rest[0][0]]: "other" }) })),
  };
}

function cluster(name: string, kind: string): object {
  const endpoints = hosts.map((fields, i) =>
    backends.endpoint(
      i,
      {},
      {
        metadata: { filter_metadata: { "envoy.lb": fields } },
        health_status: i >= 6 ? "UNHEALTHY" : "HEALTHY",
      },
    ),
  );
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    ...balancing(kind),
  };
}

function balancing(kind: string): object {
  if (!kind.endsWith(", typed")) return { lb_subset_config: configs[kind] };
  const plain = kind.slice(0, -", typed".length);
  const config = plain === "redundant keys" ? redundant : (configs[plain] ?? configs["any fallback"]);
  const inner =
    plain === "a ring of each" ? policy("ring_hash", "RingHash", {}) : policy("round_robin", "RoundRobin", {});
  return { load_balancing_policy: policy("subset", "Subset", { ...config, subset_lb_policy: inner }) };
}

function policy(folderName: string, name: string, config: object): object {
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${folderName}.v3.${name}`;
  return { policies: [{ typed_extension_config: { name: folderName, typed_config: { "@type": type, ...config } } }] };
}
