import { defineLayout } from "./stat-layout.ts";
import type { StatsSlab } from "./stats.ts";

/** What the requests of a virtual cluster, or of a route with a stat_prefix, come to: `vhost.<name>.vcluster.<name>.*`, `vhost.<name>.route.<prefix>.*`. Envoy: VirtualClusterStats, RouteStats. */
export class RequestStats {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #first: number;
  /** By status: the slots of its code and class. undefined: not seen yet. */
  readonly #codes: (Int32Array | undefined)[] = [];
  #completed = 0;
  #time = 0;

  /** `prefix` with its dot at the end. */
  constructor(slab: StatsSlab, prefix: string) {
    this.#slab = slab;
    this.#prefix = prefix;
    this.#first = slab.group(prefix, layout);
  }

  count(what: RequestCounter): void {
    this.#slab.values[this.#first + what]++;
  }

  /** A status given downstream. */
  countCode(status: number): void {
    const codes = this.#codes[status] ?? this.#nameCode(status);
    const { values } = this.#slab;
    values[this.#completed]++;
    values[codes[0] as number]++;
    values[codes[1] as number]++;
  }

  /** Milliseconds from the request to the upstream's response head. */
  recordTime(ms: number): void {
    if (this.#time === 0) this.#time = this.#slab.histogram(`${this.#prefix}upstream_rq_time`);
    this.#slab.record(this.#time, ms);
  }

  #nameCode(status: number): Int32Array {
    const prefix = `${this.#prefix}upstream_rq_`;
    this.#completed = this.#slab.counter(`${prefix}completed`);
    const codes = Int32Array.of(
      this.#slab.counter(prefix + status),
      this.#slab.counter(`${prefix}${Math.floor(status / 100)}xx`),
    );
    this.#codes[status] = codes;
    return codes;
  }
}

const layout = defineLayout("request", {
  counters: [
    "upstream_rq_retry",
    "upstream_rq_retry_limit_exceeded",
    "upstream_rq_retry_overflow",
    "upstream_rq_retry_success",
    "upstream_rq_timeout",
    "upstream_rq_total",
  ],
});

/** Their places in the layout. */
export const RequestCounter = {
  retry: 0,
  retryLimitExceeded: 1,
  retryOverflow: 2,
  retrySuccess: 3,
  timeout: 4,
  total: 5,
} as const;
export type RequestCounter = (typeof RequestCounter)[keyof typeof RequestCounter];
