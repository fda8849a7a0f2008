import type { LocalitySpec } from "./spec.ts";

/** Where this process stands: node.locality and cluster_manager.local_cluster_name. */
export interface LocalZoneSpec {
  /** The cluster of this process and its like; "" for none. */
  clusterName: string;
  region: string;
  zone: string;
  subZone: string;
}

/** For zone-aware routing, one a worker: the hosts of the local cluster as they are now. */
export class LocalZone {
  readonly clusterName: string;
  /** By localityKey; "" where the node says none. */
  readonly key: string;
  /** "" where the node says none. */
  readonly zone: string;
  /** null without a local cluster, or before it is there. */
  localities: readonly LocalitySpec[] | null = null;

  constructor(spec: LocalZoneSpec) {
    const { region, zone, subZone } = spec;
    this.clusterName = spec.clusterName;
    this.zone = zone;
    this.key = region === "" && zone === "" && subZone === "" ? "" : localityKey(spec);
  }
}

/** Of a process that stands nowhere. */
export const nowhere: LocalZone = new LocalZone({ clusterName: "", region: "", zone: "", subZone: "" });

/** A locality as one text, which sorts as Envoy's LocalityLess. */
function localityKey(locality: { region: string; zone: string; subZone: string }): string {
  return `${locality.region}\0${locality.zone}\0${locality.subZone}`;
}

/** A locality by its name, whatever groups of endpoints it came in. */
export interface MergedLocality<H> {
  key: string;
  hosts: H[];
  /** load_balancing_weight of the last group. */
  weight: number;
}

/**
 * One entry a locality that has hosts, the local one first, then by name. Envoy: HostsPerLocality, made by
 * PriorityStateManager::updateClusterPrioritySet.
 */
export function mergeLocalities<H>(
  group: readonly { spec: { region: string; zone: string; subZone: string; weight: number }; hosts: readonly H[] }[],
  localKey: string,
): MergedLocality<H>[] {
  const byKey = new Map<string, MergedLocality<H>>();
  for (const { spec, hosts } of group) {
    if (hosts.length === 0) continue;
    const key = localityKey(spec);
    byKey.set(key, { key, hosts: [...(byKey.get(key)?.hosts ?? []), ...hosts], weight: spec.weight });
  }
  const rank = (key: string): string => (key === localKey ? "" : key);
  return [...byKey.values()].sort((a, b) => (rank(a.key) < rank(b.key) ? -1 : 1));
}
