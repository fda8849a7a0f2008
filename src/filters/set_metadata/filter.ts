import type { StreamInfo } from "../../observability/stream-info.ts";
import type { PerFilter } from "../../router/route.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { mergedStruct } from "./merged-struct.ts";
import type { MetadataEntrySpec } from "./parse.ts";

/** Says of each request what the config says, for whoever reads dynamic metadata. Envoy: SetMetadataFilter. */
export class SetMetadataFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Entries;

  constructor(spec: readonly MetadataEntrySpec[], slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Entries(spec, deps.statPrefix, deps);
  }

  /** Its stats stand at the root, as Envoy's. */
  linkRoute(perFilter: PerFilter, name: string): Entries | null {
    const spec = routeConfig<readonly MetadataEntrySpec[]>(perFilter, name);
    return spec === null ? null : new Entries(spec, "", this.#deps);
  }

  onRequestHead(stream: FilterStream): HeadersStatus {
    this.#own.apply(stream.info);
    const ofRoute = stream.override(this.#slot) as Entries | null;
    if (ofRoute !== null) ofRoute.apply(stream.info);
    return HeadersStatus.Continue;
  }
}

class Entries {
  readonly #entries: readonly MetadataEntrySpec[];
  readonly #values: Float64Array;
  readonly #stats: Record<"overwrite_denied", number>;

  constructor(entries: readonly MetadataEntrySpec[], statPrefix: string, { slab }: FilterDeps) {
    this.#entries = entries;
    this.#values = slab.values;
    this.#stats = filterCounters(slab, `${statPrefix}set_metadata.`, ["overwrite_denied"]);
  }

  apply(info: StreamInfo): void {
    for (let i = 0; i < this.#entries.length; i++) {
      const { namespace, value, overwrites } = this.#entries[i] as MetadataEntrySpec;
      info.dynamicMetadata ??= new Map();
      const present = info.dynamicMetadata.get(namespace);
      // The config's own value stands there: nobody changes what a namespace holds, but puts another in its place.
      if (present === undefined) info.dynamicMetadata.set(namespace, value);
      else if (overwrites) info.dynamicMetadata.set(namespace, mergedStruct(present, value));
      else this.#values[this.#stats.overwrite_denied]++;
    }
  }
}
