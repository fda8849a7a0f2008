import { expect, test } from "vitest";
import { RateLimitUnit } from "../proto/generated/envoy/type/v3/ratelimit_unit_pb.ts";
import { rateLimitUnits } from "./rate-limits.ts";

test("units are the API's", () => {
  const named = Object.entries(RateLimitUnit).filter(([name]) => Number.isNaN(Number(name)));
  expect(rateLimitUnits).toEqual(Object.fromEntries(named));
});
