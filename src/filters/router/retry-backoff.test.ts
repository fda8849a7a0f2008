import { expect, test } from "vitest";
import { ResponseHead } from "../../http/header-block.ts";
import type { RateLimitedBackoffSpec } from "../../router/spec.ts";
import { askedWaitMs, jitteredWaitMs, RetryBackoff } from "./retry-backoff.ts";

test("a wait is below a bound that doubles up to its limit", () => {
  const backoff = new RetryBackoff(25, 120);
  expect([0.999, 0.999, 0.999, 0.999, 0.999].map((random) => backoff.nextMs(random))).toEqual([24, 49, 99, 119, 119]);
  expect(new RetryBackoff(25, 250).nextMs(0)).toBe(0);
});

test("what is asked is waited for, and up to half as much again", () => {
  expect([0, 0.5, 0.999].map((random) => jitteredWaitMs(1000, random))).toEqual([1000, 1250, 1499]);
});

const spec: RateLimitedBackoffSpec = {
  headers: [
    { name: "retry-after", format: "SECONDS" },
    { name: "x-ratelimit-reset", format: "UNIX_TIMESTAMP" },
  ],
  maxMs: 10_000,
};
const nowMs = 1_000_000_500;
const cases: { name: string; fields: [string, string][]; ms: number }[] = [
  { name: "nothing", fields: [], ms: 0 },
  { name: "seconds", fields: [["retry-after", "7"]], ms: 7000 },
  { name: "the limit itself", fields: [["retry-after", "10"]], ms: 10_000 },
  { name: "seconds over the limit", fields: [["retry-after", "11"]], ms: 0 },
  { name: "a date", fields: [["retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"]], ms: 0 },
  { name: "a fraction", fields: [["retry-after", "1.5"]], ms: 0 },
  { name: "below zero", fields: [["retry-after", "-1"]], ms: 0 },
  { name: "a time to come", fields: [["x-ratelimit-reset", "1000003"]], ms: 3000 },
  { name: "a time in the past", fields: [["x-ratelimit-reset", "999999"]], ms: 0 },
  {
    name: "the first that says something",
    fields: [
      ["x-ratelimit-reset", "1000003"],
      ["retry-after", "2"],
    ],
    ms: 2000,
  },
  {
    name: "the second where the first is too long",
    fields: [
      ["retry-after", "99"],
      ["x-ratelimit-reset", "1000003"],
    ],
    ms: 3000,
  },
];
for (const { name, fields, ms } of cases) {
  test(`a response asks to wait: ${name}`, () => {
    const head = new ResponseHead();
    for (const [field, value] of fields) head.append(field, value);
    expect(askedWaitMs(head, spec, nowMs)).toBe(ms);
  });
}
