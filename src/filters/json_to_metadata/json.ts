/** A number of JSON: Envoy tells 1 from 1.0. */
export class JsonNumber {
  readonly value: number;
  /** Of one that is an int64; null of one with a fraction or exponent, or too great. */
  readonly #integer: bigint | null;

  constructor(value: number, integer: bigint | null) {
    this.value = integer === 0n ? 0 : value;
    this.#integer = integer;
  }

  /** Whole ones as they are, others with six digits (std::to_string). */
  text(): string {
    if (this.#integer !== null) return String(this.#integer);
    return Math.abs(this.value) < 1e21 ? this.value.toFixed(6) : `${BigInt(this.value)}.000000`;
  }
}

/** The JSON of a body, its numbers as JsonNumber; undefined where it is none. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(body), revive);
  } catch {
    // TextDecoder and JSON.parse tell by throwing that a peer's bytes are no JSON.
    return undefined;
  }
}

function revive(key: string, value: unknown, context?: { source?: string }): unknown {
  // Half of a surrogate pair, which no UTF-8 has.
  if (!key.isWellFormed() || (typeof value === "string" && !value.isWellFormed())) throw new SyntaxError("no UTF-16");
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) throw new SyntaxError("number overflow");
  const source = context?.source ?? String(value);
  if (/[.eE]/.test(source)) return new JsonNumber(value, null);
  const integer = BigInt(source);
  if (integer > maxInt64 && integer <= maxUint64) throw new SyntaxError("no int64");
  return new JsonNumber(value, integer < -maxInt64 - 1n || integer > maxUint64 ? null : integer);
}

const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

const utf8 = new TextDecoder("utf-8", { fatal: true });
