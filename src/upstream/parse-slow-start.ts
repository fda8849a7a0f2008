import { checkCoverage } from "../proto/coverage.ts";
import { durationMsOr } from "../proto/duration.ts";
import {
  type Cluster_SlowStartConfig,
  Cluster_SlowStartConfigSchema,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type SlowStartConfig,
  SlowStartConfigSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { SlowStartSpec } from "./spec.ts";

/** slow_start_config, of a typed policy or of lb_policy's; null without a window. `problems` is that of the message. */
export function parseSlowStart(
  config: SlowStartConfig | Cluster_SlowStartConfig | undefined,
  problems: Problems,
): SlowStartSpec | null {
  if (config === undefined) return null;
  if (config.$typeName === SlowStartConfigSchema.typeName) {
    checkCoverage(SlowStartConfigSchema, config, problems, {
      honoured: ["slow_start_window", "aggression", "min_weight_percent"],
      harmless: [],
    });
  } else {
    checkCoverage(Cluster_SlowStartConfigSchema, config, problems, {
      honoured: ["slow_start_window", "aggression", "min_weight_percent"],
      harmless: [],
    });
  }
  const windowMs = durationMsOr(config.slowStartWindow, 0);
  const aggression = config.aggression?.defaultValue ?? 1;
  if (windowMs === 0) return null;
  return {
    windowMs,
    // Envoy takes what is no power for 1, at run time.
    aggression: aggression > 0 ? aggression : 1,
    leastFactor: (config.minWeightPercent?.value ?? 10) / 100,
  };
}
