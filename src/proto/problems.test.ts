import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { durationMs, formatDuration, timeoutMs, timeoutMsOr } from "./duration.ts";
import { Problems } from "./problems.ts";
import { editDistance, suggest } from "./suggest.ts";

test("scopes add their path and share one list", () => {
  const problems = new Problems("static_resources");
  const routes = problems.at("listeners[0]").at("routes");
  routes.at("[3]").error("match.prefix", "is wrong", { suggestion: "/" });
  routes.at("[3]").at('metadata["a.b"]').warning("", "is odd");
  expect(problems.list.map((problem) => problem.path)).toEqual([
    "static_resources.listeners[0].routes[3].match.prefix",
    'static_resources.listeners[0].routes[3].metadata["a.b"]',
  ]);
  expect([routes.hasErrors, problems.errorCount]).toEqual([true, 1]);
});

test("a warning is no error", () => {
  const problems = new Problems();
  problems.warning("a", "b");
  expect(problems.hasErrors).toBe(false);
});

for (const [written, meant] of [
  ["listenerz", "listeners"],
  ["clsuters", "clusters"],
  ["cluster", "clusters"],
  ["Secrets", "secrets"],
  ["foo", null],
  ["x", null],
] as const) {
  test(`${written} suggests ${meant}`, () => {
    expect(suggest(written, ["listeners", "clusters", "secrets", "bar"])).toBe(meant);
  });
}

for (const [written, meant] of [
  ["port", "port_value"],
  ["rewrite", "host_rewrite"],
  ["value", "port_value"],
  ["host", "host_rewrite"],
  ["name", null],
] as const) {
  test(`${written}, a part of a name, suggests ${meant}`, () => {
    expect(suggest(written, ["port_value", "named_port", "host_rewrite", "first_name_a", "last_name_b"])).toBe(meant);
  });
}

test("a swap of neighbours is one edit", () => {
  expect([editDistance("ab", "ba"), editDistance("kitten", "sitting"), editDistance("", "abc")]).toEqual([1, 3, 3]);
});

for (const [seconds, nanos, text] of [
  [0n, 0, "0s"],
  [0n, 1_000_000, "1ms"],
  [300n, 0, "5m0s"],
  [3600n, 500_000_000, "1h0m0.5s"],
] as const) {
  test(`a duration is written ${text}`, () => {
    expect(formatDuration(create(DurationSchema, { seconds, nanos }))).toBe(text);
  });
}

test("durations become milliseconds; zero switches a timeout off", () => {
  const half = create(DurationSchema, { seconds: 1n, nanos: 500_000_000 });
  const zero = create(DurationSchema);
  expect([durationMs(half), durationMs(zero), durationMs(undefined)]).toEqual([1500, 0, null]);
  expect([timeoutMs(half), timeoutMs(zero), timeoutMs(undefined)]).toEqual([1500, null, null]);
  expect([timeoutMsOr(zero, 15), timeoutMsOr(undefined, 15)]).toEqual([null, 15]);
});
