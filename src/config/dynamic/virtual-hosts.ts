import { create } from "@bufbuild/protobuf";
import type { StatsSlab } from "../../observability/stats.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import {
  type VirtualHost,
  VirtualHostSchema,
} from "../../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseRoutes } from "../../proxy/parse-routes.ts";
import { checkDomains } from "../../router/parse.ts";
import type { RouteConfigSpec, VirtualHostSpec } from "../../router/spec.ts";
import { asciiLower } from "../../router/text.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { ResourceRecords, readResource, refusalText } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";

/** Who puts route configurations into force. */
interface HostsOwner {
  /** Virtual hosts of a route configuration changed. */
  putRoutes(name: string, version: string, message: RouteConfiguration, spec: RouteConfigSpec): void;
  /** Those that workers asked for came, or are said not to be there. */
  hostsCame(names: string[]): void;
  /** Something came that a listener may have waited for. */
  onChange(): void;
  log(level: "info" | "warning", message: string): void;
}

interface Host {
  message: VirtualHost;
  spec: VirtualHostSpec;
  version: string;
  bytes: Uint8Array;
}

/** A route configuration whose virtual hosts come by VHDS. */
interface HostedConfig {
  source: ConfigSourceSpec;
  message: RouteConfiguration;
  spec: RouteConfigSpec;
  /** By stat prefix of a connection manager. */
  stats: ReadonlyMap<string, SubscriptionStats>;
}

/** VHDS: virtual hosts by "<route configuration>/<host>", all that there are and those that requests ask for. Envoy: VhdsSubscription. */
export class DynamicHosts implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${VirtualHostSchema.typeName}`;
  readonly records = new ResourceRecords();
  readonly #sources: ResourceSources;
  readonly #owner: HostsOwner;
  readonly #configs = new Map<string, HostedConfig>();
  /** By the name of the resource. */
  #hosts: ReadonlyMap<string, Host> = new Map();
  /** Who waits for a resource: numbers of workers. */
  readonly #wanted = new Map<string, Set<number>>();
  #hasAnswered = false;

  constructor(sources: ResourceSources, owner: HostsOwner) {
    this.#sources = sources;
    this.#owner = owner;
  }

  /** Whether one by one they can come from there. */
  canCome(source: ConfigSourceSpec): boolean {
    return this.#sources.isDelta(source);
  }

  /** A route configuration came; `spec` is what its own message says. What is in force is the answer; null after telling a fault. */
  take(
    message: RouteConfiguration,
    spec: RouteConfigSpec,
    source: ConfigSourceSpec,
    statPrefixes: Iterable<string>,
    problems: Problems,
  ): { message: RouteConfiguration; spec: RouteConfigSpec } | null {
    const { name } = message;
    const known = this.#configs.get(name);
    const stats = new Map(known?.stats ?? []);
    for (const statPrefix of statPrefixes) {
      if (stats.has(statPrefix)) continue;
      const prefix = `http.${statPrefix}.rds.vhds.${name}.`;
      stats.set(statPrefix, new SubscriptionStats(prefix, ["config_reload", "update_empty"]));
    }
    const config = { source, message, spec, stats };
    const whole = join(config, this.#hosts);
    checkDomains(whole.message, problems);
    if (problems.hasErrors) return null;
    this.#configs.set(name, config);
    if (known === undefined) {
      for (const one of stats.values()) one.count("update_attempt");
      this.#sources.watchAll(source, this);
    }
    return whole;
  }

  forget(name: string): void {
    this.#configs.delete(name);
  }

  /** All virtual hosts that there are at first came. */
  isSettled(name: string): boolean {
    return this.#hasAnswered || !this.#configs.has(name);
  }

  /** A worker has requests that wait for a resource, or has none any more. */
  want(worker: number, name: string, isWanted: boolean): void {
    const config = this.#configs.get(namespaceOf(name));
    if (config === undefined) return;
    const workers = this.#wanted.get(name);
    if (!isWanted) {
      if (workers?.delete(worker) === true && workers.size === 0) this.#abandon(name, config);
    } else if (workers !== undefined) workers.add(worker);
    // It came while the worker asked.
    else if (this.#isThere(name, config)) this.#owner.hostsCame([name]);
    else {
      this.#wanted.set(name, new Set([worker]));
      for (const stats of config.stats.values()) stats.count("update_attempt");
      this.#sources.addToAll(config.source, this, name);
    }
  }

  /** A worker died; so did its requests. */
  forgetWorker(worker: number): void {
    for (const name of [...this.#wanted.keys()]) this.want(worker, name, false);
  }

  onUpdate(update: XdsUpdate): string {
    this.#hasAnswered = true;
    const next = new Map(this.#hosts);
    const changed = new Set<string>();
    const refusals: string[] = [];
    for (const name of update.removed) if (next.delete(name)) changed.add(namespaceOf(name));
    for (const { name, version, value } of update.resources) {
      if (value === null) continue;
      const problems = new Problems();
      const message = readResource(VirtualHostSchema, value, problems);
      const spec = message === null || problems.hasErrors ? null : this.#parse(namespaceOf(name), message, problems);
      if (message !== null && spec !== null) next.set(name, { message, spec, version, bytes: value.value });
      if (problems.hasErrors)
        refusals.push(`${name}: ${this.records.refuse(name, version, problems, message, value.value)}`);
      changed.add(namespaceOf(name));
    }
    refusals.push(...this.#domainFaults(changed, next));
    this.#count(changed, (stats) => {
      if (refusals.length > 0) stats.count("update_rejected");
      else stats.onSuccess(update.version, Date.now());
    });
    if (refusals.length === 0) this.#accept(next, changed, update);
    this.#owner.onChange();
    return refusals.join("\n");
  }

  /** Counted by each route configuration. */
  onAttempt(): void {}

  onFailure(): void {
    this.#count(new Set(this.#configs.keys()), (stats) => stats.count("update_failure"));
  }

  onFetchTimeout(): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.#count(new Set(this.#configs.keys()), (stats) => stats.count("init_fetch_timeout"));
    this.#owner.onChange();
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const { stats } of this.#configs.values()) for (const one of stats.values()) one.sync(slab, setTextReadout);
  }

  #accept(next: ReadonlyMap<string, Host>, changed: ReadonlySet<string>, update: XdsUpdate): void {
    this.#hosts = next;
    for (const [name, { version, message, bytes }] of next)
      if (!this.records.confirm(name, bytes)) this.records.accept(name, version, () => message, bytes, false);
    for (const { name } of this.records.all()) if (!next.has(name)) this.records.remove(name);
    for (const name of changed) {
      const config = this.#configs.get(name);
      if (config === undefined) continue;
      for (const stats of config.stats.values()) stats.count("config_reload");
      const { message, spec } = join(config, next);
      this.#owner.putRoutes(name, update.version, message, spec);
    }
    // One without a value is said not to be there.
    const came = update.resources.flatMap(({ name, aliases }) => [name, ...aliases]);
    const awaited = came.filter((name) => this.#wanted.delete(name));
    if (awaited.length > 0) this.#owner.hostsCame(awaited);
  }

  /** What the virtual host alone says. Its domains are checked among all. */
  #parse(configName: string, host: VirtualHost, problems: Problems): VirtualHostSpec | null {
    const message = create(RouteConfigurationSchema, { name: configName, virtualHosts: [host] });
    const maxBytes = this.#configs.get(configName)?.message.maxDirectResponseBodySizeBytes;
    if (maxBytes !== undefined) message.maxDirectResponseBodySizeBytes = maxBytes;
    return parseRoutes(message, problems)?.virtualHosts[0] ?? null;
  }

  #domainFaults(changed: ReadonlySet<string>, hosts: ReadonlyMap<string, Host>): string[] {
    return [...changed].flatMap((name) => {
      const config = this.#configs.get(name);
      const problems = new Problems();
      if (config !== undefined) checkDomains(join(config, hosts).message, problems);
      return problems.hasErrors ? [`${name}: ${refusalText(problems)}`] : [];
    });
  }

  #isThere(name: string, { message, spec }: HostedConfig): boolean {
    if (this.#hosts.has(name)) return true;
    const domain = name.slice(name.lastIndexOf("/") + 1);
    const { virtualHosts } = join({ message, spec }, this.#hosts).spec;
    return virtualHosts.some(({ domains }) => domains.some((one) => asciiLower(one) === domain));
  }

  /** Nobody waits any more. Hosts are the clients' choice: what never came is not kept. */
  #abandon(name: string, config: HostedConfig): void {
    this.#wanted.delete(name);
    this.#sources.removeFromAll(config.source, this, name);
  }

  #count(names: ReadonlySet<string>, count: (stats: SubscriptionStats) => void): void {
    for (const name of names) for (const stats of this.#configs.get(name)?.stats.values() ?? []) count(stats);
  }
}

/** The route configuration with the virtual hosts that came for it behind its own. */
function join(
  { message, spec }: Pick<HostedConfig, "message" | "spec">,
  hosts: ReadonlyMap<string, Host>,
): { message: RouteConfiguration; spec: RouteConfigSpec } {
  const own = [...hosts].filter(([name]) => namespaceOf(name) === message.name).map(([, host]) => host);
  return {
    message: { ...message, virtualHosts: [...message.virtualHosts, ...own.map((host) => host.message)] },
    spec: { ...spec, virtualHosts: [...spec.virtualHosts, ...own.map((host) => host.spec)] },
  };
}

/** The route configuration of a resource: what is in front of the last "/". */
function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}
