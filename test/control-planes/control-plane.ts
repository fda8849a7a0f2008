import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { get } from "node:http";
import { createInterface } from "node:readline";
import { until as untilSo } from "../until.ts";
import { address, type Resource } from "./test-resources.ts";

/** What a client asked for, as the server tells it. */
interface Seen {
  delta: boolean;
  type: string;
  names: string[] | null;
  unsubscribe?: string[];
  version: string;
  /** Of initial_resource_versions. */
  known: number;
  nonce: boolean;
  error?: string;
  node?: string;
}

/** A stream that a client opened. */
interface OpenedStream {
  /** Type URL; "" for ADS. */
  stream: string;
  metadata: Record<string, string[]>;
}

/** What a client posted to a control plane by REST. */
interface Posted {
  method: string;
  /** Path. */
  posted: string;
  host: string;
  headers: Record<string, string[]>;
  body: Record<string, unknown>;
}

/** A control plane on go-control-plane's own cache and server (go/main.go), which all clients get one snapshot of. */
export class ControlPlane {
  readonly seen: Seen[] = [];
  readonly streams: OpenedStream[] = [];
  readonly posts: Posted[] = [];
  readonly #child: ChildProcess;
  readonly #told = new EventEmitter();
  readonly port: Promise<number>;
  /** Its last line may be cut off. */
  #isStopping = false;

  /**
   * `listen`: an address with its port, or the path of a Unix socket; `heartbeat`: how often resources with a time to live are renewed;
   * `tls`: the files of a certificate and its key.
   */
  constructor(
    program: string,
    mode: "ads" | "per-type" | "rest",
    listen = "127.0.0.1:0",
    heartbeat = "0s",
    tls: readonly string[] = [],
  ) {
    this.#child = spawn(program, [mode, listen, heartbeat, ...tls], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.port = new Promise((resolve) => {
      lines.on("line", (text) => {
        if (this.#isStopping) return;
        const line = JSON.parse(text) as Partial<
          Seen & OpenedStream & Posted & { port: number; fault: string; held: string; set: string }
        >;
        if (line.port !== undefined) resolve(line.port);
        else if (line.held !== undefined) this.#told.emit(`held ${line.held}`);
        else if (line.set !== undefined) this.#told.emit(`set ${line.set}`);
        else if (line.fault !== undefined) throw new Error(line.fault);
        else if (line.stream !== undefined) this.streams.push(line as OpenedStream);
        else if (line.posted !== undefined) this.posts.push(line as Posted);
        else this.seen.push(line as Seen);
      });
    });
  }

  /** `ttls`: times to live by the names of resources, "2s". */
  send(version: string, resources: readonly Resource[], ttls: Record<string, string> = {}): void {
    this.#child.stdin?.write(`${JSON.stringify({ version, resources, ttls })}\n`);
  }

  /** Makes a snapshot ready to be sent at once by `sendHeld`. */
  async hold(version: string, resources: readonly Resource[]): Promise<void> {
    const held = once(this.#told, `held ${version}`);
    this.#child.stdin?.write(`${JSON.stringify({ version, resources, hold: true })}\n`);
    await held;
  }

  /** Settles when it is on its way. */
  async sendHeld(version: string): Promise<void> {
    const set = once(this.#told, `set ${version}`);
    this.#child.stdin?.write(`${JSON.stringify({ set: version })}\n`);
    await set;
  }

  /** Requests of a type by its last word. */
  of(type: string): Seen[] {
    return this.seen.filter((one) => one.type.endsWith(`.${type}`));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await gone;
  }
}

/** The variants of the protocol. */
export const modes = [
  { name: "ADS, state of the world", isAds: true, server: "ads", apiType: "GRPC" },
  { name: "ADS, delta", isAds: true, server: "ads", apiType: "DELTA_GRPC" },
  { name: "a stream for each type, state of the world", isAds: false, server: "per-type", apiType: "GRPC" },
  { name: "a stream for each type, delta", isAds: false, server: "per-type", apiType: "DELTA_GRPC" },
] as const;

/** Of an api_config_source or ads_config. */
export function apiSource(apiType: string): object {
  return {
    api_type: apiType,
    transport_api_version: "V3",
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
  };
}

/** The ConfigSource of all resources: ADS, or a stream for each type by `api`. It is waited for without end. */
export function resourceSource(isAds: boolean, api: object): object {
  return {
    ...(isAds ? { ads: {} } : { api_config_source: api }),
    resource_api_version: "V3",
    initial_fetch_timeout: "0s",
  };
}

/** The cluster of the control plane; `at`: its port on loopback, or an Address. */
export function xdsCluster(at: number | object, protocolOptions: object = {}): object {
  return {
    name: "xds",
    type: "STATIC",
    load_assignment: {
      cluster_name: "xds",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: typeof at === "number" ? address(at) : at } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
        ...protocolOptions,
      },
    },
  };
}

/** The cluster of a control plane by REST. */
export function restCluster(port: number): object {
  return {
    name: "xds",
    type: "STATIC",
    load_assignment: {
      cluster_name: "xds",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
  };
}

/** The body of what `path` and `headers` get; "" where nobody listens, the status where it is not 200. */
export function ask(port: number, path = "/", headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(response.statusCode === 200 ? body : String(response.statusCode)));
    }).on("error", () => resolve(""));
  });
}

/** Waits until it is so, also where a control plane is reconnected to. Throws when it never is. */
export function until(isSo: () => Promise<boolean>): Promise<void> {
  return untilSo(isSo, 1500);
}
