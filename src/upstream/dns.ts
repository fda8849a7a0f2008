import { promises as dns } from "node:dns";
import type { StatsSlab } from "../observability/stats.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import { allocateHostStats } from "./host-stats.ts";
import { membershipLayout, updateLayout } from "./membership.ts";
import type { ClusterSpec, DnsSpec, HostSpec, HostUpdate, LocalitySpec } from "./spec.ts";

/** An IP address and how long it may be kept; the TTL is null where the source has none. */
export interface ResolvedAddress {
  address: string;
  ttlSeconds: number | null;
}

/** Asks for the addresses of a name. [] when it has none; rejects when nobody could say. */
export type Resolve = (name: string, family: 4 | 6) => Promise<ResolvedAddress[]>;

/** The world outside, passed in so that tests bring their own. */
export interface DnsEnvironment {
  resolve: Resolve;
  /** Calls once; returns what cancels it. */
  schedule(run: () => void, delayMs: number): () => void;
  /** [0, 1) */
  random(): number;
}

/**
 * Keeps the endpoints of one STRICT_DNS or LOGICAL_DNS cluster, on the main thread. Each name is resolved on its own and again when
 * its time has come. After a failure the last good addresses stay.
 */
export class DnsCluster {
  readonly #spec: ClusterSpec;
  readonly #dns: DnsSpec;
  readonly #workers: number;
  readonly #environment: DnsEnvironment;
  readonly #onUpdate: (update: HostUpdate) => void;
  readonly #values: Float64Array;
  readonly #slots: { attempt: number; success: number; failure: number; noRebuild: number };
  /** By HostSpec.socket, the cluster's own first. */
  readonly #matches: number[];
  readonly #names: NamedEndpoint[] = [];
  /** By address: a host that stays keeps its numbers. */
  #shared = new Map<string, SharedArrayBuffer>();
  #isStopped = false;
  #isPublished = false;
  #localities: LocalitySpec[] = [];

  constructor(
    spec: ClusterSpec & { dns: DnsSpec },
    workers: number,
    slab: StatsSlab,
    onUpdate: (update: HostUpdate) => void,
    environment: DnsEnvironment = systemDns,
  ) {
    this.#spec = spec;
    this.#dns = spec.dns;
    this.#workers = workers;
    this.#environment = environment;
    this.#onUpdate = onUpdate;
    const prefix = clusterStatPrefix(spec.observabilityName);
    const updates = slab.group(prefix, updateLayout);
    this.#values = slab.values;
    this.#slots = {
      attempt: updates + updateLayout.offset("update_attempt"),
      success: updates + updateLayout.offset("update_success"),
      failure: updates + updateLayout.offset("update_failure"),
      noRebuild: slab.group(prefix, membershipLayout) + membershipLayout.offset("update_no_rebuild"),
    };
    const sockets = ["default", ...spec.socketMatches.map(({ name }) => name)];
    this.#matches = sockets.map((name) => slab.counter(`${prefix}${name}.total_match_count`));
    for (const [i, locality] of spec.dns.template.entries()) {
      for (const host of locality.hosts)
        this.#names.push({ locality: i, host, addresses: [], isKnown: false, failures: 0, cancel: null });
    }
  }

  /** Resolves every name; settles when each was tried once. Later updates go to onUpdate alone. */
  async start(): Promise<void> {
    await Promise.all(this.#names.map((name) => this.#refresh(name)));
    if (!this.#isPublished && !this.#isStopped) this.#publish();
  }

  /** The endpoints of the last update: what a worker that starts later needs in its spec. */
  get localities(): readonly LocalitySpec[] {
    return this.#localities;
  }

  stop(): void {
    this.#isStopped = true;
    for (const name of this.#names) name.cancel?.();
  }

  async #refresh(name: NamedEndpoint): Promise<void> {
    name.cancel = null;
    const { address } = name.host;
    if (address.path !== null) {
      name.addresses = [""];
      name.isKnown = true;
      return;
    }
    this.#values[this.#slots.attempt]++;
    let found: ResolvedAddress[] | null;
    try {
      found = await resolveFamily(address.host, this.#dns.family, this.#environment.resolve);
    } catch {
      // Any failure of a resolver is the same to a cluster: the last good addresses stay.
      found = null;
    }
    if (this.#isStopped) return;
    if (found === null) this.#values[this.#slots.failure]++;
    else this.#take(name, found);
    name.failures = found === null ? name.failures + 1 : 0;
    const delayMs = found === null ? this.#failureDelay(name.failures) : this.#successDelay(found);
    name.cancel = this.#environment.schedule(() => void this.#refresh(name), delayMs);
  }

  #take(name: NamedEndpoint, found: readonly ResolvedAddress[]): void {
    this.#values[this.#slots.success]++;
    // Envoy makes a host of each answer before it looks whether it is new, and matches a transport socket for it.
    if (found.length > 0 && this.#spec.discovery === "STRICT_DNS")
      this.#values[this.#matches[name.host.socket + 1] as number] += found.length;
    let addresses = [...new Set(found.map((entry) => entry.address))].sort();
    // A logical host is one host: it keeps its address while DNS still names it.
    if (this.#spec.discovery === "LOGICAL_DNS" && found.length > 0) {
      const current = name.addresses[0];
      addresses = [
        current !== undefined && addresses.includes(current) ? current : (found[0] as ResolvedAddress).address,
      ];
    }
    const isSame = addresses.join() === name.addresses.join();
    name.isKnown = true;
    if (isSame) {
      this.#values[this.#slots.noRebuild]++;
      return;
    }
    // LOGICAL_DNS keeps its host when the answer is empty.
    if (found.length === 0 && this.#spec.discovery === "LOGICAL_DNS") return;
    name.addresses = addresses;
    if (this.#names.every((other) => other.isKnown || other.failures > 0) || this.#isPublished) this.#publish();
  }

  #publish(): void {
    this.#isPublished = true;
    const shared = new Map<string, SharedArrayBuffer>();
    const localities: LocalitySpec[] = this.#dns.template.map((locality, i) => ({
      ...locality,
      hosts: this.#names.filter((name) => name.locality === i).flatMap((name) => this.#hostsOf(name, shared)),
    }));
    this.#shared = shared;
    this.#localities = localities;
    this.#onUpdate({ cluster: this.#spec.name, localities });
  }

  #hostsOf(name: NamedEndpoint, shared: Map<string, SharedArrayBuffer>): HostSpec[] {
    return name.addresses.map((ip) => {
      const address = name.host.address.path !== null ? name.host.address : { ...name.host.address, host: ip };
      const key = `${address.path ?? ""}|${address.host}|${address.port}`;
      const buffer = shared.get(key) ?? this.#shared.get(key) ?? allocateHostStats(this.#workers);
      shared.set(key, buffer);
      return { ...name.host, address, shared: buffer };
    });
  }

  #successDelay(found: readonly ResolvedAddress[]): number {
    const { refreshMs, respectTtl, minRefreshMs, jitterMs } = this.#dns;
    const ttls = found.flatMap((entry) => (entry.ttlSeconds === null ? [] : [entry.ttlSeconds * 1000]));
    const delayMs = respectTtl && ttls.length > 0 ? Math.max(minRefreshMs, Math.min(...ttls)) : refreshMs;
    return delayMs + this.#environment.random() * jitterMs;
  }

  /** Envoy JitteredExponentialBackOff: random in [0, base × (2^n − 1)), never above the maximum. */
  #failureDelay(failures: number): number {
    const { failureBaseMs, failureMaxMs } = this.#dns;
    if (failureBaseMs === failureMaxMs) return failureBaseMs;
    const windowMs = failureBaseMs * (2 ** Math.min(failures, 30) - 1);
    return Math.max(1, Math.min(failureMaxMs, this.#environment.random() * windowMs));
  }
}

interface NamedEndpoint {
  /** Index in the template. */
  locality: number;
  host: HostSpec;
  addresses: string[];
  isKnown: boolean;
  /** In a row. */
  failures: number;
  cancel: (() => void) | null;
}

/** Envoy DnsLookupFamily: AUTO is IPv6 and else IPv4, V4_PREFERRED the other way round. */
export async function resolveFamily(
  name: string,
  family: DnsSpec["family"],
  resolve: Resolve,
): Promise<ResolvedAddress[]> {
  switch (family) {
    case "V4_ONLY":
      return resolve(name, 4);
    case "V6_ONLY":
      return resolve(name, 6);
    case "AUTO":
      return firstOf(
        () => resolve(name, 6),
        () => resolve(name, 4),
      );
    case "V4_PREFERRED":
      return firstOf(
        () => resolve(name, 4),
        () => resolve(name, 6),
      );
    case "ALL":
      return allOf(await Promise.allSettled([resolve(name, 4), resolve(name, 6)]));
  }
}

async function firstOf(
  first: () => Promise<ResolvedAddress[]>,
  second: () => Promise<ResolvedAddress[]>,
): Promise<ResolvedAddress[]> {
  let found: ResolvedAddress[] = [];
  try {
    found = await first();
  } catch {
    // The other family may still answer.
  }
  return found.length > 0 ? found : second();
}

function allOf(results: readonly PromiseSettledResult<ResolvedAddress[]>[]): ResolvedAddress[] {
  const found = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const failed = results.find((result) => result.status === "rejected");
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  return found;
}

/** An address is its own answer. A name is first looked for in DNS, for the TTL, then where the system looks (/etc/hosts). */
async function resolveBySystem(name: string, family: 4 | 6): Promise<ResolvedAddress[]> {
  const literal = literalFamily(name);
  if (literal !== 0) return literal === family ? [{ address: name, ttlSeconds: null }] : [];
  const isLocal = name === "localhost" || name.endsWith(".localhost");
  if (!isLocal) {
    try {
      const found = family === 4 ? await dns.resolve4(name, { ttl: true }) : await dns.resolve6(name, { ttl: true });
      if (found.length > 0) return found.map((entry) => ({ address: entry.address, ttlSeconds: entry.ttl }));
    } catch {
      // NXDOMAIN in DNS says nothing of /etc/hosts.
    }
  }
  try {
    const found = await dns.lookup(name, { family, all: true });
    return found.map((entry) => ({ address: entry.address, ttlSeconds: null }));
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function literalFamily(name: string): 0 | 4 | 6 {
  if (name.includes(":")) return 6;
  return /^\d+\.\d+\.\d+\.\d+$/.test(name) ? 4 : 0;
}

function isNotFound(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return code === "ENOTFOUND" || code === "ENODATA";
}

const systemDns: DnsEnvironment = {
  resolve: resolveBySystem,
  schedule: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
