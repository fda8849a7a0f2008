import type { RequestHead } from "../http/header-block.ts";
import type { AccessLogFilterSpec, HeaderConditionSpec } from "./access-log-spec.ts";
import { celEngine } from "./cel/engine.ts";
import { anyGrpcStatus, metadataAt } from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";
import { type MakeStringMatcher, valueCondition } from "./value-condition.ts";

/** Whether a stream is to be logged. */
export type AccessLogFilter = (info: StreamInfo) => boolean;

/** What filters need from layers above and from the outside. */
export interface FilterContext {
  /** The router's header matcher. */
  headerMatcher(spec: HeaderConditionSpec): { matches(head: RequestHead): boolean };
  /** Whether a whole string matches a string condition. */
  stringMatcher: MakeStringMatcher;
  /** A runtime number, or the default. */
  runtimeNumber(key: string, byDefault: number): number;
  /** 0 to 1. */
  random(): number;
}

/** Makes a filter live. Cannot fail. */
export function linkFilter(spec: AccessLogFilterSpec, context: FilterContext): AccessLogFilter {
  switch (spec.kind) {
    case "statusCode":
      return comparison(spec, context, (info) => info.responseCode);
    case "duration":
      return comparison(spec, context, (info) => Math.floor(info.end - info.start));
    case "notHealthCheck":
      return (info) => !info.isHealthCheck;
    case "traceable":
      return isTraceable;
    case "runtime":
      return () => {
        const numerator = context.runtimeNumber(spec.runtimeKey, spec.numerator);
        return context.random() * spec.denominator < numerator;
      };
    case "and": {
      const filters = spec.filters.map((filter) => linkFilter(filter, context));
      return (info) => filters.every((filter) => filter(info));
    }
    case "or": {
      const filters = spec.filters.map((filter) => linkFilter(filter, context));
      return (info) => filters.some((filter) => filter(info));
    }
    case "header": {
      const matcher = context.headerMatcher(spec.header);
      return (info) => matcher.matches(info.request);
    }
    case "responseFlag": {
      const { flags } = spec;
      return (info) => (flags === 0 ? info.responseFlags !== 0 : (info.responseFlags & flags) !== 0);
    }
    case "grpcStatus": {
      const statuses = new Set(spec.statuses);
      return (info) => statuses.has(anyGrpcStatus(info)) !== spec.exclude;
    }
    case "logType": {
      const types = new Set(spec.types);
      return (info) => types.has(info.accessLogType) !== spec.exclude;
    }
    case "cel": {
      const program = new (celEngine().CelProgram)(spec.expression);
      return (info) => program.matches(info);
    }
    case "metadata": {
      const matches = valueCondition(spec.value, context.stringMatcher);
      return (info) => {
        const value = metadataAt(info.dynamicMetadata, spec.path);
        return value === undefined ? spec.matchIfKeyNotFound : matches(value) !== spec.invert;
      };
    }
  }
}

function comparison(
  spec: Extract<AccessLogFilterSpec, { kind: "statusCode" | "duration" }>,
  context: FilterContext,
  measure: (info: StreamInfo) => number,
): AccessLogFilter {
  return (info) => {
    const limit = spec.runtimeKey === "" ? spec.value : context.runtimeNumber(spec.runtimeKey, spec.value);
    const value = measure(info);
    switch (spec.op) {
      case "EQ":
        return value === limit;
      case "GE":
        return value >= limit;
      case "LE":
        return value <= limit;
      case "NE":
        return value !== limit;
    }
  };
}

/** The trace reason is in the request id: 9 sampled, a forced by us, b by the client (Envoy: UUIDRequestIDExtension). */
function isTraceable(info: StreamInfo): boolean {
  const reason = info.streamId[14];
  return !info.isHealthCheck && (reason === "9" || reason === "a" || reason === "b");
}
