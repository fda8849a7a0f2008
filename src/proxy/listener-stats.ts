import type { StatsSlab } from "../observability/stats.ts";

/** `listener.<address>.*` of one worker. */
export class ListenerStats {
  readonly #values: Float64Array;
  readonly #total: number;
  readonly #active: number;
  readonly #destroy: number;
  readonly #inspected: number;
  readonly #slots: Record<ListenerCounter, number>;

  constructor(slab: StatsSlab, name: string) {
    this.#values = slab.values;
    this.#total = slab.counter(`listener.${name}.downstream_cx_total`);
    this.#active = slab.gauge(`listener.${name}.downstream_cx_active`);
    this.#destroy = slab.counter(`listener.${name}.downstream_cx_destroy`);
    const slots = counters.map((counter) => [counter, slab.counter(`listener.${name}.${counter}`)]);
    this.#slots = Object.fromEntries(slots) as Record<ListenerCounter, number>;
    slab.histogram(`listener.${name}.connections_accepted_per_socket_event`, "");
    this.#inspected = slab.gauge(`listener.${name}.downstream_pre_cx_active`);
  }

  count(name: ListenerCounter): void {
    this.#values[this.#slots[name]]++;
  }

  onInspectionBegin(): void {
    this.#values[this.#inspected]++;
  }

  onInspectionEnd(): void {
    this.#values[this.#inspected]--;
  }

  onBegin(): void {
    this.#values[this.#total]++;
    this.#values[this.#active]++;
  }

  onEnd(): void {
    this.#values[this.#active]--;
    this.#values[this.#destroy]++;
  }
}

const counters = [
  "downstream_cx_overflow",
  "downstream_cx_overload_reject",
  "downstream_pre_cx_timeout",
  "no_filter_chain_match",
] as const;
type ListenerCounter = (typeof counters)[number];
