import type { HttpFilterSpec } from "../../filters/http-filters.ts";
import type { TlsContexts } from "../../net/tls/contexts.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import { type Listener, ListenerSchema } from "../../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseListener } from "../../proxy/parse-listener.ts";
import { parseRoutes } from "../../proxy/parse-routes.ts";
import type { ListenerSpec, RdsSpec } from "../../proxy/spec.ts";
import type { RouteConfigSpec } from "../../router/spec.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { DynamicFilters, type FilterConfigTarget } from "./filter-configs.ts";
import { equalBytes, type ResourceRecord, ResourceRecords, readResource, refusalText, warningText } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";

/** What listeners that change are told to. */
export interface ListenerTarget extends FilterConfigTarget {
  putListener(spec: ListenerSpec): void;
  removeListener(name: string): void;
  putRoutes(spec: RouteConfigSpec): void;
  count(
    name:
      | "listener_manager.listener_added"
      | "listener_manager.listener_modified"
      | "listener_manager.listener_removed"
      | "listener_manager.listener_create_success",
  ): void;
}

interface Entry {
  spec: ListenerSpec;
  record: ResourceRecord;
  isStatic: boolean;
}

/** LDS: listeners come, are warmed (routes, secrets), change and go. Envoy: LdsApiImpl, ListenerManagerImpl. */
export class DynamicListeners implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${ListenerSchema.typeName}`;
  readonly stats = new SubscriptionStats("listener_manager.lds.");
  readonly records = new ResourceRecords();
  readonly routes: RouteTaker;
  readonly filters: DynamicFilters;
  readonly #contexts: TlsContexts;
  readonly #sources: ResourceSources;
  readonly #target: ListenerTarget;
  readonly #onWarm: () => void;
  readonly #entries = new Map<string, Entry>();
  #hasAnswered = false;

  /** `onWarm` is called whenever no listener waits for anything after the first response. */
  constructor(contexts: TlsContexts, sources: ResourceSources, target: ListenerTarget, onWarm: () => void) {
    this.#contexts = contexts;
    this.#sources = sources;
    this.#target = target;
    this.#onWarm = onWarm;
    this.routes = new RouteTaker(target, () => this.checkWarm());
    this.filters = new DynamicFilters(sources, target, () => this.checkWarm());
  }

  /** A listener of the bootstrap: its routes may come by RDS, once startStatic() asks. */
  addStatic(spec: ListenerSpec): void {
    const record = {
      name: spec.name,
      message: null,
      version: "",
      updatedAt: new Date(),
      bytes: null,
      isWarming: false,
      refusal: null,
    };
    this.#entries.set(spec.name, { spec, record, isStatic: true });
  }

  /** Asks for what the listeners of the bootstrap need. */
  startStatic(): void {
    for (const { spec, isStatic } of this.#entries.values()) if (isStatic) this.#askForParts(spec);
  }

  /** A static listener of the bootstrap waits for routes or filters. */
  get isWaiting(): boolean {
    return [...this.#entries.values()].some(({ spec }) => !this.#hasParts(spec));
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    const present = new Set<string>();
    let isUnreadable = false;
    for (const { version, value } of update.resources) {
      if (value === null) continue;
      const problems = new Problems();
      const message = readResource(ListenerSchema, value, problems);
      const name = message?.name ?? "";
      present.add(name);
      if (message === null) isUnreadable = true;
      if (message !== null && !problems.hasErrors && !equalBytes(this.records.get(name)?.bytes, value.value))
        this.#take(message, version, value.value, problems);
      if (!problems.hasErrors) continue;
      const text = refusalText(problems);
      this.records.refuse(name, version, text);
      refusals.push(`${name}: ${text}`);
    }
    // What cannot be read may be any of them.
    const gone = isUnreadable
      ? []
      : update.isWholeState
        ? this.records
            .all()
            .filter(({ name }) => !present.has(name))
            .map(({ name }) => name)
        : update.removed;
    for (const name of gone) this.#remove(name);
    this.#hasAnswered = true;
    const refusal = refusals.length === 0 ? "" : `Error adding/updating listener(s) ${refusals.join("\n")}`;
    if (refusal === "") this.stats.onSuccess(update.version, Date.now());
    else {
      this.stats.count("update_rejected");
      this.#target.log("warning", `LDS: ${refusal}`);
    }
    this.checkWarm();
    return refusal;
  }

  onAttempt(): void {
    this.stats.count("update_attempt");
  }

  onFailure(): void {
    this.stats.count("update_failure");
  }

  onFetchTimeout(): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.stats.count("init_fetch_timeout");
    this.checkWarm();
  }

  get warmingCount(): number {
    return [...this.#entries.values()].filter(({ record }) => record.isWarming).length;
  }

  /** Something came that a listener may have waited for. */
  checkWarm(): void {
    for (const entry of this.#entries.values()) {
      if (!entry.record.isWarming || !this.#isReady(entry.spec)) continue;
      entry.record.isWarming = false;
      this.#target.count("listener_manager.listener_create_success");
      this.#target.putListener(entry.spec);
    }
    if (this.#hasAnswered && this.warmingCount === 0) this.#onWarm();
  }

  #take(message: Listener, version: string, bytes: Uint8Array, problems: Problems): void {
    const known = this.#entries.get(message.name);
    if (known?.isStatic === true) {
      problems.error("name", `"${message.name}" is a listener of the bootstrap, which cannot be changed from outside`);
      return;
    }
    const spec = parseListener(message, problems, this.#contexts);
    if (spec === null) return;
    const warnings = warningText(problems);
    if (warnings !== "") this.#target.log("info", `listener ${message.name}: ${warnings}`);
    this.#target.count(known === undefined ? "listener_manager.listener_added" : "listener_manager.listener_modified");
    const record = this.records.accept(spec.name, version, message, bytes, true);
    this.#entries.set(spec.name, { spec, record, isStatic: false });
    this.#askForParts(spec);
    if (known !== undefined) this.#forget(known.spec);
  }

  #askForParts(spec: ListenerSpec): void {
    for (const { hcm } of chainsOf(spec)) {
      for (const filter of hcm.filters) this.filters.want(filter);
      if (hcm.rds === null) continue;
      this.routes.want(hcm.rds.routeConfigName, hcm.statPrefix);
      this.#sources.add(hcm.rds.source, this.routes, hcm.rds.routeConfigName);
    }
  }

  #isReady(spec: ListenerSpec): boolean {
    return this.#hasParts(spec) && chainsOf(spec).every(({ tls }) => tls === null || tls.spec !== null);
  }

  #hasParts(spec: ListenerSpec): boolean {
    return (
      rdsOf(spec).every((rds) => this.routes.isSettled(rds.routeConfigName)) &&
      filtersOf(spec).every((filter) => this.filters.isSettled(filter))
    );
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    this.records.remove(name);
    if (entry === undefined || entry.isStatic) return;
    this.#entries.delete(name);
    this.#forget(entry.spec);
    this.#target.count("listener_manager.listener_removed");
    this.#target.removeListener(name);
  }

  /** Routes and filters that nobody asks for any more. */
  #forget(spec: ListenerSpec): void {
    const wanted = new Set(
      [...this.#entries.values()].flatMap((entry) => rdsOf(entry.spec)).map((rds) => rds.routeConfigName),
    );
    for (const rds of rdsOf(spec)) {
      if (wanted.has(rds.routeConfigName)) continue;
      this.routes.forget(rds.routeConfigName);
      this.#sources.remove(rds.source, this.routes, rds.routeConfigName);
    }
    const names = new Set(
      [...this.#entries.values()].flatMap((entry) => filtersOf(entry.spec)).map(({ name }) => name),
    );
    for (const filter of filtersOf(spec)) if (!names.has(filter.name)) this.filters.forget(filter);
  }
}

/** RDS: route configurations by name. Envoy: RdsRouteConfigSubscription. */
class RouteTaker implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${RouteConfigurationSchema.typeName}`;
  readonly records = new ResourceRecords();
  readonly #target: ListenerTarget;
  readonly #onChange: () => void;
  /** Those that came, and those whose time to come is over. */
  readonly #settled = new Set<string>();
  /** By name, then by stat prefix of a connection manager. */
  readonly #stats = new Map<string, Map<string, SubscriptionStats>>();

  constructor(target: ListenerTarget, onChange: () => void) {
    this.#target = target;
    this.#onChange = onChange;
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

  onAttempt(): void {
    for (const name of this.#stats.keys()) this.#count(name, (stats) => stats.count("update_attempt"));
  }

  onFailure(): void {
    for (const name of this.#stats.keys()) this.#count(name, (stats) => stats.count("update_failure"));
  }

  isSettled(name: string): boolean {
    return this.#settled.has(name);
  }

  forget(name: string): void {
    this.#settled.delete(name);
    this.#stats.delete(name);
    this.records.remove(name);
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    for (const { version, value } of update.resources) {
      if (value === null) continue;
      const problems = new Problems();
      const message = readResource(RouteConfigurationSchema, value, problems);
      const name = message?.name ?? "";
      const isNews = message !== null && !problems.hasErrors && !equalBytes(this.records.get(name)?.bytes, value.value);
      const spec = isNews ? parseRoutes(message, problems) : null;
      // Envoy: a first one that is refused does not keep its listener waiting.
      this.#settled.add(name);
      if (problems.hasErrors) {
        const text = refusalText(problems);
        this.records.refuse(name, version, text);
        refusals.push(`${name}: ${text}`);
        this.#count(name, (stats) => stats.count("update_rejected"));
        continue;
      }
      this.#count(name, (stats) => stats.onSuccess(version, Date.now()));
      if (message === null || spec === null) continue;
      this.records.accept(name, version, message, value.value, false);
      this.#count(name, (stats) => stats.count("config_reload"));
      this.#target.putRoutes(spec);
    }
    for (const name of update.removed) this.records.remove(name);
    if (refusals.length > 0) this.#target.log("warning", `RDS: ${refusals.join("\n")}`);
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
  }

  #count(name: string, count: (stats: SubscriptionStats) => void): void {
    for (const stats of this.#stats.get(name)?.values() ?? []) count(stats);
  }
}

function chainsOf(spec: ListenerSpec): ListenerSpec["filterChains"] {
  return spec.defaultFilterChain === null ? spec.filterChains : [...spec.filterChains, spec.defaultFilterChain];
}

/** Those by ECDS. */
function filtersOf(spec: ListenerSpec): HttpFilterSpec[] {
  return chainsOf(spec).flatMap(({ hcm }) => hcm.filters.filter(({ discovery }) => discovery !== null));
}

function rdsOf(spec: ListenerSpec): RdsSpec[] {
  return chainsOf(spec).flatMap(({ hcm }) => (hcm.rds === null ? [] : [hcm.rds]));
}
