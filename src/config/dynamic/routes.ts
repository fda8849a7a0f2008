import { fromBinary } from "@bufbuild/protobuf";
import type { StatsSlab } from "../../observability/stats.ts";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseRoutes, parseVhdsSource } from "../../proxy/parse-routes.ts";
import { isolateFaults } from "../../router/isolate.ts";
import type { RouteConfigSpec } from "../../router/spec.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { keepOnly, ResourceRecords, readResource, warningText } from "./records.ts";
import { RouteReader } from "./route-reader.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";
import { DynamicHosts } from "./virtual-hosts.ts";

/** What routes that change are told to. */
export interface RouteTarget {
  putRoutes(spec: RouteConfigSpec): void;
  /** Virtual hosts that workers asked for came, or are said not to be there. */
  hostsCame(names: string[]): void;
  /** A virtual host or route with a fault is refused alone, the rest of the update taken. Runtime key nuncio.isolate_bad_routes. */
  isolatesBadRoutes(): boolean;
  log(level: "info" | "warning", message: string): void;
}

/** A route configuration as it is in force. */
interface RoutesInForce {
  message: RouteConfiguration;
  spec: RouteConfigSpec;
}

/** RDS: route configurations by name. Envoy: RdsRouteConfigSubscription. */
export class RouteTaker implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${RouteConfigurationSchema.typeName}`;
  readonly records = new ResourceRecords();
  readonly hosts: DynamicHosts;
  readonly #reader = new RouteReader();
  readonly #target: RouteTarget;
  readonly #onChange: () => void;
  /** Those that came, and those whose time to come is over. */
  readonly #settled = new Set<string>();
  /** By name, then by stat prefix of a connection manager. */
  readonly #stats = new Map<string, Map<string, SubscriptionStats>>();

  constructor(sources: ResourceSources, target: RouteTarget, onChange: () => void) {
    this.#target = target;
    this.#onChange = onChange;
    this.hosts = new DynamicHosts(sources, {
      putRoutes: (name, version, message, spec) => {
        this.records.accept(name, version, () => message, this.records.get(name)?.bytes ?? null, false);
        target.putRoutes(spec);
      },
      hostsCame: (names) => target.hostsCame(names),
      onChange,
      log: (level, message) => target.log(level, message),
    });
  }

  /** A connection manager with this stat prefix asks for a name. */
  want(name: string, statPrefix: string): void {
    let byPrefix = this.#stats.get(name);
    if (byPrefix === undefined) this.#stats.set(name, (byPrefix = new Map()));
    if (byPrefix.has(statPrefix)) return;
    byPrefix.set(
      statPrefix,
      new SubscriptionStats(`http.${statPrefix}.rds.${name}.`, ["config_reload", "update_empty"]),
    );
    this.#count(name, (stats) => stats.count("update_attempt"));
  }

  onAttempt(name: string): void {
    for (const one of this.#named(name)) this.#count(one, (stats) => stats.count("update_attempt"));
  }

  onFailure(name: string): void {
    for (const one of this.#named(name)) this.#count(one, (stats) => stats.count("update_failure"));
  }

  isSettled(name: string): boolean {
    return this.#settled.has(name) && this.hosts.isSettled(name);
  }

  forget(name: string): void {
    this.hosts.forget(name);
    this.#settled.delete(name);
    this.#stats.delete(name);
    this.records.remove(name);
    this.#reader.forget(name);
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    for (const { name: toldName, version, value } of update.resources) {
      if (value === null) continue;
      keepOnly(value);
      const sound = this.#reader.read(value.value);
      if (sound !== null) {
        this.#takeSound(sound, version, value.value, update.version);
        continue;
      }
      const problems = new Problems();
      const message = readResource(RouteConfigurationSchema, value, problems);
      const name = message?.name ?? toldName;
      const isKnown = message !== null && !problems.hasErrors && this.records.confirm(name, value.value);
      const whole = message === null || isKnown ? null : this.#read(message, problems);
      // Envoy: a first one that is refused does not keep its listener waiting.
      this.#settled.add(name);
      if (problems.hasErrors) {
        const text =
          message === null || whole === null
            ? this.records.refuse(name, version, problems, message, value.value)
            : this.records.acceptPartly(name, version, whole.message, problems, message, value.value);
        refusals.push(`${name}: ${text}`);
        this.#count(name, (stats) => stats.count("update_rejected"));
      } else this.#count(name, (stats) => stats.onSuccess(update.version, Date.now()));
      if (whole === null) continue;
      if (!problems.hasErrors) this.records.accept(name, version, () => whole.message, value.value, false);
      const warnings = warningText(problems);
      if (warnings !== "") this.#target.log("info", `routes ${name}: ${warnings}`);
      this.#count(name, (stats) => stats.count("config_reload"));
      this.#target.putRoutes(whole.spec);
    }
    for (const name of update.removed) {
      this.records.remove(name);
      this.#reader.forget(name);
    }
    this.#onChange();
    return refusals.join("\n");
  }

  /** The listener goes on without routes: 404. */
  onFetchTimeout(name: string): void {
    if (this.#settled.has(name)) return;
    this.#count(name, (stats) => stats.count("init_fetch_timeout"));
    this.#settled.add(name);
    this.#onChange();
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const byPrefix of this.#stats.values())
      for (const stats of byPrefix.values()) stats.sync(slab, setTextReadout);
    this.hosts.sync(slab, setTextReadout);
  }

  /** A message without fault and without VHDS. */
  #takeSound(spec: RouteConfigSpec, version: string, bytes: Uint8Array, updateVersion: string): void {
    const { name } = spec;
    this.#settled.add(name);
    this.#count(name, (stats) => stats.onSuccess(updateVersion, Date.now()));
    if (this.records.confirm(name, bytes)) return;
    this.hosts.forget(name);
    this.records.accept(name, version, () => fromBinary(RouteConfigurationSchema, bytes), bytes, false);
    this.#count(name, (stats) => stats.count("config_reload"));
    this.#target.putRoutes(spec);
  }

  /** What of a message can be in force: all of it; where it has faults, and those are to be isolated, what has none; null: nothing. */
  #read(message: RouteConfiguration, problems: Problems): RoutesInForce | null {
    const spec = problems.hasErrors ? null : parseRoutes(message, problems);
    if (spec !== null) return this.#withHosts(message, spec, problems);
    const sound = soundPart(message, problems);
    if (sound === null || !this.#target.isolatesBadRoutes()) return null;
    return this.#withHosts(sound.message, sound.spec, problems);
  }

  /** With the virtual hosts by VHDS; null after telling a fault. */
  #withHosts(message: RouteConfiguration, spec: RouteConfigSpec, problems: Problems): RoutesInForce | null {
    const { name, vhds } = message;
    if (vhds === undefined) {
      this.hosts.forget(name);
      return { message, spec };
    }
    const at = problems.at("vhds.config_source");
    const source = parseVhdsSource(vhds, at);
    if (source === null) return null;
    if (this.hosts.canCome(source))
      return this.hosts.take(message, spec, source, this.#stats.get(name)?.keys() ?? [], problems);
    at.error("ads", "virtual hosts come by the delta variant of xDS only, and ads_config is not of it");
    return null;
  }

  #named(name: string): Iterable<string> {
    return name === "*" ? this.#stats.keys() : [name];
  }

  #count(name: string, count: (stats: SubscriptionStats) => void): void {
    for (const stats of this.#stats.get(name)?.values() ?? []) count(stats);
  }
}

/** What has no fault; null where all has. Tells the faults, too, that were not looked for because of others. */
function soundPart(message: RouteConfiguration, problems: Problems): RoutesInForce | null {
  // The first time some may come to light: what breaks the API's rules was not parsed.
  for (let round = 0; round < 2; round++) {
    const isolated = isolateFaults(message, problems.list);
    if (isolated === null) return null;
    const more = new Problems();
    const spec = parseRoutes(isolated.message, more, isolated.refused);
    if (spec !== null) return { message: isolated.message, spec };
    problems.list.push(...more.list.filter(({ severity }) => severity === "error"));
  }
  return null;
}
