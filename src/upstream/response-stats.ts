import type { StatsSlab } from "../observability/stats.ts";
import type { Host } from "./host-set.ts";

/** What an answer is counted by besides its status. Envoy: CodeStats::ResponseStatInfo. */
export class AnswerFacts {
  /** The request came from inside: x-envoy-internal. */
  isInternal: boolean;
  /** x-envoy-upstream-alt-stat-name; null without one. */
  altName: string | null = null;
  isCanary = false;
  /** Where the host stands; "" for nowhere. */
  zone = "";

  constructor(isInternal: boolean) {
    this.isInternal = isInternal;
  }

  /** `host`: null where there was none. `saysCanary`: the response does. */
  setHost(host: Host | null, saysCanary: boolean): void {
    this.isCanary = saysCanary || host?.lbMetadata?.canary === true;
    this.zone = host === null ? "" : host.locality.zone;
  }
}

/** The answers of a cluster under one prefix: of all, and of those from inside or outside, of canaries, between zones. */
export class ResponseStats {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #fromZone: string;
  readonly #all: CodeStats;
  readonly #external: CodeStats;
  readonly #internal: CodeStats;
  readonly #canary: CodeStats;
  /** By the host's zone. */
  readonly #zones = new Map<string, CodeStats>();

  /** `fromZone`: of this process; "" for none. `completed`: the slot of upstream_rq_completed, 0 for one that has no name yet. */
  constructor(slab: StatsSlab, prefix: string, fromZone: string, completed = 0) {
    this.#slab = slab;
    this.#prefix = prefix;
    this.#fromZone = fromZone;
    this.#all = new CodeStats(slab, prefix, completed);
    this.#external = new CodeStats(slab, `${prefix}external.`);
    this.#internal = new CodeStats(slab, `${prefix}internal.`);
    this.#canary = new CodeStats(slab, `${prefix}canary.`);
  }

  /** `elapsedMs`: from the request to the response head; -1 where the proxy answers in the upstream's place. */
  count(status: number, elapsedMs: number, { isInternal, isCanary, zone }: AnswerFacts): void {
    this.#all.count(status, elapsedMs);
    (isInternal ? this.#internal : this.#external).count(status, elapsedMs);
    if (isCanary) this.#canary.count(status, elapsedMs);
    if (this.#fromZone !== "" && zone !== "") this.#zone(zone).count(status, elapsedMs);
  }

  #zone(to: string): CodeStats {
    let stats = this.#zones.get(to);
    if (stats === undefined) {
      stats = new CodeStats(this.#slab, `${this.#prefix}zone.${this.#fromZone}.${to}.`);
      this.#zones.set(to, stats);
    }
    return stats;
  }
}

/** `upstream_rq_<code>`, `_<class>xx`, `_completed` and `_time` under a prefix, named when they first count. */
class CodeStats {
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  /** By `rankOf` a status: the slots of its code and class. undefined: not seen yet. */
  readonly #codes: (Int32Array | undefined)[] = [];
  #completed: number;
  #time = 0;

  constructor(slab: StatsSlab, prefix: string, completed = 0) {
    this.#slab = slab;
    this.#prefix = `${prefix}upstream_rq_`;
    this.#completed = completed;
  }

  count(status: number, elapsedMs: number): void {
    const codes = this.#codes[rankOf(status)] ?? this.#nameCode(status);
    const { values } = this.#slab;
    values[this.#completed]++;
    values[codes[0] as number]++;
    if (codes.length > 1) values[codes[1] as number]++;
    if (elapsedMs < 0) return;
    if (this.#time === 0) this.#time = this.#slab.histogram(`${this.#prefix}time`);
    this.#slab.record(this.#time, elapsedMs);
  }

  #nameCode(status: number): Int32Array {
    if (this.#completed === 0) this.#completed = this.#slab.counter(`${this.#prefix}completed`);
    // Envoy: a status that is none has no class.
    const isKnown = status >= 100 && status < 600;
    const names = isKnown ? [String(status), `${Math.floor(status / 100)}xx`] : ["unknown"];
    const codes = Int32Array.from(names, (name) => this.#slab.counter(this.#prefix + name));
    this.#codes[rankOf(status)] = codes;
    return codes;
  }
}

/** Statuses in the order they were first seen in this thread, so that the tables of clusters are as short as the statuses are few. */
function rankOf(status: number): number {
  const at = status < 1000 ? status : 999;
  const rank = ranks[at] as number;
  return rank === 0 ? (ranks[at] = ++lastRank) : rank;
}

const ranks = new Uint16Array(1000);
let lastRank = 0;
