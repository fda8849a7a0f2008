import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "../differential/process.ts";

/** A Nuncio of its own process, started by bin/nuncio as a user would. */
export interface Nuncio {
  port: number;
  adminPort: number;
  child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | string>;
  /** A folder of its own, removed by stop(). */
  folder: string;
  /** What it printed so far. */
  output(): string;
  /** The answer of an admin endpoint. */
  admin(path: string, method?: string): Promise<{ status: number; body: string }>;
  /** The value of one counter or gauge; NaN when there is none of that name. */
  stat(name: string): Promise<number>;
  /** Resident memory in MiB. */
  rssMib(): number;
  stop(): Promise<void>;
}

export interface NuncioOptions {
  backendPort: number;
  /** Another program that reads the same bootstrap: Envoy. */
  binary?: string;
  args?: string[];
  env?: Record<string, string>;
  /** More flags for its Node. */
  nodeFlags?: readonly string[];
  /** Merged over the connection manager. */
  manager?: Record<string, unknown>;
  /** The access log's file name in `folder`; none without it. */
  accessLog?: string;
  /** Of its lines. */
  logFormat?: string;
  /** In front of the connection manager. */
  networkFilters?: object[];
  /** Merged over the listener. */
  listener?: Record<string, unknown>;
  /** Of the filter chain. */
  transportSocket?: object;
  /** Of the cluster. */
  cluster?: Record<string, unknown>;
  /** Instead of that one. */
  clusters?: object[];
  /** Merged over the bootstrap. */
  bootstrap?: Record<string, unknown>;
}

/** Node's permission model keeps its bindings back, as a later Node may. */
export const withoutBindings = [
  "--permission",
  "--allow-fs-read=*",
  "--allow-fs-write=*",
  "--allow-net",
  "--allow-worker",
] as const;

/** Starts bin/nuncio in front of one backend on loopback and waits until it serves. */
export async function startNuncio(options: NuncioOptions): Promise<Nuncio> {
  const folder = mkdtempSync(join(tmpdir(), "nuncio-test-"));
  const [port = 0, adminPort = 0] = await freePorts(2);
  const file = join(folder, "bootstrap.json");
  writeFileSync(file, JSON.stringify(bootstrap(options, port, adminPort, folder), null, 1));
  // Two Envoys of one machine would fight for one socket of hot restart.
  const args = ["-c", file, "--disable-hot-restart", ...(options.args ?? [])];
  const child = spawn(options.binary ?? binary, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...nodeWith(options.nodeFlags ?? [], folder), ...options.env },
  });
  let output = "";
  const keep = (data: Buffer) => (output += data.toString());
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const admin = async (path: string, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}${path}`, { method });
    return { status: answer.status, body: await answer.text() };
  };
  const nuncio: Nuncio = {
    port,
    adminPort,
    child,
    exited,
    folder,
    output: () => output,
    admin,
    async stat(name) {
      const { body } = await admin(`/stats?filter=^${name.replaceAll(".", "\\.")}$`);
      return Number(/: (\d+)$/m.exec(body)?.[1] ?? Number.NaN);
    },
    rssMib() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
  for (let waited = 0; waited < 60_000 && child.exitCode === null; waited += 25) {
    const ready = await admin("/ready").catch(() => null);
    if (ready?.status === 200) return nuncio;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await nuncio.stop();
  throw new Error(`bin/nuncio did not become ready:\n${output}`);
}

function nodeWith(flags: readonly string[], folder: string): Record<string, string> {
  if (flags.length === 0) return {};
  const launcher = join(folder, "node");
  writeFileSync(launcher, `#!/bin/sh\nexec "${process.execPath}" ${flags.join(" ")} "$@"\n`, { mode: 0o755 });
  return { NUNCIO_NODE: launcher };
}

function bootstrap(options: NuncioOptions, port: number, adminPort: number, folder: string): object {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "backend" } }] },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    ...(options.accessLog === undefined
      ? {}
      : { access_log: [accessLog(join(folder, options.accessLog), options.logFormat)] }),
    ...options.manager,
  };
  return {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: [
        {
          name: "main",
          address: address(port),
          filter_chains: [
            {
              filters: [
                ...(options.networkFilters ?? []),
                { name: "envoy.filters.network.http_connection_manager", typed_config: manager },
              ],
              ...(options.transportSocket === undefined ? {} : { transport_socket: options.transportSocket }),
            },
          ],
          ...options.listener,
        },
      ],
      clusters: options.clusters ?? [
        {
          name: "backend",
          type: "STATIC",
          load_assignment: {
            cluster_name: "backend",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(options.backendPort) } }] }],
          },
          ...options.cluster,
        },
      ],
    },
    ...options.bootstrap,
  };
}

function accessLog(path: string, format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %REQ(:PATH)%"): object {
  return {
    name: "envoy.access_loggers.file",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
      path,
      log_format: { text_format_source: { inline_string: `${format}\n` } },
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

const binary = fileURLToPath(new URL("../../bin/nuncio", import.meta.url));
