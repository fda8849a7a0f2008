import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peer } from "../../../test/peers.ts";
import { SecretStore } from "../../config/secret-store.ts";
import { StatsSlab } from "../../observability/stats.ts";
import { BootstrapSchema } from "../../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { typeRegistry } from "../../proto/type-registry.ts";
import { bootConfig } from "../boot-config.ts";
import { parseFlags } from "../flags.ts";
import { RuntimeLayers } from "../runtime-layers.ts";
import { ServerLog } from "../server-log.ts";
import { AdminStats } from "./admin-stats.ts";
import { AdminServer } from "./server.ts";
import type { AdminState } from "./state.ts";

const envoyPath = peer("envoy");

describe.skipIf(envoyPath === null && process.env.CI !== "true")("answers as real Envoy's admin interface does", () => {
  for (const { path, ...rest } of cases()) {
    test(`${rest.method} ${path}`, async () => {
      const ours = await ask(ourPort, rest.method, path);
      const theirs = await ask(envoyPort, rest.method, path);
      expect(ours.status).toBe(theirs.status);
      // Envoy sends x-content-type-options twice where /config_dump refuses; ask() makes it one.
      expect(ours.headers).toEqual(theirs.headers);
      const mask = rest.mask ?? withoutOurs;
      expect(mask(ours.body)).toEqual(mask(theirs.body));
    });
  }
});

test("POST /runtime_modify takes form values, and an empty value takes an override away", async () => {
  state.runtime = new RuntimeLayers([{ name: "admin", kind: "admin" }]);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await ask(ourPort, "POST", "/runtime_modify", "a.b=1&c=2", form)).body).toBe("OK\n");
  await ask(ourPort, "POST", "/runtime_modify?c=");
  expect(JSON.parse((await ask(ourPort, "GET", "/runtime")).body)).toEqual({
    layers: ["admin"],
    entries: { "a.b": { final_value: "1", layer_values: ["1"] } },
  });
  state.runtime = new RuntimeLayers([]);
});

test("POST /healthcheck/fail makes /ready 503 DRAINING", async () => {
  await ask(ourPort, "POST", "/healthcheck/fail");
  expect(await ask(ourPort, "GET", "/ready")).toMatchObject({ status: 503, body: "DRAINING\n" });
  await ask(ourPort, "POST", "/healthcheck/ok");
  expect((await ask(ourPort, "GET", "//ready")).status).toBe(200);
});

/** Without Nuncio's own commands. */
function withoutOurs(help: string): string {
  return help.replace(/^ {2}\/(config_(status|history|diff)|explain)( \(POST\))?: .*\n(?: {6}.*\n)*/gm, "");
}

interface Case {
  method: string;
  path: string;
  /** Reduces a body to what must be equal. */
  mask?: (body: string) => unknown;
}

function cases(): Case[] {
  const gets = [
    "/help",
    "/nope",
    "/ready",
    "//ready",
    "/ready/",
    "/clusters",
    "/clusters?format=json",
    "/clusters?filter=x",
    "/clusters?filter=x&format=json",
    "/clusters?filter=[",
    "/listeners",
    "/listeners?format=json",
    "/listeners?format=xx",
    "/certs",
    "/init_dump",
    "/hot_restart_version",
    "/contention",
    "/quitquitquit",
    "/stats?format=nope",
    "/stats?type=nope",
    "/stats?histogram_buckets=zz",
    "/config_dump?resource=bootstrap",
    "/config_dump?resource=dynamic_listeners",
    "/config_dump?resource=nope",
    "/config_dump?resource=static_clusters&mask=cluster.name",
    "/config_dump?mask=nope",
    "/config_dump?name_regex=[",
    "/config_dump?resource=static_listeners&name_regex=zz",
  ];
  const posts = [
    "/ready",
    "/nope",
    "/logging?level=debug",
    "/logging?level=bogus",
    "/logging?http=debug",
    "/logging?nope=debug",
    "/logging?paths=http:info,admin:warning",
    "/logging?paths=zz:info",
    "/logging?level=info&http=debug",
    "/logging?group=http:debug",
    "/logging?level=info",
    "/logging",
    "/reset_counters",
    "/reopen_logs",
    "/runtime_modify",
    "/runtime_modify?a=b",
    "/stats/recentlookups/clear",
    "/cpuprofiler",
    "/cpuprofiler?enable=n",
    "/drain_listeners?graceful&skip_exit",
  ];
  return [
    ...gets.map((path) => ({ method: "GET", path })),
    ...posts.map((path) => ({ method: "POST", path })),
    { method: "DELETE", path: "/ready" },
    { method: "PUT", path: "/quitquitquit" },
    { method: "GET", path: "/", mask: () => "" },
    { method: "GET", path: "/stats/recentlookups", mask: (body) => body.replace(/total: \d+/, "") },
    { method: "GET", path: "/runtime", mask: (body) => JSON.parse(body) },
    { method: "GET", path: "/memory", mask: (body) => Object.keys(JSON.parse(body)) },
    { method: "GET", path: "/memory/tcmalloc", mask: () => "" },
    { method: "GET", path: "/server_info", mask: serverInfoShape },
    // The protobuf library changes these words from process to process, so that nobody parses what follows.
    {
      method: "GET",
      path: "/config_dump?resource=static_clusters&mask=nope",
      mask: (body) => body.replace(/goo\.gle\/debug\w+ +/, ""),
    },
    { method: "GET", path: "/config_dump", mask: dumpShape },
    { method: "GET", path: "/config_dump?include_eds", mask: dumpShape },
    { method: "GET", path: "/config_dump?mask=bootstrap.admin", mask: dumpShape },
    { method: "GET", path: "/config_dump?resource=static_listeners", mask: dumpShape },
    { method: "GET", path: "/config_dump?resource=static_route_configs", mask: dumpShape },
  ];
}

/** Keys and values as text, so that order counts, without what is the build's own. */
function serverInfoShape(body: string): string {
  const info = JSON.parse(body);
  info.version = info.version.replace(/^[0-9a-f]{40}/, "sha");
  info.uptime_current_epoch = info.uptime_all_epochs = "0s";
  for (const key of ["base_id", "config_path", "admin_address_path"]) info.command_line_options[key] = "";
  info.node.extensions = [];
  info.node.user_agent_build_version.metadata = {};
  return JSON.stringify(info, null, 1);
}

function dumpShape(body: string): string {
  const dump = JSON.parse(body, (key, value) => {
    if (key === "last_updated") return "now";
    if (key === "metadata" || key === "extensions") return undefined;
    return key === "patch" && value === 0 ? undefined : value;
  });
  return JSON.stringify(dump, null, 1);
}

interface Answer {
  status: number;
  headers: string[];
  body: string;
}

function ask(port: number, method: string, path: string, body = "", headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        const masked: string[] = [];
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          const name = response.rawHeaders[i];
          if (name === "connection") continue;
          masked.push(name === "date" ? name : `${name}: ${response.rawHeaders[i + 1]}`);
        }
        resolve({ status: response.statusCode ?? 0, headers: [...new Set(masked)].sort(), body: text });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const bootstrap = {
  admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
  node: { id: "n1", cluster: "c1" },
  static_resources: {
    listeners: [
      {
        name: "main",
        address: { pipe: { path: "" } },
        filter_chains: [
          {
            filters: [
              {
                name: "envoy.filters.network.http_connection_manager",
                typed_config: {
                  "@type":
                    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                  stat_prefix: "in",
                  route_config: {
                    name: "local",
                    virtual_hosts: [
                      { name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "back" } }] },
                    ],
                  },
                  http_filters: [
                    {
                      name: "envoy.filters.http.router",
                      typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [
      {
        name: "back",
        connect_timeout: "1s",
        load_assignment: {
          cluster_name: "back",
          endpoints: [
            { lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: 9 } } } }] },
          ],
        },
      },
    ],
  },
};

let ourPort = 0;
let envoyPort = 0;
let state: AdminState;
let server: AdminServer;
let stopEnvoy = () => {};
const folder = mkdtempSync(join(tmpdir(), "nuncio-admin-"));

beforeAll(async () => {
  const socketPath = join(folder, "listener");
  bootstrap.static_resources.listeners[0].address.pipe.path = socketPath;
  const parsed = parseFlags(["--concurrency", "1"]);
  if (parsed.kind !== "run") throw new Error(parsed.stderr);
  const { flags } = parsed;
  const boot = bootConfig(
    fromJson(BootstrapSchema, bootstrap as never, { registry: typeRegistry }),
    flags,
    new SecretStore(),
    () => ({ clusters: [], listeners: [], routes: [], scopedRoutes: [], filters: null, endpoints: [] }),
  );
  const log = new ServerLog("info", {});
  let healthFailed = false;
  const limits = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 };
  state = {
    flags,
    concurrency: 1,
    startedAtMs: Date.now(),
    serverState: () => (healthFailed ? "DRAINING" : "LIVE"),
    node: boot.node,
    configDump: boot.snapshot,
    waiting: () => ({ isServing: true, listeners: [], clusters: [] }),
    configStatus: () => ({ isServing: true, types: [] }),
    configHistory: () => [],
    explainWorld: () => {
      throw new Error("nobody asks");
    },
    certificates: () => [],
    listeners: () => [{ name: "main", addresses: [{ host: "", port: 0, path: socketPath }] }],
    clusters: () => [
      {
        name: "back",
        observabilityName: "back",
        addedViaApi: false,
        edsServiceName: "",
        defaultPriority: limits,
        highPriority: limits,
        hosts: [
          {
            address: { host: "127.0.0.1", port: 9, path: null },
            hostname: "",
            counters: { cx_connect_fail: 0, cx_total: 0, rq_error: 0, rq_success: 0, rq_timeout: 0, rq_total: 0 },
            gauges: { cx_active: 0, rq_active: 0, rq_pending_active: 0 },
            healthFlags: "",
            weight: 1,
            region: "",
            zone: "",
            subZone: "",
            canary: false,
            priority: 0,
            successRate: -1,
            localOriginSuccessRate: -1,
          },
        ],
      },
    ],
    stats: { render: () => "", resetCounters: () => {} },
    runtime: new RuntimeLayers([]),
    logLevels: log,
    setHealthFailed: (failed) => {
      healthFailed = failed;
    },
    drainListeners: () => {},
    reopenLogs: () => {},
    quit: () => {},
    profilePath: join(folder, "profile"),
    profileWorkers: () => {},
    workerHeapSnapshot: () => null,
  };
  server = new AdminServer(state, new AdminStats(new StatsSlab()));
  ourPort = (await server.listen({ host: "127.0.0.1", port: 0, path: null })).port;
  if (envoyPath !== null) envoyPort = await startEnvoy(envoyPath);
});

afterAll(() => {
  server.close();
  stopEnvoy();
  rmSync(folder, { recursive: true, force: true });
});

async function startEnvoy(path: string): Promise<number> {
  const config = join(folder, "envoy.json");
  const addressFile = join(folder, "admin");
  writeFileSync(config, JSON.stringify(bootstrap));
  writeFileSync(addressFile, "");
  const baseId = String(1000 + Math.floor(Math.random() * 30_000));
  const flags = ["-c", config, "--base-id", baseId, "--concurrency", "1", "--admin-address-path", addressFile];
  const child = spawn(path, flags, { stdio: "ignore" });
  stopEnvoy = () => child.kill("SIGKILL");
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const port = Number(readFileSync(addressFile, "utf8").split(":").pop());
    if (port > 0 && (await isReady(port))) return port;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("Envoy did not become ready");
}

async function isReady(port: number): Promise<boolean> {
  return ask(port, "GET", "/ready").then(
    (answer) => answer.status === 200,
    () => false,
  );
}
