import { isDeepStrictEqual } from "node:util";
import type { RetryPolicy } from "../../router/retry-policy.ts";
import type { HostPredicateSpec } from "../../router/spec.ts";
import type { HostSelection, Priorities } from "../../upstream/host-selection.ts";
import type { Host } from "../../upstream/host-set.ts";
import type { PriorityLoads } from "../../upstream/priority-load.ts";

/** Which hosts the retries of one request want. Envoy: RetryHostPredicate, PreviousPrioritiesRetryPriority. */
export class RetryHosts implements HostSelection {
  readonly maxAttempts: number;
  readonly #predicates: readonly HostPredicateSpec[];
  readonly #updateFrequency: number;
  #tried: Host[] = [];
  /** For the priorities; it forgets all when none is left. */
  #attempted: Host[] = [];
  readonly #excluded = new Set<number>();
  #loads: PriorityLoads | null = null;

  constructor(policy: RetryPolicy) {
    this.maxAttempts = policy.hostSelectionMaxAttempts;
    this.#predicates = policy.hostPredicates;
    this.#updateFrequency = policy.priorityUpdateFrequency;
  }

  /** An attempt got this host, or failed to connect to it. */
  onTried(host: Host): void {
    this.#tried.push(host);
    this.#attempted.push(host);
  }

  isUnwanted(host: Host): boolean {
    for (const predicate of this.#predicates) if (this.#refuses(predicate, host)) return true;
    return false;
  }

  loads(priorities: Priorities): PriorityLoads | null {
    const every = this.#updateFrequency;
    if (every === 0 || this.#attempted.length < every) return null;
    if (this.#attempted.length % every === 0) this.#loads = this.#adjust(priorities);
    return this.#loads;
  }

  #refuses(predicate: HostPredicateSpec, host: Host): boolean {
    switch (predicate.kind) {
      case "previousHosts":
        return this.#tried.includes(host);
      case "omitCanaryHosts":
        return host.lbMetadata?.canary === true;
      case "omitHostMetadata":
        return hasLabels(host.lbMetadata, predicate.labels);
    }
  }

  #adjust(priorities: Priorities): PriorityLoads | null {
    for (const host of this.#attempted) {
      const priority = priorities.priorityOf(host);
      if (priority >= 0) this.#excluded.add(priority);
    }
    const loads = priorities.loadsWithout(this.#excluded);
    if (loads !== null) return loads;
    this.#excluded.clear();
    this.#attempted = [];
    return priorities.loadsWithout(this.#excluded);
  }
}

/** Envoy: Config::Metadata::metadataLabelMatch. */
function hasLabels(metadata: Record<string, unknown> | null, labels: Record<string, unknown>): boolean {
  const wanted = Object.entries(labels);
  if (wanted.length === 0) return true;
  return metadata !== null && wanted.every(([key, value]) => isDeepStrictEqual(metadata[key], value));
}
