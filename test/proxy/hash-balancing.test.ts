import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// RING_HASH and MAGLEV choose the host that real Envoy chooses: 400 keys a cluster, on the same addresses.

const folder = mkdtempSync(join(tmpdir(), "nuncio-hash-"));
const backends = new NumberedBackends();
let sides: Side[] = [];
const keys = Array.from({ length: 400 }, (_, i) => `key-${i}-${"x".repeat(i % 50)}`);

beforeAll(async () => {
  await backends.listen(10);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [listener("main", port, [{ filters: [hcm()] }])],
      clusters: Object.entries(clusters()).map(([name, config]) => ({ name, type: "STATIC", ...config(name) })),
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

describe("the host of every key is Envoy's", () => {
  for (const name of Object.keys(clusters()).filter((name) => name !== onlyDegraded)) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const requests = keys.map((key) => get(`/${name}`, `x-key: ${key}`));
      const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
        return (await pipeline(port, requests)).map(numberIn);
      });
      const differences = keys.filter((_, i) => nuncio?.[i] !== envoy?.[i]);
      expect(differences).toEqual([]);
      // Not one host for all, unless there is but one.
      expect(new Set(nuncio).size).toBe(new Set(envoy).size);
    });
  }
});

test("degraded hosts are no hosts of a ring", async (context) => {
  requirePeer("envoy", context);
  const answers = await onSides(sides, ({ ports: [port = 0] }) => pipeline(port, [get(`/${onlyDegraded}`)]));
  expect(answers.map(([answer = ""]) => numberIn(answer))).toEqual(["503", "503"]);
});

describe("a host that is busier than its part passes its keys to the hosts that Envoy takes", () => {
  for (const name of ["bounded-ring", "bounded-maglev", "bounded-weights"]) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
        const answers: Promise<unknown>[] = [];
        for (let i = 0; i < 40; i++) {
          answers.push(pipeline(port, [get(`/hold/${name}`, `x-key: ${i % 2}`)]));
          await vi.waitFor(() => expect(backends.held.length).toBe(i + 1), { timeout: 20_000, interval: 1 });
        }
        const hosts = backends.held.map(({ host }) => host);
        for (const { release } of backends.held.splice(0)) release();
        await Promise.all(answers);
        return hosts;
      });
      expect(nuncio).toEqual(envoy);
      expect(new Set(nuncio).size).toBeGreaterThan(2);
    });
  }
});

describe("a retry that avoids the hosts before goes to the hosts that Envoy takes", () => {
  for (const name of ["ring", "ring-weights", "maglev", "maglev-weights"]) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
        backends.failed = [];
        for (const key of keys.slice(0, 40)) await pipeline(port, [get(`/fail/${name}`, `x-key: ${key}`)]);
        return backends.failed;
      });
      expect(nuncio).toEqual(envoy);
      expect(nuncio?.length).toBe(120);
    });
  }
});

test("the gauges of the tables and the panic counter are Envoy's", async (context) => {
  requirePeer("envoy", context);
  const [nuncio, envoy] = sides as [Side, Side];
  const wanted = await statsOf(envoy, "hash_lb|maglev_lb|lb_healthy_panic");
  expect(wanted.size).toBeGreaterThan(40);
  await vi.waitFor(async () => {
    const found = await statsOf(nuncio, "hash_lb|maglev_lb|lb_healthy_panic");
    expect(new Map([...found].sort())).toEqual(new Map([...wanted].sort()));
  }, 20_000);
});

const onlyDegraded = "ring-all-degraded";

type Endpoints = Record<string, unknown>[];

function clusters(): Record<string, (name: string) => object> {
  const assign =
    (more: object, ...endpoints: Endpoints) =>
    (name: string): object => ({ load_assignment: { cluster_name: name, endpoints }, ...more });
  const group = (
    indexes: readonly number[],
    make: (i: number) => object,
    more: object = {},
  ): Record<string, unknown> => ({
    lb_endpoints: indexes.map(make),
    ...more,
  });
  const plain = (i: number): object => backends.endpoint(i);
  const weighted = (i: number): object => backends.endpoint(i, {}, { load_balancing_weight: [1, 7, 2, 30, 4][i % 5] });
  const named = (i: number): object => backends.endpoint(i, { hostname: `host-${i}.example` });
  const keyed = (i: number): object =>
    backends.endpoint(
      i,
      { hostname: `host-${i}.example` },
      lbMetadata(i % 3 === 2 ? { hash_key: 7 } : { hash_key: `k${i}` }),
    );
  const sick = (i: number): object =>
    backends.endpoint(i, {}, { health_status: i % 2 === 0 ? "UNHEALTHY" : "HEALTHY" });
  const verySick = (i: number): object =>
    backends.endpoint(i, {}, { health_status: i % 4 > 0 ? "UNHEALTHY" : "HEALTHY" });
  const degraded = (i: number): object =>
    backends.endpoint(i, {}, { health_status: i % 3 === 0 ? "DEGRADED" : "HEALTHY" });
  const allDegraded = (i: number): object => backends.endpoint(i, {}, { health_status: "DEGRADED" });
  const five = [0, 1, 2, 3, 4];
  const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const ring = { lb_policy: "RING_HASH" };
  const maglev = { lb_policy: "MAGLEV" };
  const byName = { consistent_hashing_lb_config: { use_hostname_for_hashing: true } };
  const bounded = (pct: number): object => ({ consistent_hashing_lb_config: { hash_balance_factor: pct } });
  const localities = [
    group([0, 1, 2], weighted, { locality: { region: "b", zone: "z" }, load_balancing_weight: 3 }),
    group([3, 4], plain, { locality: { region: "a", zone: "y" }, load_balancing_weight: 1 }),
    group([5, 6, 7], weighted, { locality: { region: "a", zone: "x" }, load_balancing_weight: 5 }),
    group([8], plain, { locality: { region: "c" } }),
  ];
  const priorities = (make: (i: number) => object): Endpoints => [
    group([0, 1, 2, 3], make, { priority: 0 }),
    group([4, 5, 6], plain, { priority: 1 }),
    group([7, 8, 9], make, { priority: 2 }),
  ];
  const weightedByLocality = { common_lb_config: { locality_weighted_lb_config: {} } };
  return {
    ring: assign(ring, group(ten, plain)),
    "ring-one": assign(ring, group([3], plain)),
    "ring-weights": assign(ring, group(ten, weighted)),
    "ring-large": assign({ ...ring, ring_hash_lb_config: { minimum_ring_size: 5000 } }, group(five, weighted)),
    "ring-small": assign(
      { ...ring, ring_hash_lb_config: { minimum_ring_size: 3, maximum_ring_size: 7 } },
      group(five, weighted),
    ),
    "ring-murmur": assign({ ...ring, ring_hash_lb_config: { hash_function: "MURMUR_HASH_2" } }, group(ten, weighted)),
    "ring-names": assign(typed("ring_hash", "RingHash", byName), group(ten, named)),
    "ring-keys": assign(ring, group(ten, keyed)),
    "ring-localities": assign({ ...ring, ...weightedByLocality }, ...localities),
    "ring-flat-localities": assign(ring, ...localities),
    "ring-sick": assign(ring, group(ten, sick)),
    "ring-panic": assign(ring, group(ten, verySick)),
    "ring-no-panic": assign(
      { ...ring, common_lb_config: { healthy_panic_threshold: { value: 0 } } },
      group(ten, verySick),
    ),
    "ring-degraded": assign(ring, group(ten, degraded)),
    [onlyDegraded]: assign(ring, group(five, allDegraded)),
    "ring-priorities": assign(ring, ...priorities(sick)),
    "ring-priorities-panic": assign(ring, ...priorities(verySick)),
    maglev: assign(maglev, group(ten, plain)),
    "maglev-weights": assign(maglev, group(ten, weighted)),
    "maglev-small": assign({ ...maglev, maglev_lb_config: { table_size: 101 } }, group(ten, weighted)),
    "maglev-names": assign(typed("maglev", "Maglev", byName), group(ten, named)),
    "maglev-keys": assign(typed("maglev", "Maglev", byName), group(ten, keyed)),
    "maglev-localities": assign({ ...maglev, ...weightedByLocality }, ...localities),
    "maglev-sick": assign(maglev, group(ten, sick)),
    "maglev-priorities": assign(maglev, ...priorities(sick)),
    "maglev-priorities-panic": assign(maglev, ...priorities(verySick)),
    "bounded-ring": assign({ ...ring, common_lb_config: bounded(120) }, group(ten, plain)),
    "bounded-maglev": assign(typed("maglev", "Maglev", bounded(100)), group(ten, plain)),
    "bounded-weights": assign({ ...maglev, common_lb_config: bounded(100) }, group(ten, weighted)),
    "typed-ring": assign(typed("ring_hash", "RingHash", {}), group(ten, weighted)),
    "typed-ring-old-names": assign(
      typed("ring_hash", "RingHash", {
        use_hostname_for_hashing: true,
        minimum_ring_size: "100",
        hash_function: "MURMUR_HASH_2",
      }),
      group(ten, named),
    ),
    "typed-ring-localities": assign(
      typed("ring_hash", "RingHash", {
        locality_weighted_lb_config: {},
        consistent_hashing_lb_config: { use_hostname_for_hashing: false },
      }),
      ...localities,
    ),
    "typed-maglev": assign(typed("maglev", "Maglev", { table_size: 1009 }), group(ten, weighted)),
    "typed-policy": assign(
      typed("maglev", "Maglev", {
        consistent_hashing_lb_config: {
          hash_policy: [
            { header: { header_name: "x-key", regex_rewrite: { pattern: { regex: "x+$" }, substitution: "" } } },
          ],
        },
      }),
      group(ten, plain),
    ),
  };
}

function typed(folderName: string, name: string, config: object): object {
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${folderName}.v3.${name}`;
  const typedConfig = {
    name: `envoy.load_balancing_policies.${folderName}`,
    typed_config: { "@type": type, ...config },
  };
  return { load_balancing_policy: { policies: [{ typed_extension_config: typedConfig }] } };
}

function lbMetadata(fields: object): object {
  return { metadata: { filter_metadata: { "envoy.lb": fields } } };
}

function hcm(): object {
  const route = (name: string, path: string, more: object): object => ({
    match: { safe_regex: { regex: path } },
    route: { cluster: name, hash_policy: [{ header: { header_name: "x-key" } }], ...more },
  });
  const previous = {
    name: "envoy.retry_host_predicates.previous_hosts",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    },
  };
  const retry = {
    retry_on: "5xx",
    num_retries: 2,
    retry_back_off: { base_interval: "0.001s" },
    retry_host_predicate: [previous],
    host_selection_retry_max_attempts: 5,
  };
  const routes = Object.keys(clusters()).flatMap((name) => [
    route(name, `(/hold)?/${name}`, {}),
    route(name, `/fail/${name}`, { retry_policy: retry }),
  ]);
  return { name: "envoy.filters.network.http_connection_manager", typed_config: manager(routes) };
}
