import type { HttpFilterSpec } from "../../filters/http-filters.ts";
import { addressText } from "../../net/address.ts";
import type { TlsContextSpec } from "../../net/tls/contexts.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import { type Listener, ListenerSchema } from "../../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { checkOwnAddresses } from "../../proxy/check-listener.ts";
import { parseListener } from "../../proxy/parse-listener.ts";
import { allFilterChains, type ListenerSpec, type RdsSpec, type ScopedRoutesSpec } from "../../proxy/spec.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import type { SecretStore } from "../secret-store.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { DynamicFilters, type FilterConfigTarget } from "./filter-configs.ts";
import { type ResourceRecord, ResourceRecords, readResource, warningText } from "./records.ts";
import { RouteTaker, type RouteTarget } from "./routes.ts";
import { DynamicScopes, type ScopeTarget } from "./scopes.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";
import type { Wait, Waiting } from "./waiting.ts";

/** What listeners that change are told to. */
export interface ListenerTarget extends FilterConfigTarget, RouteTarget, ScopeTarget {
  /** Has the listener's addresses; null, or which of them cannot be had and why. */
  reserveAddresses(spec: ListenerSpec): { index: number; reason: string } | null;
  putListener(spec: ListenerSpec): void;
  removeListener(name: string): void;
  count(
    name:
      | "listener_manager.listener_added"
      | "listener_manager.listener_modified"
      | "listener_manager.listener_removed"
      | "listener_manager.listener_create_failure"
      | "listener_manager.listener_create_success",
  ): void;
}

interface Entry {
  spec: ListenerSpec;
  /** The version that serves as long as this one is warming, and asks for its parts; null: none, or this one serves. */
  serving: ListenerSpec | null;
  record: ResourceRecord;
  isStatic: boolean;
}

/** A resource of an update. */
interface ReadListener {
  name: string;
  version: string;
  bytes: Uint8Array;
  /** null: it cannot be read. */
  message: Listener | null;
  problems: Problems;
}

/** LDS: listeners come, are warmed (routes, secrets), change and go. Envoy: LdsApiImpl, ListenerManagerImpl. */
export class DynamicListeners implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${ListenerSchema.typeName}`;
  readonly stats = new SubscriptionStats("listener_manager.lds.");
  readonly records = new ResourceRecords();
  readonly routes: RouteTaker;
  readonly scopes: DynamicScopes;
  readonly filters: DynamicFilters;
  readonly #contexts: SecretStore;
  readonly #sources: ResourceSources;
  readonly #target: ListenerTarget;
  readonly #onWarm: () => void;
  readonly #entries = new Map<string, Entry>();
  #hasAnswered = false;

  /** `onWarm` is called whenever no listener waits for anything after the first response. */
  constructor(contexts: SecretStore, sources: ResourceSources, target: ListenerTarget, onWarm: () => void) {
    this.#contexts = contexts;
    this.#sources = sources;
    this.#target = target;
    this.#onWarm = onWarm;
    this.routes = new RouteTaker(sources, target, () => this.checkWarm());
    this.scopes = new DynamicScopes(this.routes, sources, target, {
      onChange: () => this.checkWarm(),
      dropRoutes: (name, source) => this.#dropRoutes(name, source),
    });
    this.filters = new DynamicFilters(contexts, sources, target, () => this.checkWarm());
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
      before: null,
      refusal: null,
    };
    this.#entries.set(spec.name, { spec, serving: null, record, isStatic: true });
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
    const heartbeats: string[] = [];
    const read: ReadListener[] = [];
    for (const { name: toldName, version, value } of update.resources) {
      if (value === null) {
        heartbeats.push(toldName);
        continue;
      }
      const problems = new Problems();
      const message = readResource(ListenerSchema, value, problems);
      read.push({ name: message?.name ?? toldName, version, bytes: value.value, message, problems });
    }
    const present = new Set([...heartbeats, ...read.map(({ name }) => name)]);
    // What cannot be read may be any of them.
    const isUnreadable = read.some(({ message }) => message === null);
    const gone = isUnreadable
      ? []
      : update.isWholeState
        ? this.records
            .all()
            .filter(({ name }) => !present.has(name))
            .map(({ name }) => name)
        : update.removed;
    for (const listener of read) {
      const { name, version, bytes, message, problems } = listener;
      if (message !== null && !problems.hasErrors && !this.records.confirm(name, bytes))
        this.#take(message, listener, gone);
      if (!problems.hasErrors) continue;
      const text = this.records.refuse(name, version, problems, message, bytes);
      refusals.push(`${name}: ${text}`);
    }
    for (const name of gone) this.#remove(name);
    this.#hasAnswered = true;
    const refusal = refusals.length === 0 ? "" : `Error adding/updating listener(s) ${refusals.join("\n")}`;
    if (refusal === "") this.stats.onSuccess(update.version, Date.now());
    else this.stats.count("update_rejected");
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

  /** Those that wait, or all. */
  waiting(includesReady: boolean): Waiting[] {
    return [...this.#entries.values()]
      .filter(({ record }) => includesReady || record.isWarming)
      .map(({ spec, record }) => ({
        name: spec.name,
        since: record.updatedAt,
        isServing: record.before !== null,
        for: this.#waitsOf(spec),
      }));
  }

  /** Something came that a listener may have waited for. */
  checkWarm(): void {
    for (const entry of this.#entries.values()) {
      if (!entry.record.isWarming || !this.#isReady(entry.spec)) continue;
      entry.record.isWarming = false;
      this.#target.count("listener_manager.listener_create_success");
      this.#target.putListener(entry.spec);
      const { serving } = entry;
      entry.serving = null;
      if (serving !== null) this.#forget(serving);
    }
    if (this.#hasAnswered && this.warmingCount === 0) this.#onWarm();
  }

  /** `gone`: those that go with the same update, after it. */
  #take(message: Listener, { version, bytes, problems }: ReadListener, gone: readonly string[]): void {
    const known = this.#entries.get(message.name);
    if (known?.isStatic === true) {
      problems.error("name", `"${message.name}" is a listener of the bootstrap, which cannot be changed from outside`);
      return;
    }
    const spec = parseListener(message, problems, this.#contexts);
    if (spec === null || !this.#reserveAddresses(spec, gone, problems)) return;
    const warnings = warningText(problems);
    if (warnings !== "") this.#target.log("info", `listener ${message.name}: ${warnings}`);
    this.#target.count(known === undefined ? "listener_manager.listener_added" : "listener_manager.listener_modified");
    const record = this.records.accept(spec.name, version, () => message, bytes, true);
    const serving = known === undefined ? null : known.record.isWarming ? known.serving : known.spec;
    this.#entries.set(spec.name, { spec, serving, record, isStatic: false });
    this.#askForParts(spec);
    // A version that was still warming never served.
    if (known?.record.isWarming === true) this.#forget(known.spec);
  }

  /** False, with the fault in `problems`, where another listener that stays has one of them, or the system does not give it. */
  #reserveAddresses(spec: ListenerSpec, gone: readonly string[], problems: Problems): boolean {
    const others = this.#specs().filter(({ name }) => name !== spec.name && !gone.includes(name));
    checkOwnAddresses(spec, others, problems);
    if (problems.hasErrors) return false;
    const fault = this.#target.reserveAddresses(spec);
    if (fault === null) return true;
    this.#target.count("listener_manager.listener_create_failure");
    const text = addressText(spec.addresses[fault.index].address);
    const path = fault.index === 0 ? "address" : `additional_addresses[${fault.index - 1}].address`;
    problems.error(path, `${text} cannot be bound`, { envoyText: `cannot bind '${text}': ${fault.reason}` });
    return false;
  }

  #askForParts(spec: ListenerSpec): void {
    for (const { hcm } of allFilterChains(spec)) {
      for (const filter of hcm.filters) this.filters.want(filter);
      if (hcm.scopedRoutes !== null) this.scopes.want(hcm.scopedRoutes, hcm.statPrefix);
      if (hcm.rds === null) continue;
      this.routes.want(hcm.rds.routeConfigName, hcm.statPrefix);
      this.#sources.add(hcm.rds.source, this.routes, hcm.rds.routeConfigName);
    }
  }

  #isReady(spec: ListenerSpec): boolean {
    return this.#hasParts(spec) && secretsOf(spec).every((secret) => secret.spec !== null);
  }

  #hasParts(spec: ListenerSpec): boolean {
    return (
      rdsOf(spec).every((rds) => this.routes.isSettled(rds.routeConfigName)) &&
      scopedOf(spec).every((scoped) => this.scopes.isSettled(scoped)) &&
      filtersOf(spec).every((filter) => this.filters.isSettled(filter))
    );
  }

  #waitsOf(spec: ListenerSpec): Wait[] {
    const routes = rdsOf(spec)
      .map(({ routeConfigName }) => routeConfigName)
      .filter((name) => !this.routes.isSettled(name));
    const filters = filtersOf(spec).filter((filter) => !this.filters.isSettled(filter));
    const secrets = secretsOf(spec).flatMap((secret) => this.#contexts.missingSecrets(secret));
    return [
      ...namedWaits("routes", routes),
      ...scopedOf(spec).flatMap((scoped) => this.scopes.waitsOf(scoped)),
      ...namedWaits(
        "filter",
        filters.map(({ name }) => name),
      ),
      ...namedWaits("secret", secrets),
    ];
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    this.records.remove(name);
    if (entry === undefined || entry.isStatic) return;
    this.#entries.delete(name);
    this.#forget(entry.spec);
    if (entry.serving !== null) this.#forget(entry.serving);
    this.#target.count("listener_manager.listener_removed");
    this.#target.removeListener(name);
  }

  /** Routes, scopes and filters that nobody asks for any more. */
  #forget(spec: ListenerSpec): void {
    const sets = new Set(this.#specs().flatMap(scopedOf).map(setOf));
    for (const scoped of scopedOf(spec)) if (!sets.has(setOf(scoped))) this.scopes.forget(scoped);
    for (const { routeConfigName, source } of rdsOf(spec)) this.#dropRoutes(routeConfigName, source);
    const names = new Set(
      this.#specs()
        .flatMap(filtersOf)
        .map(({ name }) => name),
    );
    for (const filter of filtersOf(spec)) if (!names.has(filter.name)) this.filters.forget(filter);
  }

  /** All that ask for parts. */
  #specs(): ListenerSpec[] {
    return [...this.#entries.values()].flatMap(({ spec, serving }) => (serving === null ? [spec] : [spec, serving]));
  }

  #dropRoutes(name: string, source: ConfigSourceSpec): void {
    const isWanted = this.#specs().some((spec) => rdsOf(spec).some(({ routeConfigName }) => routeConfigName === name));
    if (isWanted || this.scopes.wantsRoutes(name)) return;
    this.routes.forget(name);
    this.#sources.remove(source, this.routes, name);
  }
}

/** TLS contexts and what filters name. */
function secretsOf(spec: ListenerSpec): TlsContextSpec<unknown>[] {
  return allFilterChains(spec).flatMap(({ tls, hcm }) => (tls === null ? hcm.secrets : [tls, ...hcm.secrets]));
}

/** Those by ECDS. */
function filtersOf(spec: ListenerSpec): HttpFilterSpec[] {
  return allFilterChains(spec).flatMap(({ hcm }) => hcm.filters.filter(({ discovery }) => discovery !== null));
}

/** Those by SRDS. */
function scopedOf(spec: ListenerSpec): ScopedRoutesSpec[] {
  return allFilterChains(spec).flatMap(({ hcm }) => (hcm.scopedRoutes?.scopedRds == null ? [] : [hcm.scopedRoutes]));
}

/** Each name once. */
function namedWaits(kind: Wait["kind"], names: readonly string[]): Wait[] {
  return [...new Set(names)].map((name) => ({ kind, name }));
}

function setOf(scoped: ScopedRoutesSpec): string {
  return scoped.scopedRds?.setId ?? "";
}

function rdsOf(spec: ListenerSpec): RdsSpec[] {
  return allFilterChains(spec).flatMap(({ hcm }) => (hcm.rds === null ? [] : [hcm.rds]));
}
