import { clusterStatPrefix } from "./cluster-stats.ts";

/** Removed clusters whose stats are to be forgotten, at the next look at the stats. */
export class GoneStats {
  readonly #prefixes = new Set<string>();

  add(observabilityName: string): void {
    this.#prefixes.add(clusterStatPrefix(observabilityName));
  }

  /**
   * What chooses their names, once; null when nothing is gone. `live`: the observability names of all clusters now. With a cluster "a.b",
   * "cluster.a.b.upstream_rq_total" is not of a removed "a".
   */
  take(live: Iterable<string>): ((name: string) => boolean) | null {
    if (this.#prefixes.size === 0) return null;
    const gone = new Set(this.#prefixes);
    this.#prefixes.clear();
    const stays = new Set<string>();
    for (const name of live) stays.add(clusterStatPrefix(name));
    return (name) => {
      if (!name.startsWith("cluster.")) return false;
      for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
        const prefix = name.slice(0, dot + 1);
        if (stays.has(prefix)) return false;
        if (gone.has(prefix)) return true;
      }
      return false;
    };
  }
}
