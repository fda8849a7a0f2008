import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { tlsSocket } from "../proxy/sides.ts";
import { apiSource, until, xdsCluster } from "./control-plane.ts";
import { address, fileText, type Resource } from "./test-resources.ts";

// Listeners that wait for what a control plane does not send: /init_dump of Nuncio and of Envoy.

const root = mkdtempSync(join(tmpdir(), "nuncio-waiting-"));
const sides = [
  { name: "nuncio", command: candidateCommand, adminPort: 0 },
  { name: "envoy", command: peer("envoy") ?? "", adminPort: 0 },
].filter(({ command }) => command !== "");
const children: ChildProcess[] = [];

beforeAll(async () => {
  if (process.env.CI === "true") expect(sides).toHaveLength(2);
  for (const side of sides) {
    const folder = join(root, side.name);
    mkdirSync(folder);
    const [adminPort = 0, nobody = 0, ...ports] = await freePorts(9);
    side.adminPort = adminPort;
    writeFileSync(join(folder, "lds.yaml"), fileText(listeners(ports)));
    const bootstrap = {
      node: { id: "nuncio", cluster: "test" },
      admin: { address: address(adminPort) },
      static_resources: { clusters: [xdsCluster(nobody)] },
      dynamic_resources: {
        lds_config: { path_config_source: { path: join(folder, "lds.yaml") }, resource_api_version: "V3" },
      },
    };
    const file = join(folder, "bootstrap.json");
    writeFileSync(file, JSON.stringify(bootstrap));
    const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"];
    children.push(spawn(side.command, args, { stdio: "ignore" }));
  }
});
afterAll(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
  rmSync(root, { recursive: true });
});

test("as the process starts, /init_dump names all listeners and what each waits for", {
  timeout: 60_000,
}, async () => {
  const dumps: unknown[] = [];
  for (const { adminPort } of sides) {
    await until(async () => (await admin(adminPort, "/init_dump")).includes("RDS init"));
    expect(await admin(adminPort, "/ready")).toMatch(/INITIALIZING/);
    const dump = JSON.parse(await admin(adminPort, "/init_dump")) as Dumps;
    dumps.push(dump.unready_targets_dumps.map(withoutHash));
    expect(JSON.parse(await admin(adminPort, "/init_dump?mask=listener"))).toEqual(dump);
    expect(await admin(adminPort, "/init_dump?mask=cluster")).toBe("{}\n");
  }
  expect(dumps[0]).toContainEqual({
    name: "init manager Listener-local-init-manager tls HASH",
    target_names: ["shared target SdsApi ca", "shared target SdsApi cert"],
  });
  if (dumps.length > 1) expect(dumps[0]).toEqual(dumps[1]);
});

interface Dumps {
  unready_targets_dumps: { name: string; target_names?: string[] }[];
}

/** In an order of its own: Envoy's is that of a hash map. */
function withoutHash({ name, target_names: targets }: Dumps["unready_targets_dumps"][0]): object {
  return {
    name: name.replace(/ \d+$/, " HASH"),
    ...(targets === undefined ? {} : { target_names: targets.toSorted() }),
  };
}

/** "" where nobody listens yet. */
async function admin(port: number, path: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
  return (await answer?.text()) ?? "";
}

function listeners(ports: readonly number[]): Resource[] {
  const source = {
    resource_api_version: "V3",
    initial_fetch_timeout: "0s",
    api_config_source: apiSource("GRPC"),
  };
  const inline = { route_config: { virtual_hosts: [] } };
  const routes = (name: string) => ({ rds: { route_config_name: name, config_source: source } });
  const builder = { fragments: [{ header_value_extractor: { name: "x", element_separator: ",", index: 0 } }] };
  const scoped = {
    scoped_routes: {
      name: "scopes",
      scope_key_builder: builder,
      rds_config_source: source,
      scoped_rds: { scoped_rds_config_source: source },
    },
  };
  const cors = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors";
  const discovered = { name: "discovered", config_discovery: { config_source: source, type_urls: [cors] } };
  const tls = (certificate: string, authority: string | null) => ({
    transport_socket: tlsSocket("Downstream", {
      common_tls_context: {
        tls_certificate_sds_secret_configs: [{ name: certificate, sds_config: source }],
        ...(authority === null
          ? {}
          : { validation_context_sds_secret_config: { name: authority, sds_config: source } }),
      },
    }),
  });
  const chains: Record<string, object[]> = {
    plain: [chain(inline)],
    one: [chain(routes("routes"))],
    two: [chain(routes("routes"))],
    tls: [{ ...chain(inline), ...tls("cert", "ca") }],
    scoped: [chain(scoped)],
    filter: [chain(inline, [discovered])],
    both: [
      { ...chain(routes("more"), [discovered]), ...tls("other", null), filter_chain_match: { server_names: ["a"] } },
      { ...chain(routes("rest")), ...tls("other", null) },
    ],
  };
  return Object.entries(chains).map(([name, filter_chains], i) => ({
    "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
    name,
    address: address(ports[i] ?? 0),
    filter_chains,
  }));
}

/** A filter chain of a connection manager. */
function chain(routes: object, filters: readonly object[] = []): object {
  const router = {
    name: "router",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
  };
  const type = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  const manager = { "@type": type, stat_prefix: "in", http_filters: [...filters, router], ...routes };
  return { filters: [{ name: "manager", typed_config: manager }] };
}
