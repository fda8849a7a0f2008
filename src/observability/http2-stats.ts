import { Http2Counters } from "../http/h2/counters.ts";
import type { StatsSlab } from "./stats.ts";

/**
 * `<prefix>http2.*`: the codecs count in plain fields, and sync() copies them into the slab. The names come with the first HTTP/2
 * connection, as Envoy's do.
 */
export class Http2Stats {
  readonly counters = new Http2Counters();
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  #slots: [name: keyof Http2Counters, slot: number][] | null = null;

  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    this.#prefix = `${prefix}http2.`;
  }

  sync(): void {
    const { counters } = this;
    if (counters.nghttp2_downstream_connections + counters.nghttp2_upstream_connections === 0) return;
    const values = this.#slab.values;
    this.#slots ??= this.#allocate();
    // A zero that was never anything else stays unused.
    for (const [name, slot] of this.#slots) if (values[slot] !== counters[name]) values[slot] = counters[name];
  }

  #allocate(): [name: keyof Http2Counters, slot: number][] {
    const names = Object.keys(this.counters) as (keyof Http2Counters)[];
    return names.map((name) => {
      const full = this.#prefix + name;
      return [name, name === "streams_active" ? this.#slab.gauge(full) : this.#slab.counter(full)];
    });
  }
}
