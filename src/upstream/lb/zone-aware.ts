import type { Word64 } from "../../net/word64.ts";
import type { ClusterStats } from "../cluster-stats.ts";
import type { Host } from "../host-set.ts";
import { type LocalZone, type MergedLocality, mergeLocalities } from "../local-zone.ts";
import { countHealth } from "../priority-groups.ts";
import { isPanic } from "../priority-load.ts";
import type { HostHealth, HostSpec, ZoneAwareSpec } from "../spec.ts";
import type { HostPicker } from "./policy.ts";

/** What zone-aware routing needs of its cluster and worker. */
export interface ZoneContext {
  zone: LocalZone;
  stats: ClusterStats;
  /** [0, 1) */
  random: () => number;
}

/**
 * How the traffic of priority 0 spreads over localities: all to the local one where that has its share of hosts, else as much as it
 * can take, the rest to where hosts are spare. Envoy: ZoneAwareLoadBalancerBase.
 */
export class ZoneRouting {
  readonly #spec: ZoneAwareSpec;
  readonly #context: ZoneContext;
  readonly #isLocalPanic: boolean;
  /** Of 10,000 requests, how many the local locality takes. */
  #localShare = 10_000;
  #isDirect = false;
  /** Spare hosts up to and with each locality, in 1/10,000. */
  readonly #spare: number[] = [];

  /** null where localities make no difference. */
  static plan(
    spec: ZoneAwareSpec,
    localities: readonly MergedLocality<Host>[],
    panicThresholdPct: number,
    context: ZoneContext,
  ): ZoneRouting | null {
    const { zone, stats } = context;
    if (zone.localities === null) return null;
    stats.values[stats.zoneRecalculate]++;
    const own = zone.localities
      .filter(({ priority }) => priority === 0)
      .map((locality) => ({ spec: locality, hosts: locality.hosts }));
    const local = mergeLocalities(own, zone.key);
    if (localities.length < 2) return null;
    if (local.length < 2 && spec.forceLocalMinSize === null) return null;
    if (zone.key === "" || local[0]?.key !== zone.key) {
      stats.values[stats.localClusterNotOk]++;
      return null;
    }
    const healthy = localities.flatMap(({ hosts }) => hosts.filter(isHealthy));
    if (healthy.length < spec.minClusterSize) {
      stats.values[stats.zoneTooSmall]++;
      return null;
    }
    return new ZoneRouting(spec, localities, local, isPanic(countHealth(own), panicThresholdPct), context);
  }

  private constructor(
    spec: ZoneAwareSpec,
    localities: readonly MergedLocality<Host>[],
    local: readonly MergedLocality<HostSpec>[],
    isLocalPanic: boolean,
    context: ZoneContext,
  ) {
    this.#spec = spec;
    this.#context = context;
    this.#isLocalPanic = isLocalPanic;
    const first = localities[0] as MergedLocality<Host>;
    const hasLocal = first.key === context.zone.key;
    const upstreamShares = sharesOf(localities, spec.isByWeight);
    const localShares = sharesOf(local, spec.isByWeight);
    const upstream = localities.map(({ key }) => upstreamShares.get(key) ?? 0);
    const wanted = localities.map(({ key }, i) => (upstream[i] === 0 ? 0 : (localShares.get(key) ?? 0)));
    const [firstUpstream = 0] = upstream;
    const [firstWanted = 0] = wanted;
    const healthyHere = first.hosts.filter(isHealthy).length;
    const isForced = spec.forceLocalMinSize !== null && healthyHere >= spec.forceLocalMinSize;
    if (hasLocal && (isForced || (firstUpstream > 0 && firstUpstream >= firstWanted))) {
      this.#isDirect = true;
      return;
    }
    this.#localShare = hasLocal && firstWanted > 0 ? Math.floor((firstUpstream * 10_000) / firstWanted) : 0;
    let sum = 0;
    for (let i = 0; i < localities.length; i++) {
      const spare = (upstream[i] as number) - (wanted[i] as number);
      if (!(i === 0 && hasLocal) && spare > 0) sum += spare;
      this.#spare.push(sum);
    }
  }

  /** The place of a locality; `everywhere` or `nowhereAtAll`. */
  choose(): number {
    const { stats, random } = this.#context;
    if (random() * 100 >= this.#spec.routingEnabledPct) return everywhere;
    if (this.#isLocalPanic) {
      stats.values[stats.localClusterNotOk]++;
      return this.#spec.failsOnPanic ? nowhereAtAll : everywhere;
    }
    if (this.#isDirect) {
      stats.values[stats.zoneDirect]++;
      return 0;
    }
    if (random() * 10_000 < this.#localShare) {
      stats.values[stats.zoneSampled]++;
      return 0;
    }
    stats.values[stats.zoneCross]++;
    const spare = this.#spare;
    const total = spare[spare.length - 1] as number;
    if (total === 0) {
      stats.values[stats.zoneNoCapacity]++;
      return Math.floor(random() * spare.length);
    }
    const point = random() * total;
    let i = 0;
    while (point >= (spare[i] as number)) i++;
    return i;
  }
}

/** A host of the locality that the routing chooses. */
export class ZonePicker implements HostPicker {
  readonly #routing: ZoneRouting;
  readonly #localities: readonly HostPicker[];
  readonly #all: HostPicker;

  constructor(routing: ZoneRouting, localities: readonly HostPicker[], all: HostPicker) {
    this.#routing = routing;
    this.#localities = localities;
    this.#all = all;
  }

  pick(hash: Word64, attempt: number): Host | null {
    const at = this.#routing.choose();
    if (at === nowhereAtAll) return null;
    return at === everywhere ? this.#all.pick(hash, attempt) : (this.#localities[at] as HostPicker).pick(hash, attempt);
  }
}

/** Of the healthy hosts, in 1/10,000, by locality. */
function sharesOf(
  localities: readonly MergedLocality<{ weight: number; health: HostHealth }>[],
  isByWeight: boolean,
): Map<string, number> {
  const sizes = localities.map(({ key, hosts }): [string, number] => [
    key,
    hosts.filter(isHealthy).reduce((sum, { weight }) => sum + (isByWeight ? weight : 1), 0),
  ]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  return new Map(sizes.map(([key, size]) => [key, total === 0 ? 0 : Math.floor((10_000 * size) / total)]));
}

function isHealthy({ health }: { health: HostHealth }): boolean {
  return health === "HEALTHY";
}

const everywhere = -1;
const nowhereAtAll = -2;
