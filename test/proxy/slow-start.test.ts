import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// Slow start beside Envoy: the share of a host that is new, and of one that is not.

const folder = mkdtempSync(join(tmpdir(), "nuncio-slow-start-"));
const backends = new NumberedBackends();
let sides: Side[] = [];
const windowS = 15;
const names = ["round", "least", "old"];

beforeAll(async () => {
  await backends.listen(3);
  for (const name of names) writeEndpoints(name, [0, 1]);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    node: { id: "n", cluster: "n" },
    static_resources: {
      listeners: [
        listener("main", port, [
          chain(manager(names.map((name) => ({ match: { path: `/${name}` }, route: { cluster: name } }))), null),
        ]),
      ],
      clusters: [
        eds("round", typed("round_robin", "RoundRobin", { slow_start_config: slowStart })),
        eds("least", typed("least_request", "LeastRequest", { slow_start_config: slowStart })),
        eds("old", { lb_policy: "ROUND_ROBIN", round_robin_lb_config: { slow_start_config: slowStart } }),
      ],
    },
  }));
  // The first hosts are new until the window is over.
  await new Promise((resolve) => setTimeout(resolve, windowS * 1000 + 1000));
  for (const name of names) writeEndpoints(name, [0, 1, 2]);
  for (const side of sides) {
    for (const name of names) {
      await vi.waitFor(
        async () => {
          const stat = `cluster.${name}.membership_total`;
          expect((await statsOf(side, stat)).get(stat)).toBe(3);
        },
        { timeout: 20_000, interval: 50 },
      );
    }
  }
}, 90_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

test("a new host gets a tenth of its part, as in Envoy", async (context) => {
  requirePeer("envoy", context);
  const seen = await onSides(sides, async ({ ports: [port = 0] }) => {
    const shares: number[] = [];
    for (const name of names) {
      const answers = await pipeline(
        port,
        Array.from({ length: 630 }, () => get(`/${name}`)),
      );
      shares.push(answers.filter((answer) => numberIn(answer) === "2").length);
    }
    return shares;
  });
  // 1 of 21; of all three the same it would be 210.
  for (const shares of seen) for (const share of shares) expect(Math.abs(share - 30)).toBeLessThanOrEqual(15);
});

/** So slow that the tenth lasts four fifths of the window. */
const slowStart = { slow_start_window: `${windowS}s`, aggression: { default_value: 0.1, runtime_key: "none" } };

function typed(policy: string, name: string, config: object): object {
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${policy}.v3.${name}`;
  const extension = { name: policy, typed_config: { "@type": type, ...config } };
  return { load_balancing_policy: { policies: [{ typed_extension_config: extension }] } };
}

function eds(name: string, more: object): object {
  return {
    name,
    type: "EDS",
    eds_cluster_config: { eds_config: { path_config_source: { path: fileOf(name) } } },
    ...more,
  };
}

function fileOf(name: string): string {
  return join(folder, `${name}.json`);
}

function writeEndpoints(name: string, hosts: readonly number[]): void {
  const type = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
  const endpoints = [{ lb_endpoints: hosts.map((i) => backends.endpoint(i)) }];
  const text = JSON.stringify({
    version_info: String(hosts.length),
    resources: [{ "@type": type, cluster_name: name, endpoints }],
  });
  writeFileSync(`${fileOf(name)}.new`, text);
  renameSync(`${fileOf(name)}.new`, fileOf(name));
}
