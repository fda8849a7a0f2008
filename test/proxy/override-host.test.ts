import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { chain, listener, manager, onSides, type Side, startSides } from "./sides.ts";

// Policies around others beside Envoy: hosts that requests name, and localities by weight.

const folder = mkdtempSync(join(tmpdir(), "nuncio-override-"));
const backends = new NumberedBackends();
let sides: Side[] = [];

beforeAll(async () => {
  await backends.listen(6);
  const override = policy("override_host", "OverrideHost", {
    override_host_sources: [
      { header: "X-First" },
      { metadata: { key: "none", path: [{ key: "a" }] } },
      { header: "x-second" },
    ],
    selected_host_key: { key: "chosen", path: [{ key: "a" }, { key: "b" }] },
    fallback_policy: policy("ring_hash", "RingHash", {}),
  });
  const weighted = policy("wrr_locality", "WrrLocality", {
    endpoint_picking_policy: policy("client_side_weighted_round_robin", "ClientSideWeightedRoundRobin", {}),
  });
  const routes = ["override", "weighted", "alone"].map((cluster) => ({
    match: { path: `/${cluster}` },
    route: { cluster, hash_policy: [{ header: { header_name: "x-key" } }] },
    response_headers_to_add: [{ header: { key: "x-chosen", value: "%DYNAMIC_METADATA(chosen:a:b)%" } }],
  }));
  const alone = policy("client_side_weighted_round_robin", "ClientSideWeightedRoundRobin", {});
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: {
      listeners: [listener("main", port, [chain(manager(routes), null)])],
      clusters: [
        cluster("override", { load_balancing_policy: override }),
        cluster("weighted", { load_balancing_policy: weighted }),
        cluster("alone", { load_balancing_policy: alone }),
      ],
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

test("a request goes to the first host that it names and the cluster has", async (context) => {
  requirePeer("envoy", context);
  const at = (i: number): string => `127.0.1.${i + 1}:${backends.port}`;
  const requests: string[][] = [
    [],
    [`x-first: ${at(3)}`],
    [`x-first: ${at(5)}`],
    [`x-second: ${at(4)}`],
    [`x-first: ${at(1)}`, `x-second: ${at(4)}`],
    [`x-first: 10.0.0.1:80, ${at(2)} ,${at(1)}`],
    [`x-first: ${at(2)}`, `x-first: ${at(1)}`],
    ["x-first: 10.0.0.1:80", `x-second: ${at(0)}`],
    ["x-first: nothing"],
    ["x-first: ,"],
    ["x-first:"],
  ];
  const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
    const answers = await pipeline(
      port,
      requests.map((fields) => get("/override", "x-key: k", ...fields)),
    );
    return answers.map((answer) => [numberIn(answer), /x-chosen: (\S*)/.exec(answer)?.[1]]);
  });
  expect(nuncio).toEqual(envoy);
  expect(nuncio?.[1]).toEqual(["3", at(3)]);
});

test("hosts that report no load share alike, localities by weight", async (context) => {
  requirePeer("envoy", context);
  for (const path of ["/weighted", "/alone"]) {
    const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
      const counts = [0, 0, 0, 0, 0, 0];
      for (const answer of await pipeline(
        port,
        Array.from({ length: 1200 }, () => get(path)),
      ))
        counts[Number(numberIn(answer))]++;
      return counts;
    });
    for (const [i, count] of (envoy ?? []).entries())
      expect(Math.abs(count - (nuncio?.[i] ?? 0)), path).toBeLessThan(12);
  }
});

function cluster(name: string, more: object): object {
  const locality = (zone: string, weight: number, hosts: number[]): object => ({
    locality: { zone },
    load_balancing_weight: weight,
    lb_endpoints: hosts.map((i) => backends.endpoint(i, {}, i === 5 ? { health_status: "UNHEALTHY" } : {})),
  });
  const endpoints = [locality("a", 3, [0, 1]), locality("b", 1, [2, 3, 4, 5])];
  return { name, type: "STATIC", load_assignment: { cluster_name: name, endpoints }, ...more };
}

function policy(folderName: string, name: string, config: object): object {
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${folderName}.v3.${name}`;
  return { policies: [{ typed_extension_config: { name: folderName, typed_config: { "@type": type, ...config } } }] };
}
