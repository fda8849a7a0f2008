import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer, requirePeer } from "../peers.ts";

// cluster.* of /stats, by name and value, of Nuncio and of real Envoy: at rest, with a request in flight, and after it.

const kinds = ["static", "dns", "high", "unresolved", "empty", "tls:one://a"];
const moments = ["at rest", "in flight", "after"] as const;

test.for(moments)("cluster stats %s are Envoy's", (moment, context) => {
  requirePeer("envoy", context);
  const [nuncio, envoy] = sides;
  expect(nuncio?.seen[moment]?.length).toBeGreaterThan(500);
  expect(nuncio?.seen[moment]).toEqual(envoy?.seen[moment]);
});

test("what is used at rest is what Envoy has used", (context) => {
  requirePeer("envoy", context);
  const [nuncio, envoy] = sides;
  expect(nuncio?.used).toEqual(envoy?.used);
});

interface Side {
  process: ProxyProcess;
  seen: Record<(typeof moments)[number], string[]>;
  used: string[];
}

const sides: Side[] = [];
const waiting: ServerResponse[] = [];
const backend = createServer((request, response) => {
  if (request.url === "/wait") waiting.push(response);
  else response.end("at once");
});
const folder = mkdtempSync(join(tmpdir(), "nuncio-stats-"));

beforeAll(async () => {
  const envoy = peer("envoy");
  if (envoy === null) return;
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  for (const [name, command] of Object.entries({ nuncio: candidateCommand, envoy })) {
    sides.push(await observe(name, command, (backend.address() as AddressInfo).port));
  }
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map((side) => side.process.stop()));
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true });
});

async function observe(name: string, command: string, backendPort: number): Promise<Side> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const process = await startProxy(command, bootstrap(port, adminPort, backendPort), adminPort, folder, name);
  const read = async (query: string): Promise<string[]> => {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/stats?filter=^cluster\\.&${query}`)).text();
    return text.split("\n").filter((line) => !later.some((late) => line.includes(late)));
  };
  const numbers = async (): Promise<string[]> => [...(await read("type=Counters")), ...(await read("type=Gauges"))];
  const total = (lines: string[], stat: string): number =>
    lines.filter((line) => line.endsWith(`.${stat}: 1`) && !line.includes("external")).length;

  const atRest = await numbers();
  const used = await read("usedonly&type=Counters");
  used.push(...(await read("usedonly&type=Gauges")));
  const requests = ["static", "dns"].map((cluster) => fetch(`http://127.0.0.1:${port}/${cluster}`));
  await vi.waitFor(() => expect(waiting.length).toBe(2), 5000);
  let inFlight: string[] = [];
  await vi.waitFor(async () => {
    inFlight = await numbers();
    expect(total(inFlight, "upstream_rq_active")).toBe(2);
    // The names of a codec come with its first connection, in a message of their own.
    expect(inFlight.filter((line) => line.includes(".http1.response_flood:")).length).toBe(2);
  }, 5000);
  for (const response of waiting.splice(0)) response.end("at last");
  await Promise.all(requests.map(async (request) => expect(await (await request).text()).toBe("at last")));
  let after: string[] = [];
  await vi.waitFor(async () => expect(total((after = await numbers()), "upstream_rq_200")).toBe(2), 5000);
  return { process, seen: { "at rest": atRest, "in flight": inFlight, after }, used };
}

function bootstrap(port: number, adminPort: number, backendPort: number): object {
  const address = (host: string, at: number) => ({ socket_address: { address: host, port_value: at } });
  const hosts: Record<string, string> = { dns: "localhost", unresolved: "no-such-host.invalid" };
  const breakers: Record<string, object> = {
    static: { thresholds: [{ max_connections: 1, max_requests: 1, max_pending_requests: 1, track_remaining: true }] },
    high: { thresholds: [{ priority: "HIGH", max_retries: 7, max_connection_pools: 2, track_remaining: true }] },
  };
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: kinds.map((cluster) => ({
            match: { prefix: `/${cluster}` },
            route: { cluster, prefix_rewrite: "/wait" },
          })),
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  return {
    admin: { address: address("127.0.0.1", adminPort) },
    static_resources: {
      listeners: [
        {
          name: "main",
          address: address("127.0.0.1", port),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: kinds.map((name) => ({
        name,
        ...(name in hosts ? { type: "STRICT_DNS", dns_lookup_family: "V4_ONLY", dns_refresh_rate: "60s" } : {}),
        ...(name in breakers ? { circuit_breakers: breakers[name] } : {}),
        ...(name.startsWith("tls") ? { transport_socket: tls } : {}),
        load_assignment: {
          cluster_name: name,
          endpoints:
            name === "empty"
              ? []
              : [{ lb_endpoints: [{ endpoint: { address: address(hosts[name] ?? "127.0.0.1", backendPort) } }] }],
        },
      })),
    },
  };
}

const tls = {
  name: "envoy.transport_sockets.tls",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" },
};
/** What Nuncio counts when a request is over, and what it buffers elsewhere than Envoy. Envoy's remaining pools are not a double. */
const later = ["upstream_cx_tx_bytes_total", "_bytes_buffered", "remaining_cx_pools: 1844674407370955161"];
