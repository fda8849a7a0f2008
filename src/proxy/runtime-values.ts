import { type RuntimeEntry, type RuntimeLookup, runtimeInteger } from "../router/runtime-fraction.ts";

/** The runtime keys as a worker knows them. */
export class RuntimeValues implements RuntimeLookup {
  readonly #entries: Map<string, RuntimeEntry>;

  constructor(entries: Record<string, RuntimeEntry>) {
    this.#entries = new Map(Object.entries(entries));
  }

  entry(key: string): RuntimeEntry | null {
    return this.#entries.get(key) ?? null;
  }

  isTrue(key: string): boolean {
    return this.#entries.get(key)?.flag === true;
  }

  integer(key: string, byDefault: number): number {
    return runtimeInteger(this, key, byDefault);
  }

  /** Keys that changed; null for those that no layer has any more. */
  update(changes: Record<string, RuntimeEntry | null>): void {
    for (const [key, entry] of Object.entries(changes)) {
      if (entry === null) this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
  }
}
