import type { ProxyProtocolStats } from "../net/inspector.ts";
import type { StatsSlab } from "../observability/stats.ts";

/** `proxy_proto.*`. Envoy: ProxyProtocolStats. */
export class ProxyProtocolCounters implements ProxyProtocolStats {
  readonly #values: Float64Array;
  readonly #error: number;
  readonly #slots: Record<"found" | "disallowed" | "error", [number, number, number]>;

  constructor(slab: StatsSlab, statPrefix: string) {
    const prefix = `proxy_proto.${statPrefix === "" ? "" : `${statPrefix}.`}`;
    this.#values = slab.values;
    const counter = (name: string) => slab.counter(prefix + name);
    this.#error = slab.counter("downstream_cx_proxy_proto_error");
    this.#slots = {
      found: [counter("not_found_allowed"), counter("versions.v1.found"), counter("versions.v2.found")],
      disallowed: [
        counter("not_found_disallowed"),
        counter("versions.v1.disallowed"),
        counter("versions.v2.disallowed"),
      ],
      error: [counter("not_found_disallowed"), counter("versions.v1.error"), counter("versions.v2.error")],
    };
  }

  onHeader(version: 0 | 1 | 2, outcome: "found" | "disallowed" | "error"): void {
    this.#values[this.#slots[outcome][version]]++;
    // A version that is not allowed is none, for Envoy.
    if (outcome === "error" || (outcome === "disallowed" && version === 0)) this.#values[this.#error]++;
  }
}
