import { checkCoverage } from "../../../proto/coverage.ts";
import { durationMs } from "../../../proto/duration.ts";
import {
  type ConnectionLimit,
  ConnectionLimitSchema,
} from "../../../proto/generated/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts";
import type { Problems } from "../../../proto/problems.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../../feature-flag.ts";
import { newSharedCount } from "./shared-count.ts";

/** extensions.filters.network.connection_limit.v3.ConnectionLimit. */
export interface ConnectionLimitSpec {
  statPrefix: string;
  maxConnections: number;
  /** How long one too many is held, unread, before it is closed. */
  delayMs: number;
  enabled: FeatureFlagSpec;
  /** Of the SharedCount of connections. */
  memory: SharedArrayBuffer;
}

export function parseConnectionLimit(message: ConnectionLimit, problems: Problems): ConnectionLimitSpec {
  const honoured = ["stat_prefix", "max_connections", "delay", "runtime_enabled"];
  checkCoverage(ConnectionLimitSchema, message, problems, { honoured, harmless: [] });
  return {
    statPrefix: message.statPrefix,
    // What is above it is no limit.
    maxConnections: Math.min(Number(message.maxConnections ?? 0n), 0x7fffffff),
    delayMs: durationMs(message.delay) ?? 0,
    enabled: parseFeatureFlag(message.runtimeEnabled),
    memory: newSharedCount(),
  };
}
