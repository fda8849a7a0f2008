import type { StreamInfo } from "../../observability/stream-info.ts";
import type { NetworkFilter, Refusal } from "./api.ts";

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
  admitBytes(info: StreamInfo, isFirst: boolean): Refusal | null {
    for (const filter of this.#filters) {
      if (!isFirst && filter.asksAlways !== true) continue;
      const refusal = filter.onBytes?.(info) ?? null;
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** Asks one after the other until one refuses; null: none does. `whenClosed` hears of its end. */
  admit(whenClosed: (listener: () => void) => void): Refusal | null {
    for (const filter of this.#filters) {
      const refusal = filter.onNewConnection?.() ?? null;
      if (filter.onEnd !== undefined) whenClosed(() => filter.onEnd?.());
      if (refusal !== null) return refusal;
    }
    return null;
  }
}
