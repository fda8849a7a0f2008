import {
  RateLimitResponse_Code,
  type RateLimitResponse_DescriptorStatus,
  type RateLimitResponse_RateLimit,
  RateLimitResponse_RateLimit_Unit as Unit,
} from "../../proto/generated/envoy/service/ratelimit/v3/rls_pb.ts";

/** x-ratelimit-* of what the service says of each descriptor (draft-polli-ratelimit-headers-03). Envoy: XRateLimitHeaderUtils. */
export function limitHeaders(statuses: readonly RateLimitResponse_DescriptorStatus[]): [name: string, value: string][] {
  let least: RateLimitResponse_DescriptorStatus | null = null;
  let policies = "";
  for (const status of statuses) {
    if (status.currentLimit === undefined) continue;
    if (least === null || status.limitRemaining < least.limitRemaining) least = status;
    policies += policyOf(status.currentLimit);
  }
  if (least === null) return [];
  return [
    ["x-ratelimit-limit", `${least.currentLimit?.requestsPerUnit ?? 0}${policies}`],
    ["x-ratelimit-remaining", String(least.limitRemaining)],
    ["x-ratelimit-reset", String(least.durationUntilReset?.seconds ?? 0n)],
  ];
}

/** In how many seconds no limit stands in the way any more, at least 1; null where the service names none. */
export function retryAfterSeconds(statuses: readonly RateLimitResponse_DescriptorStatus[]): number | null {
  let longest: number | null = null;
  for (const { code, durationUntilReset } of statuses) {
    if (code !== RateLimitResponse_Code.OVER_LIMIT) continue;
    longest = Math.max(longest ?? 1, Number(durationUntilReset?.seconds ?? 0n));
  }
  return longest;
}

/** `, 10;w=60;name="per-ip"`; "" without a window. */
function policyOf({ requestsPerUnit, unit, unitMultiplier = 1, name }: RateLimitResponse_RateLimit): string {
  const window = (windowSeconds[unit] ?? 0) * unitMultiplier;
  if (window === 0) return "";
  return `, ${requestsPerUnit};w=${window}${name === "" ? "" : `;name="${name}"`}`;
}

const daySeconds = 24 * 3600;
const windowSeconds: Record<number, number> = {
  [Unit.SECOND]: 1,
  [Unit.MINUTE]: 60,
  [Unit.HOUR]: 3600,
  [Unit.DAY]: daySeconds,
  [Unit.WEEK]: 7 * daySeconds,
  [Unit.MONTH]: 30 * daySeconds,
  [Unit.YEAR]: 365 * daySeconds,
};
