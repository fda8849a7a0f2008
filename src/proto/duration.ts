import type { Duration } from "@bufbuild/protobuf/wkt";

/** Milliseconds of a duration, fractions kept. Null where the field is not set. Exact to the nanosecond below 104 days. */
export function durationMs(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Milliseconds of a duration, or the default where the field is not set. */
export function durationMsOr(duration: Duration | undefined, defaultMs: number): number {
  return durationMs(duration) ?? defaultMs;
}

/** Milliseconds of a timeout for which Envoy reads both "not set" and zero as "none": null. */
export function timeoutMs(duration: Duration | undefined): number | null {
  const ms = durationMs(duration);
  return ms === 0 ? null : ms;
}

/** Milliseconds of a timeout where "not set" is a default and zero switches it off: null. */
export function timeoutMsOr(duration: Duration | undefined, defaultMs: number): number | null {
  return duration === undefined ? defaultMs : timeoutMs(duration);
}

/** A duration as Envoy's validation messages write it: `1ms`, `5m0s`, `1h0m0.5s` (the form of Go's time.Duration). */
export function formatDuration(duration: Duration): string {
  const totalNanos = duration.seconds * 1_000_000_000n + BigInt(duration.nanos);
  if (totalNanos < 0n) return `-${formatNanos(-totalNanos)}`;
  return formatNanos(totalNanos);
}

function formatNanos(nanos: bigint): string {
  if (nanos === 0n) return "0s";
  if (nanos < 1_000n) return `${nanos}ns`;
  if (nanos < 1_000_000n) return `${Number(nanos) / 1e3}us`;
  if (nanos < 1_000_000_000n) return `${Number(nanos) / 1e6}ms`;
  const minutes = nanos / 60_000_000_000n;
  const seconds = `${Number(nanos % 60_000_000_000n) / 1e9}s`;
  if (minutes === 0n) return seconds;
  if (minutes < 60n) return `${minutes}m${seconds}`;
  return `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}
