/** The runtime keys as a worker knows them: final values, all layers merged. Envoy: Runtime::Snapshot. */
export class RuntimeValues {
  readonly #values: Map<string, string>;
  /** What value() made of the texts. */
  readonly #read = new Map<string, unknown>();

  constructor(values: Record<string, string>) {
    this.#values = new Map(Object.entries(values));
  }

  /** A number, a {numerator, denominator} with its denominator as a number, any other text; null where no layer has the key. */
  value(key: string): unknown {
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const text = this.#values.get(key);
    if (text === undefined) return null;
    const read = readValue(text);
    this.#read.set(key, read);
    return read;
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
    this.#read.delete(key);
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}

/** A FractionalPercent stands as its JSON (see server/runtime-layers.ts). */
function readValue(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!text.startsWith("{")) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
  const { numerator = 0, denominator = "HUNDRED" } = value as { numerator?: unknown; denominator?: unknown };
  return { numerator: Number(numerator), denominator: denominators[String(denominator)] ?? 100 };
}

/** envoy.type.v3.FractionalPercent.DenominatorType, by name and number. */
const denominators: Record<string, number> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
  0: 100,
  1: 10_000,
  2: 1_000_000,
};
