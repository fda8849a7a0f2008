import { HeaderCondition, StringCondition } from "./access-log-conditions.ts";
import type { AccessLogFilterSpec, ValueConditionSpec } from "./access-log-spec.ts";
import { anyGrpcStatus, metadataAt, toWire } from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";

/** Whether a stream is to be logged. */
export type AccessLogFilter = (info: StreamInfo) => boolean;

/** What filters ask of the process. */
export interface FilterRuntime {
  /** A runtime number, or the default. */
  number(key: string, byDefault: number): number;
  /** 0 to 1. */
  random(): number;
}

/** Makes a filter live. Cannot fail. */
export function linkAccessLogFilter(spec: AccessLogFilterSpec, runtime: FilterRuntime = noRuntime): AccessLogFilter {
  switch (spec.kind) {
    case "statusCode":
      return comparison(spec, runtime, (info) => info.responseCode);
    case "duration":
      return comparison(spec, runtime, (info) => Math.floor(info.end - info.start));
    case "notHealthCheck":
      return (info) => !info.isHealthCheck;
    case "traceable":
      return isTraceable;
    case "runtime":
      return () => {
        const numerator = runtime.number(spec.runtimeKey, spec.numerator);
        return runtime.random() * spec.denominator < numerator;
      };
    case "and": {
      const filters = spec.filters.map((filter) => linkAccessLogFilter(filter, runtime));
      return (info) => filters.every((filter) => filter(info));
    }
    case "or": {
      const filters = spec.filters.map((filter) => linkAccessLogFilter(filter, runtime));
      return (info) => filters.some((filter) => filter(info));
    }
    case "header": {
      const matcher = new HeaderCondition(spec.header);
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
    case "metadata": {
      const matches = valueCondition(spec.value);
      return (info) => {
        const value = metadataAt(info.dynamicMetadata, spec.path);
        if (value === null && spec.value.kind !== "null" && spec.value.kind !== "present")
          return spec.matchIfKeyNotFound;
        return matches(value) !== spec.invert;
      };
    }
  }
}

function comparison(
  spec: Extract<AccessLogFilterSpec, { kind: "statusCode" | "duration" }>,
  runtime: FilterRuntime,
  measure: (info: StreamInfo) => number,
): AccessLogFilter {
  return (info) => {
    const limit = spec.runtimeKey === "" ? spec.value : runtime.number(spec.runtimeKey, spec.value);
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

function valueCondition(spec: ValueConditionSpec): (value: unknown) => boolean {
  switch (spec.kind) {
    case "null":
      return (value) => value === null;
    case "bool":
      return (value) => value === spec.value;
    case "present":
      return (value) => (value !== null) === spec.value;
    case "number":
      return (value) => {
        if (typeof value !== "number") return false;
        return spec.end === spec.start ? value === spec.start : value >= spec.start && value < spec.end;
      };
    case "string": {
      const matcher = new StringCondition(spec.string);
      return (value) => typeof value === "string" && matcher.matches(toWire(value));
    }
  }
}

const noRuntime: FilterRuntime = { number: (_key, byDefault) => byDefault, random: Math.random };
