import type { RuntimeFractionSpec } from "./spec.ts";

/** Runtime keys as the layers set them: a number, a {numerator, denominator}, any other text, or null. */
export interface RuntimeLookup {
  value(key: string): unknown;
}

/** Whether a number in [0, 1) falls into the runtime's fraction, or the configured one where it has none. Envoy: Snapshot::featureEnabled. */
export function isInFraction(spec: RuntimeFractionSpec, runtime: RuntimeLookup, random: number): boolean {
  const set = spec.runtimeKey === "" ? null : runtime.value(spec.runtimeKey);
  if (typeof set === "number") return random * 100 < set;
  if (isFraction(set)) return random * set.denominator < set.numerator;
  return random * spec.denominator < spec.numerator;
}

function isFraction(value: unknown): value is { numerator: number; denominator: number } {
  if (typeof value !== "object" || value === null) return false;
  return (
    "numerator" in value &&
    typeof value.numerator === "number" &&
    "denominator" in value &&
    typeof value.denominator === "number"
  );
}
