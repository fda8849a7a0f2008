import type { StatsSlab } from "../../observability/stats.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import {
  type ScopedRouteConfiguration,
  ScopedRouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/scoped_route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseScope } from "../../proxy/parse-scoped-routes.ts";
import type { ScopedRoutesSpec, ScopeSetSpec, ScopeSpec } from "../../proxy/spec.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { ResourceRecords, readResource } from "./records.ts";
import type { RouteTaker } from "./routes.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";
import type { Wait } from "./waiting.ts";

/** What scopes that change are told to. */
export interface ScopeTarget {
  putScopes(set: ScopeSetSpec): void;
  log(level: "info" | "warning", message: string): void;
}

/** Who owns the scopes. */
interface ScopeOwner {
  /** Something came that a listener may have waited for. */
  onChange(): void;
  /** No scope of a set asks for these routes any more. */
  dropRoutes(name: string, source: ConfigSourceSpec): void;
}

/** Scopes of a source as they are in force. */
export interface DumpedScopes {
  /** ScopedRoutes.name */
  name: string;
  version: string;
  updatedAt: Date;
  messages: ScopedRouteConfiguration[];
}

/** SRDS: the scopes of connection managers, and the routes that they name. Envoy: ScopedRdsConfigSubscription. */
export class DynamicScopes {
  readonly #routes: RouteTaker;
  readonly #sources: ResourceSources;
  readonly #target: ScopeTarget;
  readonly #owner: ScopeOwner;
  readonly #sets = new Map<string, ScopeSet>();

  constructor(routes: RouteTaker, sources: ResourceSources, target: ScopeTarget, owner: ScopeOwner) {
    this.#routes = routes;
    this.#sources = sources;
    this.#target = target;
    this.#owner = owner;
  }

  /** A connection manager asks for its scopes. */
  want(spec: ScopedRoutesSpec, statPrefix: string): void {
    const scoped = spec.scopedRds;
    if (scoped === null) return;
    const known = this.#sets.get(scoped.setId);
    const set = known ?? new ScopeSet(scoped.setId, this.#routes, this.#sources, this.#target, this.#owner);
    set.addUser(spec.name, statPrefix, scoped.rdsSource);
    if (known !== undefined) return;
    this.#sets.set(scoped.setId, set);
    this.#sources.watchAll(scoped.source, set);
  }

  /** Its scopes came, and the routes of all. */
  isSettled(spec: ScopedRoutesSpec): boolean {
    return this.#sets.get(spec.scopedRds?.setId ?? "")?.isSettled ?? true;
  }

  /** The scopes themselves, or the routes of some. */
  waitsOf(spec: ScopedRoutesSpec): Wait[] {
    return this.#sets.get(spec.scopedRds?.setId ?? "")?.waits ?? [];
  }

  /** No connection manager asks for these scopes any more. */
  forget(spec: ScopedRoutesSpec): void {
    const scoped = spec.scopedRds;
    const set = this.#sets.get(scoped?.setId ?? "");
    if (scoped === null || set === undefined) return;
    this.#sets.delete(scoped.setId);
    this.#sources.unwatchAll(scoped.source, set);
    set.clear();
  }

  wantsRoutes(name: string): boolean {
    return [...this.#sets.values()].some((set) => set.wantsRoutes(name));
  }

  dump(): DumpedScopes[] {
    return [...this.#sets.values()].flatMap((set) => set.dump());
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const set of this.#sets.values()) set.sync(slab, setTextReadout);
  }
}

/** By the name of the resource. */
type Scopes = ReadonlyMap<string, Scope>;

interface Scope {
  spec: ScopeSpec;
  message: ScopedRouteConfiguration;
  version: string;
  bytes: Uint8Array;
}

/** A connection manager that uses the scopes of a set. */
interface ScopeUser {
  name: string;
  statPrefix: string;
  stats: SubscriptionStats;
  rdsSource: ConfigSourceSpec;
}

/** The scopes of one source. */
class ScopeSet implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${ScopedRouteConfigurationSchema.typeName}`;
  readonly #setId: string;
  readonly #routes: RouteTaker;
  readonly #sources: ResourceSources;
  readonly #target: ScopeTarget;
  readonly #owner: ScopeOwner;
  readonly #users: ScopeUser[] = [];
  readonly records = new ResourceRecords();
  #scopes: Scopes = new Map();
  #version = "";
  #updatedAt = new Date();
  #hasAnswered = false;

  constructor(setId: string, routes: RouteTaker, sources: ResourceSources, target: ScopeTarget, owner: ScopeOwner) {
    this.#setId = setId;
    this.#routes = routes;
    this.#sources = sources;
    this.#target = target;
    this.#owner = owner;
  }

  addUser(name: string, statPrefix: string, rdsSource: ConfigSourceSpec): void {
    if (this.#users.some((user) => user.name === name && user.statPrefix === statPrefix)) return;
    const prefix = `http.${statPrefix}.scoped_rds.${name}.`;
    const user = {
      name,
      statPrefix,
      rdsSource,
      stats: new SubscriptionStats(prefix, ["config_reload", "update_empty"]),
    };
    this.#users.push(user);
    for (const routes of this.#routeNames(this.#scopes)) this.#askForRoutes(user, routes);
  }

  get isSettled(): boolean {
    return this.#hasAnswered && [...this.#routeNames(this.#scopes)].every((name) => this.#routes.isSettled(name));
  }

  get waits(): Wait[] {
    if (!this.#hasAnswered) return [{ kind: "scopes", name: "" }];
    const missing = [...this.#routeNames(this.#scopes)].filter((name) => !this.#routes.isSettled(name));
    return missing.map((name) => ({ kind: "routes", name }));
  }

  wantsRoutes(name: string): boolean {
    return this.#routeNames(this.#scopes).has(name);
  }

  clear(): void {
    this.#replace(new Map());
  }

  onUpdate(update: XdsUpdate): string {
    const next = new Map(update.isWholeState ? [] : this.#scopes);
    for (const name of update.removed) next.delete(name);
    const refusals: string[] = [];
    const seen = new Set<string>();
    for (const { name: toldName, version, value } of update.resources) {
      if (value === null) {
        const known = this.#scopes.get(toldName);
        if (known !== undefined) next.set(toldName, known);
        continue;
      }
      const problems = new Problems();
      const message = readResource(ScopedRouteConfigurationSchema, value, problems);
      const name = message?.name ?? toldName;
      if (message !== null && seen.has(name)) refusals.push(`duplicate scoped route configuration '${name}' found`);
      seen.add(name);
      const spec = message === null || problems.hasErrors ? null : parseScope(message, problems);
      if (message !== null && spec !== null) next.set(name, { spec, message, version, bytes: value.value });
      if (!problems.hasErrors) continue;
      refusals.push(`${name}: ${this.records.refuse(name, version, problems, message, value.value)}`);
    }
    if (refusals.length === 0) refusals.push(...conflicts(next));
    this.#hasAnswered = true;
    if (refusals.length === 0) this.#accept(next, update.version);
    else for (const { stats } of this.#users) stats.count("update_rejected");
    this.#owner.onChange();
    return refusals.length === 0 ? "" : `Error adding/updating scoped route(s): ${refusals.join("\n")}`;
  }

  onAttempt(): void {
    for (const { stats } of this.#users) stats.count("update_attempt");
  }

  onFailure(): void {
    for (const { stats } of this.#users) stats.count("update_failure");
  }

  onFetchTimeout(): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    for (const { stats } of this.#users) stats.count("init_fetch_timeout");
    this.#owner.onChange();
  }

  dump(): DumpedScopes[] {
    const messages = [...this.#scopes.values()].map(({ message }) => message);
    return this.#users.map(({ name }) => ({ name, version: this.#version, updatedAt: this.#updatedAt, messages }));
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    const withRds = [...this.#scopes.values()].filter(({ spec }) => spec.routeConfig === null).length;
    for (const { name, statPrefix, stats } of this.#users) {
      stats.sync(slab, setTextReadout);
      const prefix = `http.${statPrefix}.scoped_rds.${name}.`;
      slab.values[slab.gauge(`${prefix}all_scopes`)] = this.#scopes.size;
      slab.values[slab.gauge(`${prefix}active_scopes`)] = withRds;
      slab.gauge(`${prefix}on_demand_scopes`);
    }
  }

  #accept(next: Scopes, version: string): void {
    // Envoy: what only takes scopes away is no new version.
    if (next.size > 0) {
      this.#version = version;
      this.#updatedAt = new Date();
    }
    for (const { stats } of this.#users) {
      stats.onSuccess(version, Date.now());
      stats.count("config_reload");
    }
    this.#replace(next);
  }

  /** New routes are asked for before those that nobody wants any more are dropped. */
  #replace(next: Scopes): void {
    const before = this.#routeNames(this.#scopes);
    const after = this.#routeNames(next);
    this.#scopes = next;
    for (const [name, { version, message, bytes }] of next)
      if (!this.records.confirm(name, bytes)) this.records.accept(name, version, () => message, bytes, false);
    for (const { name } of this.records.all()) if (!next.has(name)) this.records.remove(name);
    this.#target.putScopes({ name: this.#setId, scopes: [...next.values()].map(({ spec }) => spec) });
    for (const name of after) if (!before.has(name)) for (const user of this.#users) this.#askForRoutes(user, name);
    for (const name of before) {
      if (!after.has(name)) for (const { rdsSource } of this.#users) this.#owner.dropRoutes(name, rdsSource);
    }
  }

  #askForRoutes({ statPrefix, rdsSource }: ScopeUser, name: string): void {
    this.#routes.want(name, statPrefix);
    this.#sources.add(rdsSource, this.#routes, name);
  }

  #routeNames(scopes: Scopes): Set<string> {
    return new Set(
      [...scopes.values()].flatMap(({ spec }) => (spec.routeConfigName === "" ? [] : [spec.routeConfigName])),
    );
  }
}

/** Scopes of the same key, told in Envoy's words. */
function conflicts(scopes: Scopes): string[] {
  const byKey = new Map<string, string>();
  return [...scopes].flatMap(([name, { spec }]) => {
    const other = byKey.get(spec.key);
    byKey.set(spec.key, name);
    return other === undefined
      ? []
      : [`scope key conflict found, first scope is '${other}', second scope is '${name}'`];
  });
}
