import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// Zone-aware routing beside Envoy: which hosts get traffic, how much of it stays in the zone, and what is counted.

const folder = mkdtempSync(join(tmpdir(), "nuncio-zones-"));
const backends = new NumberedBackends();
let sides: Side[] = [];
const requests = 1500;

type Zones = Record<string, number[]>;
interface Case {
  /** Zone to hosts of the cluster. */
  zones: Zones;
  unhealthy?: number[];
  config?: object;
  legacy?: object;
  policy?: "round_robin" | "least_request" | "random";
  /** Hosts weigh their number plus one. */
  isWeighted?: boolean;
}

// The local cluster: four hosts in a, two in b.
const cases: Record<string, Case> = {
  "as many here as we are": { zones: { a: [0, 1, 2, 3], b: [4, 5] } },
  "more here than we are": { zones: { a: [0, 1, 2, 3, 4], b: [5] } },
  "fewer here than we are": { zones: { a: [0, 1], b: [2, 3, 4], c: [5, 6] } },
  "none here": { zones: { b: [0, 1, 2], c: [3, 4, 5] } },
  "only unhealthy here": { zones: { a: [0, 1], b: [2, 3, 4], c: [5, 6, 7] }, unhealthy: [0, 1] },
  "too small a cluster": { zones: { a: [0, 1], b: [2, 3] } },
  "small enough by config": { zones: { a: [0, 1, 2], b: [3] }, config: { min_cluster_size: 2 } },
  "one zone": { zones: { a: [0, 1, 2, 3, 4, 5] } },
  "switched off": { zones: { a: [0, 1, 2, 3, 4], b: [5] }, config: { routing_enabled: { value: 0 } } },
  "half of the requests": { zones: { a: [0, 1, 2, 3, 4], b: [5, 6] }, config: { routing_enabled: { value: 50 } } },
  "forced, enough here": { zones: { a: [0, 1], b: [2, 3, 4, 5] }, config: { force_local_zone: { min_size: 2 } } },
  "forced, too few here": { zones: { a: [0], b: [1, 2, 3, 4, 5] }, config: { force_local_zone: { min_size: 2 } } },
  "forced the old way": { zones: { a: [0], b: [1, 2, 3, 4, 5] }, config: { force_locality_direct_routing: true } },
  "by weight": {
    zones: { a: [0, 1, 2, 3], b: [4, 5] },
    isWeighted: true,
    config: { locality_basis: "HEALTHY_HOSTS_WEIGHT" },
  },
  "by number in spite of weights": { zones: { a: [0, 1, 2, 3], b: [4, 5] }, isWeighted: true },
  "panic that fails": {
    zones: { a: [0, 1], b: [2, 3] },
    unhealthy: [0, 1, 2],
    config: { fail_traffic_on_panic: true },
  },
  random: { zones: { a: [0, 1], b: [2, 3, 4], c: [5, 6] }, policy: "random" },
  "least request": { zones: { a: [0, 1, 2, 3, 4], b: [5] }, policy: "least_request" },
  lb_policy: { zones: { a: [0, 1, 2, 3], b: [4] }, legacy: { min_cluster_size: 5 } },
  "lb_policy in panic that fails": {
    zones: { a: [0, 1], b: [2] },
    unhealthy: [0, 1],
    legacy: { fail_traffic_on_panic: true },
  },
};
const names = Object.keys(cases);

beforeAll(async () => {
  await backends.listen(10);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    node: { id: "n", cluster: "n", locality: { region: "r", zone: "a" } },
    cluster_manager: { local_cluster_name: "local" },
    static_resources: {
      listeners: [
        listener("main", port, [
          chain(manager(names.map((_, i) => ({ match: { path: `/${i}` }, route: { cluster: `c${i}` } }))), null),
        ]),
      ],
      clusters: [
        cluster("local", { zones: { a: [0, 1, 2, 3], b: [4, 5] } }),
        ...names.map((name, i) => cluster(`c${i}`, cases[name] as Case)),
      ],
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

describe("traffic goes to the zones it goes to in Envoy", () => {
  for (const [i, name] of names.entries()) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = (await onSides(sides, async (side) => {
        const hosts = new Map<string, number>();
        // Envoy ends a connection after a 503 that others wait behind.
        const count = name.endsWith("panic that fails") ? 1 : requests;
        const answers = await pipeline(
          side.ports[0] as number,
          Array.from({ length: count }, () => get(`/${i}`)),
        );
        for (const host of answers.map(numberIn)) hosts.set(host, (hosts.get(host) ?? 0) + 1);
        return { hosts, stats: await statsOf(side, `cluster\\.c${i}\\.lb_`) };
      })) as [Seen, Seen];
      expect([...nuncio.hosts.keys()].sort()).toEqual([...envoy.hosts.keys()].sort());
      for (const [host, count] of envoy.hosts) expectNear(nuncio.hosts.get(host) ?? 0, count, host);
      // At its start Envoy finds no local cluster yet, which it tells where it is to be forced.
      const started = name.startsWith("forced") ? [] : ["local_cluster_not_ok"];
      for (const stat of ["zone_cluster_too_small", "healthy_panic", ...started]) {
        const full = `cluster.c${i}.lb_${stat}`;
        expect([stat, nuncio.stats.has(full)]).toEqual([stat, envoy.stats.has(full)]);
      }
      for (const stat of ["all_directly", "sampled", "cross_zone"]) {
        const full = `cluster.c${i}.lb_zone_routing_${stat}`;
        expectNear(nuncio.stats.get(full) ?? 0, envoy.stats.get(full) ?? 0, stat);
      }
    });
  }
});

interface Seen {
  hosts: Map<string, number>;
  stats: Map<string, number>;
}

/** Of 1,500 random requests: six standard deviations apart at most. */
function expectNear(count: number, wanted: number, what: string): void {
  const spread = 6 * Math.sqrt(2 * requests * 0.25);
  if (Math.abs(count - wanted) > spread) expect({ what, count }).toEqual({ what, count: wanted });
}

function cluster(
  name: string,
  { zones, unhealthy = [], config, legacy, policy = "round_robin", isWeighted }: Case,
): object {
  const endpoints = Object.entries(zones).map(([zone, hosts]) => ({
    locality: { region: "r", zone },
    lb_endpoints: hosts.map((i) =>
      backends.endpoint(
        i,
        {},
        {
          ...(unhealthy.includes(i) ? { health_status: "UNHEALTHY" } : {}),
          ...(isWeighted === true ? { load_balancing_weight: i + 1 } : {}),
        },
      ),
    ),
  }));
  const typeName = { round_robin: "RoundRobin", least_request: "LeastRequest", random: "Random" }[policy];
  const typed = {
    "@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${policy}.v3.${typeName}`,
    ...(config === undefined ? {} : { locality_lb_config: { zone_aware_lb_config: config } }),
  };
  const balancing =
    legacy === undefined
      ? { load_balancing_policy: { policies: [{ typed_extension_config: { name: policy, typed_config: typed } }] } }
      : { common_lb_config: { zone_aware_lb_config: legacy } };
  return { name, type: "STATIC", load_assignment: { cluster_name: name, endpoints }, ...balancing };
}
