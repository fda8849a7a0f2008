import { Word64 } from "../net/word64.ts";
import { xxHash64 } from "../net/xx-hash.ts";
import type { StatsSlab } from "../observability/stats.ts";

/** The stats of one subscription (`sds.<name>.`, `cluster_manager.cds.`), counted on the main thread. Envoy: SubscriptionStats. */
export class SubscriptionStats {
  readonly #prefix: string;
  readonly #counts: Record<SubscriptionCounter, number>;
  #versionText = "";
  #updatedAtMs = 0;

  /** `extra`: counters that only subscriptions of its kind have. */
  constructor(prefix: string, extra: readonly SubscriptionCounter[] = []) {
    this.#prefix = prefix;
    this.#counts = Object.fromEntries([...counters, ...extra].map((name) => [name, 0])) as Record<
      SubscriptionCounter,
      number
    >;
  }

  count(name: SubscriptionCounter): void {
    this.#counts[name]++;
  }

  onSuccess(versionText: string, atMs: number): void {
    this.count("update_success");
    this.#versionText = versionText;
    this.#updatedAtMs = atMs;
  }

  /** Brings them into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const [name, count] of Object.entries(this.#counts)) {
      const slot = slab.counter(this.#prefix + name);
      if (count > 0) slab.values[slot] = count;
    }
    slab.histogram(`${this.#prefix}update_duration`);
    const version = slab.gauge64(`${this.#prefix}version`);
    const updatedAt = slab.gauge(`${this.#prefix}update_time`);
    if (this.#updatedAtMs > 0) {
      slab.values[updatedAt] = this.#updatedAtMs;
      xxHash64(Buffer.from(this.#versionText).toString("latin1"), hash);
      slab.values[version] = hash.high >>> 0;
      slab.values[version + 1] = hash.low >>> 0;
    }
    setTextReadout(`${this.#prefix}version_text`, this.#versionText);
  }
}

const counters = [
  "init_fetch_timeout",
  "update_attempt",
  "update_failure",
  "update_rejected",
  "update_success",
] as const;
type SubscriptionCounter =
  | (typeof counters)[number]
  | "key_rotation_failed"
  | "config_reload"
  | "config_fail"
  | "config_conflict"
  | "update_empty";
const hash = new Word64();
