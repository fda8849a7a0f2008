import type { Socket } from "node:net";
import { admitted, type NetworkFilter } from "./api.ts";

/** The network filters of one filter chain, in order. */
export class NetworkFilters {
  readonly #filters: readonly NetworkFilter[];

  constructor(filters: readonly NetworkFilter[]) {
    this.#filters = filters;
  }

  get isEmpty(): boolean {
    return this.#filters.length === 0;
  }

  /** Asks one after the other until one refuses. `admitted`, or in how many ms `socket` is to be closed. */
  admit(socket: Socket): number {
    for (const filter of this.#filters) {
      const delayMs = filter.onNewConnection();
      if (filter.onEnd !== undefined) socket.once("close", () => filter.onEnd?.());
      if (delayMs !== admitted) return delayMs;
    }
    return admitted;
  }
}
