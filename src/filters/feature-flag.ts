import type { RuntimeFeatureFlag } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";

/** A config.core.v3.RuntimeFeatureFlag. */
export interface FeatureFlagSpec {
  byDefault: boolean;
  /** "" for none. */
  runtimeKey: string;
}

/** On where nothing is said. */
export function parseFeatureFlag(message: RuntimeFeatureFlag | undefined): FeatureFlagSpec {
  return { byDefault: message?.defaultValue ?? true, runtimeKey: message?.runtimeKey ?? "" };
}

/** What it says at this moment. Envoy: Runtime::FeatureFlag. */
export function isFlagOn(flag: FeatureFlagSpec, runtime: RuntimeLookup): boolean {
  return runtime.entry(flag.runtimeKey)?.flag ?? flag.byDefault;
}
