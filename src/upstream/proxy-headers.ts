import { type ProxyHeaderSpec, writeProxyHeader } from "../net/proxy-header.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { clusterStatPrefix } from "./cluster-stats.ts";
import type { Host } from "./host-set.ts";
import type { PoolTarget } from "./pool-target.ts";
import type { UpstreamSocketSpec } from "./spec.ts";

/** The PROXY headers of a cluster's connections. Envoy: UpstreamProxyProtocolSocketFactory. */
export class ProxyHeaders {
  readonly #values: Float64Array;
  /** Of each transport socket, null for none: the cluster's own, then those of socketMatches. */
  readonly #specs: readonly (ProxyHeaderSpec | null)[];
  readonly #tooLong: number = -1;
  readonly #isUsed: boolean;

  constructor(sockets: readonly UpstreamSocketSpec[], slab: StatsSlab, observabilityName: string) {
    this.#values = slab.values;
    this.#specs = sockets.map(({ proxyHeader }) => proxyHeader);
    this.#isUsed = this.#specs.some((spec) => spec !== null);
    if (!this.#isUsed) return;
    const prefix = clusterStatPrefix(observabilityName);
    this.#tooLong = slab.counter(`${prefix}upstream.proxyprotocol.v2_tlvs_exceed_max_length`);
  }

  /** Whether connections to the host begin with one. */
  isOf(host: Host): boolean {
    return this.#isUsed && this.#specs[host.socket + 1] != null;
  }

  /** What writes it for connections of one target; null for none. */
  writer(host: Host, target: PoolTarget): ((own: ProxiedAddresses) => Buffer) | null {
    const spec = this.#specs[host.socket + 1] ?? null;
    if (spec === null) return null;
    return (own) => {
      const { bytes, isCut } = writeProxyHeader(spec, target.source, host.tlvs, own);
      if (isCut) this.#values[this.#tooLong]++;
      return bytes;
    };
  }
}
