import type { SocketAddress } from "../net/address.ts";
import { addressText } from "../net/address.ts";
import type { ProxyTlv } from "../net/proxy-protocol.ts";
import type { Word64 } from "../net/word64.ts";
import type { MetadataCriteria } from "../router/metadata-criteria.ts";
import type { ClusterStats } from "./cluster-stats.ts";
import type { HostSelection, Priorities } from "./host-selection.ts";
import { HostStats } from "./host-stats.ts";
import { ConsistentHash } from "./lb/consistent-hash.ts";
import { LocalityPicker } from "./lb/locality.ts";
import type { HostPicker } from "./lb/policy.ts";
import { createPicker } from "./lb/policy.ts";
import type { PickerContext } from "./lb/slow-start.ts";
import { ZonePicker, ZoneRouting } from "./lb/zone-aware.ts";
import { type LocalZone, mergeLocalities } from "./local-zone.ts";
import type { Pool } from "./pool.ts";
import { byPriority, countHealth } from "./priority-groups.ts";
import { type PriorityCount, type PriorityLoads, priorityLoads, priorityLoadsWithout } from "./priority-load.ts";
import type { HostHealth, HostSpec, LbSpec, LocalitySpec } from "./spec.ts";

/** One upstream endpoint, live in this worker. It stays the same object as long as its address stays in the cluster. */
export class Host {
  readonly address: SocketAddress;
  /** "ip:port" or the path. */
  readonly addressText: string;
  readonly stats: HostStats;
  metadata: HostSpec["metadata"];
  /** Where it was last said to be. */
  locality: LocalitySpec;
  hostname: string;
  weight: number;
  health: HostHealth;
  /** A core.v3.HealthStatus. */
  healthStatus: number;
  /** For a PROXY header. */
  tlvs: readonly ProxyTlv[];
  /** Which transport socket; another one makes it another host. */
  readonly socket: number;
  /** auto_config: what ALPN last gave. */
  isHttp2 = true;
  /** By routing priority, those of HTTP/1 before those of HTTP/2; null until a request came. */
  readonly pools: (Pool | null)[] = [null, null, null, null];
  /** Those for some requests only: by the key of their PoolTarget, as `pools`. */
  readonly namedPools = new Map<string, (Pool | null)[]>();
  /** How many of them there are when it is next looked which are over. */
  namedPoolsLimit = 16;

  /** When it was first found healthy, in monotonic milliseconds: slow start goes by it; -1 before. */
  healthySinceMs = -1;

  /** `now`: monotonic milliseconds. */
  constructor(spec: HostSpec, locality: LocalitySpec, worker: number, now: number) {
    this.address = spec.address;
    this.addressText = addressText(spec.address);
    this.stats = new HostStats(spec.shared, worker);
    this.socket = spec.socket;
    this.metadata = spec.metadata;
    this.locality = locality;
    this.hostname = spec.hostname;
    this.weight = spec.weight;
    this.health = spec.health;
    this.healthStatus = spec.healthStatus;
    this.tlvs = spec.tlvs;
    if (spec.health === "HEALTHY") this.healthySinceMs = now;
  }

  /** Null without. */
  get lbMetadata(): Record<string, unknown> | null {
    return this.metadata?.["envoy.lb"] ?? null;
  }

  /** Takes over what an update may change; the address is the same. */
  update(spec: HostSpec, locality: LocalitySpec, now: number): void {
    if (spec.health === "HEALTHY" && this.healthySinceMs < 0) this.healthySinceMs = now;
    this.metadata = spec.metadata;
    this.locality = locality;
    this.hostname = spec.hostname;
    this.weight = spec.weight;
    this.health = spec.health;
    this.healthStatus = spec.healthStatus;
    this.tlvs = spec.tlvs;
  }
}

/** A locality with its live hosts. */
export interface LiveLocality {
  spec: LocalitySpec;
  hosts: Host[];
}

/** What host sets of one cluster share. */
export interface HostSetContext extends PickerContext {
  overprovisioningPct: number;
  onPanic: () => void;
  /** Of the whole cluster, all workers. */
  activeRequests: () => number;
  zone: LocalZone;
  stats: ClusterStats;
}

/** Finds a request its host. */
export interface HostChooser {
  /**
   * null when there is none to choose. `hash` and `criteria` are the request's, for the balancers that go by them; `selection` is what a
   * retry asks, null for a first attempt.
   */
  choose(hash: Word64, criteria: MetadataCriteria | null, selection: HostSelection | null): Host | null;
}

/** The hosts of a cluster in an order of choice: first the priority by its load, then health or panic, then locality, then the policy. */
export class HostSet implements HostChooser, Priorities {
  readonly #context: HostSetContext;
  readonly #isHashed: boolean;
  readonly #failsOnPanic: boolean;
  readonly #priorities: Priority[] = [];
  readonly #groups: readonly LiveLocality[][];
  readonly #counts: readonly PriorityCount[];
  /** Where all traffic goes; null when priorities, degraded hosts or panic make it a choice. */
  readonly #only: HostPicker | null;

  constructor(lb: LbSpec, localities: readonly LiveLocality[], context: HostSetContext) {
    this.#context = context;
    this.#isHashed = lb.hash !== null;
    this.#failsOnPanic = lb.zoneAware.failsOnPanic;
    const groups = byPriority(localities);
    const counts = groups.map(countHealth);
    const loads = priorityLoads(counts, context.overprovisioningPct, lb.panicThresholdPct);
    this.#groups = groups;
    this.#counts = counts;
    for (const [i, group] of groups.entries()) {
      const isPanic = loads.panic[i] as boolean;
      this.#priorities.push({
        healthyLoad: loads.healthy[i] as number,
        degradedLoad: loads.degraded[i] as number,
        isPanic,
        ...pickersOf(lb, group, i, isPanic, context),
      });
    }
    const first = this.#priorities.find((priority) => priority.healthyLoad === 100 && !priority.isPanic);
    this.#only = first?.healthy ?? null;
  }

  choose(hash: Word64, _criteria: MetadataCriteria | null, selection: HostSelection | null): Host | null {
    if (selection === null) return this.#only === null ? this.#chooseOnce(null, hash, 0) : this.#only.pick(hash, 0);
    return this.#chooseFor(selection, hash);
  }

  /** Envoy: ZoneAwareLoadBalancerBase::chooseHost; ThreadAwareLoadBalancerBase, whose hash knows nothing of other loads. */
  #chooseFor(selection: HostSelection, hash: Word64): Host | null {
    for (let attempt = 0; ; attempt++) {
      const host = this.#chooseOnce(this.#isHashed ? null : selection.loads(this), hash, attempt);
      if (host === null || attempt === selection.maxAttempts || !selection.isUnwanted(host)) return host;
    }
  }

  priorityOf(host: Host): number {
    return this.#groups.findIndex((group) => group.some(({ hosts }) => hosts.includes(host)));
  }

  loadsWithout(excluded: ReadonlySet<number>): PriorityLoads | null {
    return priorityLoadsWithout(this.#counts, this.#context.overprovisioningPct, excluded);
  }

  /** `loads` null: those of the priorities themselves. */
  #chooseOnce(loads: PriorityLoads | null, hash: Word64, attempt: number): Host | null {
    const priorities = this.#priorities;
    let left = (this.#isHashed ? hash.modulo(100) : Math.floor(this.#context.random() * 100)) + 1;
    for (let i = 0; i < priorities.length; i++) {
      const priority = priorities[i] as Priority;
      left -= loads === null ? priority.healthyLoad : (loads.healthy[i] ?? 0);
      if (left <= 0) return this.#pick(priority, priority.healthy, hash, attempt);
    }
    for (let i = 0; i < priorities.length; i++) {
      const priority = priorities[i] as Priority;
      left -= loads === null ? priority.degradedLoad : (loads.degraded[i] ?? 0);
      if (left <= 0) return this.#pick(priority, priority.degraded, hash, attempt);
    }
    return null;
  }

  #pick(priority: Priority, picker: HostPicker, hash: Word64, attempt: number): Host | null {
    if (!priority.isPanic) return picker.pick(hash, attempt);
    this.#context.onPanic();
    return this.#failsOnPanic ? null : priority.all.pick(hash, attempt);
  }
}

interface Priority extends Pickers {
  /** Percent of the cluster's traffic. */
  healthyLoad: number;
  degradedLoad: number;
  isPanic: boolean;
}

interface Pickers {
  healthy: HostPicker;
  degraded: HostPicker;
  all: HostPicker;
}

function pickersOf(
  lb: LbSpec,
  group: readonly LiveLocality[],
  priority: number,
  isPanic: boolean,
  context: HostSetContext,
): Pickers {
  if (lb.hash !== null) {
    // One table a priority, whatever health was drawn: Envoy's has healthy hosts alone, or all in panic.
    const hash = new ConsistentHash(
      lb.hash,
      group,
      isPanic,
      lb.isLocalityWeighted,
      context.zone.key,
      context.activeRequests,
    );
    return { healthy: hash, degraded: hash, all: hash };
  }
  if (priority === 0 && !lb.isLocalityWeighted) {
    const localities = mergeLocalities(group, context.zone.key);
    const routing = ZoneRouting.plan(lb.zoneAware, localities, lb.panicThresholdPct, context);
    if (routing !== null) {
      const near = (health: HostHealth): HostPicker => {
        const ofHealth = (hosts: readonly Host[]): Host[] => hosts.filter((host) => host.health === health);
        const pickers = localities.map(({ hosts }) => createPicker(lb, ofHealth(hosts), context));
        return new ZonePicker(routing, pickers, createPicker(lb, hostsOf(group, health), context));
      };
      return {
        healthy: near("HEALTHY"),
        degraded: near("DEGRADED"),
        all: createPicker(lb, hostsOf(group, null), context),
      };
    }
  }
  return {
    healthy: healthPicker(lb, group, "HEALTHY", context),
    degraded: healthPicker(lb, group, "DEGRADED", context),
    all: createPicker(lb, hostsOf(group, null), context),
  };
}

function healthPicker(
  lb: LbSpec,
  group: readonly LiveLocality[],
  health: HostHealth,
  context: HostSetContext,
): HostPicker {
  const all = createPicker(lb, hostsOf(group, health), context);
  if (!lb.isLocalityWeighted) return all;
  const entries = mergeLocalities(group, context.zone.key).map(({ hosts, weight }) => {
    const own = hosts.filter((host) => host.health === health);
    const availability = (context.overprovisioningPct / 100) * (own.length / hosts.length);
    return { picker: createPicker(lb, own, context), weight: weight * Math.min(1, availability) };
  });
  const usable = entries.filter((entry) => entry.weight > 0);
  return usable.length === 0 ? all : new LocalityPicker(usable);
}

/** `health` null: all of them. */
function hostsOf(group: readonly LiveLocality[], health: HostHealth | null): Host[] {
  return group.flatMap((locality) => locality.hosts.filter((host) => health === null || host.health === health));
}
