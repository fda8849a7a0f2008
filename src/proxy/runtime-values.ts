/** The runtime keys as a worker knows them: final values, all layers merged. Envoy: Runtime::Snapshot. */
export class RuntimeValues {
  readonly #values: Map<string, string>;

  constructor(values: Record<string, string>) {
    this.#values = new Map(Object.entries(values));
  }

  /** null where no layer has the key. */
  value(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  isTrue(key: string): boolean {
    return this.#values.get(key) === "true";
  }

  /** A number, or the default where there is no such key or it is no number. */
  number(key: string, byDefault: number): number {
    const value = Number(this.#values.get(key) ?? Number.NaN);
    return Number.isNaN(value) ? byDefault : value;
  }

  set(key: string, value: string | null): void {
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}
