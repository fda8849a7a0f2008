import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// Localities by weight beside Envoy: the share of every host, by policy, health and priority.

const folder = mkdtempSync(join(tmpdir(), "nuncio-localities-"));
const backends = new NumberedBackends();
let sides: Side[] = [];
const requests = 1500;

/** Zone, weight (null: not set), hosts; a host "3u" is unhealthy, "3d" degraded, "3*5" weighs 5. */
type Group = [zone: string, weight: number | null, hosts: string, priority?: number];
const cases: Record<string, Group[]> = {
  two: [
    ["a", 3, "0 1"],
    ["b", 1, "2 3 4"],
  ],
  "one without hosts": [
    ["a", 3, ""],
    ["b", 1, "0 1"],
    ["c", 2, "2"],
  ],
  "a weight of none": [
    ["a", 2, "0 1"],
    ["b", null, "2 3"],
  ],
  "no weights": [
    ["a", null, "0 1"],
    ["b", null, "2 3 4"],
  ],
  "one that is ill in part": [
    ["a", 1, "0 1u 2u 3u"],
    ["b", 1, "4 5 6 7"],
  ],
  "one that is ill a little": [
    ["a", 1, "0 1 2 3u"],
    ["b", 1, "4 5 6 7"],
  ],
  "one that is ill": [
    ["a", 9, "0u 1u"],
    ["b", 1, "2 3 4"],
  ],
  "all ill": [
    ["a", 3, "0u 1u"],
    ["b", 1, "2u"],
  ],
  panic: [
    ["a", 3, "0u 1u"],
    ["b", 1, "2 3u 4u"],
  ],
  "degraded ones": [
    ["a", 3, "0 1u 2d"],
    ["b", 1, "3u 4d 5d"],
  ],
  "one locality in two groups": [
    ["a", 1, "0 1"],
    ["b", 1, "2"],
    ["a", 4, "3"],
  ],
  "weights of hosts": [
    ["a", 1, "0*3 1"],
    ["b", 2, "2*5 3*2 4"],
  ],
  priorities: [
    ["a", 3, "0 1u 2u"],
    ["b", 1, "3 4u"],
    ["a", 1, "5", 1],
    ["c", 3, "6", 1],
  ],
};
const names = Object.keys(cases).flatMap((name) =>
  ["round_robin", "least_request", "legacy"].map((kind) => `${name}, ${kind}`),
);

beforeAll(async () => {
  await backends.listen(8);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [
        listener("main", port, [
          chain(manager(names.map((_, i) => ({ match: { path: `/${i}` }, route: { cluster: `c${i}` } }))), null),
        ]),
      ],
      clusters: names.map((name, i) => cluster(`c${i}`, name)),
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

describe("every host gets the share that it gets in Envoy", () => {
  for (const [i, name] of names.entries()) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await onSides(sides, async (side) => {
        const counts = new Array<number>(8).fill(0);
        const answers = await pipeline(
          side.ports[0] as number,
          Array.from({ length: requests }, () => get(`/${i}`)),
        );
        for (const answer of answers) counts[Number(numberIn(answer))]++;
        return { counts, panic: (await statsOf(side, `cluster\\.c${i}\\.lb_healthy_panic`)).size };
      });
      expect(nuncio?.panic).toBe(envoy?.panic);
      expect(nuncio?.counts.map((count) => count > 0)).toEqual(envoy?.counts.map((count) => count > 0));
      // Priorities, and least request in a locality, are drawn at random: six standard deviations.
      const isRandom = name.includes("least") || name.includes("priorities") || name.includes("degraded");
      const spread = isRandom ? 6 * Math.sqrt(2 * requests * 0.25) : 20;
      for (const [host, count] of (envoy?.counts ?? []).entries())
        if (Math.abs(count - (nuncio?.counts[host] ?? 0)) > spread) expect(nuncio?.counts).toEqual(envoy?.counts);
    });
  }
});

function cluster(name: string, kind: string): object {
  const [groups = "", policy = ""] = kind.split(", ");
  const endpoints = (cases[groups] ?? []).map(([zone, weight, hosts, priority = 0]) => ({
    locality: { zone },
    priority,
    ...(weight === null ? {} : { load_balancing_weight: weight }),
    lb_endpoints: hosts.split(" ").filter(Boolean).map(endpoint),
  }));
  const weighted = { locality_weighted_lb_config: {} };
  const typeName = policy === "round_robin" ? "RoundRobin" : "LeastRequest";
  const typed = {
    "@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${policy}.v3.${typeName}`,
    locality_lb_config: weighted,
  };
  const balancing =
    policy === "legacy"
      ? { common_lb_config: weighted }
      : { load_balancing_policy: { policies: [{ typed_extension_config: { name: policy, typed_config: typed } }] } };
  return { name, type: "STATIC", load_assignment: { cluster_name: name, endpoints }, ...balancing };
}

function endpoint(text: string): object {
  const [, number = "0", health = "", weight] = /^(\d)([ud]?)(?:\*(\d+))?$/.exec(text) ?? [];
  return backends.endpoint(
    Number(number),
    {},
    {
      ...(weight === undefined ? {} : { load_balancing_weight: Number(weight) }),
      ...(health === "" ? {} : { health_status: health === "u" ? "UNHEALTHY" : "DEGRADED" }),
    },
  );
}
