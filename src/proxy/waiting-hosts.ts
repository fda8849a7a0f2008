import type { FilterStream } from "../filters/api.ts";
import type { HostWaiter, OnDemandHosts } from "../filters/on_demand/filter.ts";
import { chooseRoute } from "./request-admission.ts";
import type { Stream } from "./stream.ts";

/** The requests of one worker that wait for virtual hosts. Each host is asked for once, however many wait. */
export class WaitingHosts implements OnDemandHosts {
  readonly #waiting = new Map<string, Set<HostWaiter>>();
  readonly #tell: (name: string, isWanted: boolean) => void;

  /** `tell`: the main thread of a host that the first waits for, or the last does no more. */
  constructor(tell: (name: string, isWanted: boolean) => void) {
    this.#tell = tell;
  }

  nameOf(stream: FilterStream): string {
    return (stream as Stream).hcm.onDemandName(stream.request);
  }

  wait(waiter: HostWaiter): void {
    const known = this.#waiting.get(waiter.name);
    if (known !== undefined) {
      known.add(waiter);
      return;
    }
    this.#waiting.set(waiter.name, new Set([waiter]));
    this.#tell(waiter.name, true);
  }

  leave(waiter: HostWaiter): void {
    const waiting = this.#waiting.get(waiter.name);
    if (waiting === undefined || !waiting.delete(waiter) || waiting.size > 0) return;
    this.#waiting.delete(waiter.name);
    this.#tell(waiter.name, false);
  }

  /** These came, or are said not to be there. The routes with them are in force already. */
  onCame(names: readonly string[]): void {
    for (const name of names) {
      const waiting = this.#waiting.get(name);
      if (waiting === undefined) continue;
      this.#waiting.delete(name);
      for (const { stream, slot } of waiting) {
        chooseRoute(stream as Stream, stream.request, slot);
        stream.continueRequest(slot);
      }
    }
  }
}
