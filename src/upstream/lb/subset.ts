import { isDeepStrictEqual } from "node:util";
import type { Word64 } from "../../net/word64.ts";
import { criteriaKey, type MetadataCriteria } from "../../router/metadata-criteria.ts";
import type { ClusterStats } from "../cluster-stats.ts";
import type { HostSelection } from "../host-selection.ts";
import type { Host, HostChooser, LiveLocality } from "../host-set.ts";
import type { SubsetFallback, SubsetSpec } from "../spec.ts";

/** Makes the balancer of a subset, which has these hosts of each locality. */
export type MakeSubset = (localities: readonly LiveLocality[]) => HostChooser;

/**
 * The hosts of a cluster divided by their metadata: a request goes to those that have what it asks for, each subset with a balancer
 * of its own. Envoy: SubsetLoadBalancer.
 */
export class SubsetHosts implements HostChooser {
  readonly #spec: SubsetSpec;
  readonly #stats: ClusterStats;
  /** By criteriaKey. */
  readonly #subsets: Map<string, HostChooser>;
  /** By the names that a request asks for, in order: what is done where nothing is found. */
  readonly #fallbacks: ReadonlyMap<string, { policy: SubsetFallback; keys: readonly string[] }>;
  readonly #any: HostChooser;
  readonly #default: HostChooser;

  constructor(spec: SubsetSpec, localities: readonly LiveLocality[], make: MakeSubset, stats: ClusterStats) {
    this.#spec = spec;
    this.#stats = stats;
    this.#fallbacks = fallbacksOf(spec);
    this.#any = make(localities);
    const isDefault = (host: Host): boolean =>
      Object.entries(spec.defaultSubset).every(([name, value]) => hasValue(host, name, value, spec.listAsAny));
    this.#default = make(keep(localities, isDefault));
    this.#subsets = subsetsOf(spec, localities, make);
  }

  choose(hash: Word64, criteria: MetadataCriteria | null, selection: HostSelection | null): Host | null {
    const list = this.#spec.usesFallbackList ? (criteria?.value("fallback_list") ?? null) : null;
    if (criteria === null || list === null) return this.#choose(hash, criteria, selection);
    const rest = criteria.without("fallback_list");
    if (!Array.isArray(list) || list.length === 0) return this.#choose(hash, rest, selection);
    for (const fields of list) {
      const host = this.#choose(hash, rest.merge(isFields(fields) ? fields : {}), selection);
      if (host !== null) return host;
    }
    return null;
  }

  #choose(hash: Word64, criteria: MetadataCriteria | null, selection: HostSelection | null): Host | null {
    if (criteria !== null) {
      const asked = this.#spec.allowRedundantKeys ? this.#withoutRedundant(criteria) : criteria;
      const { values, subsetsSelected } = this.#stats;
      const subset = this.#subsets.get(asked.key);
      if (subset !== undefined) {
        values[subsetsSelected]++;
        return subset.choose(hash, criteria, selection);
      }
      const fallback = this.#fallbacks.get(asked.names.join("\0"));
      if (fallback !== undefined && fallback.policy !== "NOT_DEFINED") {
        if (fallback.policy === "KEYS_SUBSET") return this.#choose(hash, asked.only(fallback.keys), selection);
        return this.#fallback(fallback.policy)?.choose(hash, criteria, selection) ?? null;
      }
    }
    const host = this.#fallback(this.#spec.fallback)?.choose(hash, criteria, selection) ?? null;
    if (host !== null) {
      this.#stats.values[this.#stats.subsetsFallback]++;
      return host;
    }
    if (!this.#spec.panicModeAny || this.#spec.fallback === "NO_FALLBACK") return null;
    const any = this.#any.choose(hash, criteria, selection);
    if (any !== null) this.#stats.values[this.#stats.subsetsFallbackPanic]++;
    return any;
  }

  #fallback(policy: SubsetFallback): HostChooser | null {
    if (policy === "ANY_ENDPOINT") return this.#any;
    return policy === "DEFAULT_SUBSET" ? this.#default : null;
  }

  /** What the first selector whose names are all asked for needs. */
  #withoutRedundant(criteria: MetadataCriteria): MetadataCriteria {
    const selector = this.#spec.selectors.find(({ keys }) => keys.every((key) => criteria.names.includes(key)));
    return selector === undefined ? criteria : criteria.only(selector.keys);
  }
}

/** Of a selector with single_host_per_subset: the first host, whatever its health. */
class SingleHost implements HostChooser {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  choose(): Host {
    return this.#host;
  }
}

function subsetsOf(spec: SubsetSpec, localities: readonly LiveLocality[], make: MakeSubset): Map<string, HostChooser> {
  const members = new Map<string, { hosts: Set<Host>; isSingle: boolean }>();
  for (const host of localities.flatMap(({ hosts }) => hosts)) {
    for (const { keys, isSingle } of spec.selectors) {
      for (const key of subsetKeys(host, keys, spec.listAsAny)) {
        const known = members.get(key) ?? { hosts: new Set(), isSingle };
        members.set(key, known);
        known.hosts.add(host);
      }
    }
  }
  return new Map(
    [...members].map(([key, { hosts, isSingle }]) => {
      const [first] = hosts;
      const single = isSingle && first !== undefined ? new SingleHost(first) : null;
      return [key, single ?? make(keep(localities, (host) => hosts.has(host)))];
    }),
  );
}

/** The subsets of a selector that a host is in: one, several where a value is a list of which any counts, none without a value. */
function subsetKeys(host: Host, keys: readonly string[], listAsAny: boolean): string[] {
  let pairs: (readonly [string, unknown])[][] = [[]];
  for (const key of keys) {
    const value = host.lbMetadata?.[key];
    if (value === undefined) return [];
    const values = listAsAny && Array.isArray(value) ? value : [value];
    pairs = pairs.flatMap((before) => values.map((one) => [...before, [key, one] as const]));
  }
  return keys.length === 0 ? [] : pairs.map(criteriaKey);
}

/** Only the node that a selector itself makes in the tree of names has its fallback, as in Envoy: not one that is on another's way. */
function fallbacksOf(spec: SubsetSpec): Map<string, { policy: SubsetFallback; keys: readonly string[] }> {
  const nodes = new Set<string>();
  const fallbacks = new Map<string, { policy: SubsetFallback; keys: readonly string[] }>();
  for (const { keys, fallback, fallbackKeys } of spec.selectors) {
    for (let i = 1; i <= keys.length; i++) {
      const node = keys.slice(0, i).join("\0");
      if (nodes.has(node)) continue;
      nodes.add(node);
      if (i === keys.length) fallbacks.set(node, { policy: fallback, keys: fallbackKeys });
    }
  }
  return fallbacks;
}

function keep(localities: readonly LiveLocality[], isMember: (host: Host) => boolean): LiveLocality[] {
  return localities.map(({ spec, hosts }) => ({ spec, hosts: hosts.filter(isMember) }));
}

function hasValue(host: Host, name: string, value: unknown, listAsAny: boolean): boolean {
  const own = host.lbMetadata?.[name];
  if (isDeepStrictEqual(own, value)) return true;
  return listAsAny && Array.isArray(own) && own.some((one) => isDeepStrictEqual(one, value));
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
