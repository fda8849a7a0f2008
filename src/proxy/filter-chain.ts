import type { Filter } from "../filters/api.ts";

/** One filter of a chain as a hook's list holds it. */
export interface ChainEntry {
  readonly filter: Filter;
  /** Its place in the chain: the index of its scratch and override. */
  readonly slot: number;
}

/**
 * The linked HTTP filters of one connection manager without the terminal router. One dense list a hook:
 * a filter that does not care costs nothing. Request lists run first to last, response lists last to first.
 */
export class FilterChain {
  readonly names: readonly string[];
  readonly requestHead: ChainEntry[] = [];
  readonly requestData: ChainEntry[] = [];
  readonly requestTrailers: ChainEntry[] = [];
  readonly responseHead: ChainEntry[] = [];
  readonly responseData: ChainEntry[] = [];
  readonly responseTrailers: ChainEntry[] = [];
  readonly destroy: ChainEntry[] = [];

  constructor(filters: { name: string; filter: Filter }[]) {
    this.names = filters.map((f) => f.name);
    for (const [slot, { filter }] of filters.entries()) {
      const entry = { filter, slot };
      if (filter.onRequestHead) this.requestHead.push(entry);
      if (filter.onRequestData) this.requestData.push(entry);
      if (filter.onRequestTrailers) this.requestTrailers.push(entry);
      if (filter.onResponseHead) this.responseHead.unshift(entry);
      if (filter.onResponseData) this.responseData.unshift(entry);
      if (filter.onResponseTrailers) this.responseTrailers.unshift(entry);
      if (filter.onDestroy) this.destroy.push(entry);
    }
  }
}
