import { CidrSet } from "../../net/cidr.ts";
import { Word64 } from "../../net/word64.ts";
import { xxHash64 } from "../../net/xx-hash.ts";
import { celEngine } from "../../observability/cel/engine.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { valueCondition } from "../../observability/value-condition.ts";
import { StringMatcher } from "../matchers.ts";
import { isHashInFraction, type RuntimeLookup } from "../runtime-fraction.ts";
import type { InputMatcherSpec, InputSpec, SeedSpec } from "./spec.ts";

/** Decides on what an input gave; null is an input without a value. */
export type InputMatcher = (value: unknown) => boolean;

/** A matcher that does not take what its input gives never matches, as in Envoy. */
export function linkInputMatcher(spec: InputMatcherSpec, input: InputSpec, runtime: RuntimeLookup): InputMatcher {
  const gives = input.kind === "cel" || input.kind === "dynamic_metadata" ? input.kind : "text";
  const takes = spec.kind === "cel" ? "cel" : spec.kind === "metadata" ? "dynamic_metadata" : "text";
  if (gives !== takes) return never;
  switch (spec.kind) {
    case "string": {
      const matcher = new StringMatcher(spec.string);
      return (value) => typeof value === "string" && matcher.matches(value);
    }
    case "ip": {
      const ranges = new CidrSet(spec.ranges);
      return (value) => typeof value === "string" && ranges.has(value);
    }
    case "metadata": {
      const accepts = valueCondition(spec.value, (string) => new StringMatcher(string));
      return (value) => accepts(value) !== spec.invert;
    }
    case "consistent_hashing": {
      const { threshold, modulo } = spec;
      return hashed(spec.seed, (hash) => hash.modulo(modulo) >= threshold);
    }
    case "runtime_fraction":
      return hashed(spec.seed, (hash) => isHashInFraction(spec.fraction, runtime, hash));
    case "cel": {
      const program = new (celEngine().CelProgram)(spec.expression);
      return (value) => program.matches(value as StreamInfo);
    }
  }
}

function hashed(seed: SeedSpec, matches: (hash: Word64) => boolean): InputMatcher {
  const start = new Word64();
  start.set(seed.high, seed.low);
  const hash = new Word64();
  return (value) => {
    if (typeof value !== "string") return false;
    xxHash64(value, hash, start);
    return matches(hash);
  };
}

const never: InputMatcher = () => false;
