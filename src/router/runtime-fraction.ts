import type { Word64 } from "../net/word64.ts";
import type { RuntimeFractionSpec } from "./spec.ts";

/** A share of all: `numerator` in `denominator`. */
export interface Fraction {
  numerator: number;
  denominator: number;
}

/** A runtime key's value in every form it can be read in. Plain data. Envoy: Snapshot::Entry. */
export interface RuntimeEntry {
  /** As it was written, for people. */
  text: string;
  /** null where it is no number. */
  number: number | null;
  /** null where it is neither true nor false. */
  flag: boolean | null;
  /** A FractionalPercent; null where it is none. */
  fraction: Fraction | null;
}

/** The runtime keys of this moment, all layers merged. Envoy: Runtime::Snapshot. */
export interface RuntimeLookup {
  /** null where no layer has the key. */
  entry(key: string): RuntimeEntry | null;
}

/** A key's whole number, or the default where it has none. Envoy: Snapshot::getInteger. */
export function runtimeInteger(runtime: RuntimeLookup, key: string, byDefault: number): number {
  const number = runtime.entry(key)?.number ?? null;
  return number === null ? byDefault : (wholeNumber(number) ?? byDefault);
}

/** Whether a number in [0, 1) falls into the runtime's fraction, or the configured one where it has none. Envoy: Snapshot::featureEnabled. */
export function isInFraction(spec: RuntimeFractionSpec, runtime: RuntimeLookup, random: number): boolean {
  const { numerator, denominator } = fractionOf(spec, runtime);
  return random * denominator < numerator;
}

/** The same of a hash: which values are in stays the same. */
export function isHashInFraction(spec: RuntimeFractionSpec, runtime: RuntimeLookup, hash: Word64): boolean {
  const { numerator, denominator } = fractionOf(spec, runtime);
  return hash.modulo(denominator) < numerator;
}

function fractionOf(spec: RuntimeFractionSpec, runtime: RuntimeLookup): Fraction {
  const entry = spec.runtimeKey === "" ? null : runtime.entry(spec.runtimeKey);
  if (entry === null) return spec;
  if (entry.fraction !== null) return entry.fraction;
  const percent = entry.number === null ? null : wholeNumber(entry.number);
  return percent === null ? spec : { numerator: percent, denominator: 100 };
}

/** An unsigned 64-bit integer, what is behind the point cut off; null for what is none. */
function wholeNumber(number: number): number | null {
  return number >= 0 && number <= 2 ** 64 ? Math.trunc(number) : null;
}
