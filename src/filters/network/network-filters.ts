import type { StreamInfo } from "../../observability/stream-info.ts";
import { admitted, type NetworkFilter } from "./api.ts";

/** The network filters of one filter chain, in order. */
export class NetworkFilters {
  readonly #filters: readonly NetworkFilter[];
  /** Some are asked at the first bytes. */
  readonly looksAtBytes: boolean;
  /** And at all others. */
  readonly looksAtAllBytes: boolean;

  constructor(filters: readonly NetworkFilter[]) {
    this.#filters = filters;
    this.looksAtBytes = filters.some(({ onBytes }) => onBytes !== undefined);
    this.looksAtAllBytes = filters.some(({ asksAlways }) => asksAlways === true);
  }

  get isEmpty(): boolean {
    return this.#filters.length === 0;
  }

  /** The same as admit, at bytes. */
  admitBytes(info: StreamInfo, isFirst: boolean): number {
    for (const filter of this.#filters) {
      if (!isFirst && filter.asksAlways !== true) continue;
      const delayMs = filter.onBytes?.(info) ?? admitted;
      if (delayMs !== admitted) return delayMs;
    }
    return admitted;
  }

  /** Asks one after the other until one refuses. `admitted`, or in how many ms it is to be closed; `whenClosed` hears of its end. */
  admit(whenClosed: (listener: () => void) => void): number {
    for (const filter of this.#filters) {
      const delayMs = filter.onNewConnection?.() ?? admitted;
      if (filter.onEnd !== undefined) whenClosed(() => filter.onEnd?.());
      if (delayMs !== admitted) return delayMs;
    }
    return admitted;
  }
}
