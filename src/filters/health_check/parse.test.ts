import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { HealthCheckSchema } from "../../proto/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseHealthCheck } from "./parse.ts";

const cases: { name: string; json: JsonValue; spec: object }[] = [
  {
    name: "the least",
    json: { pass_through_mode: false },
    spec: { passThrough: false, cacheMs: 0, headers: [], minHealthyPct: [] },
  },
  {
    name: "pass-through with a cache",
    json: { pass_through_mode: true, cache_time: "2.5s" },
    spec: { passThrough: true, cacheMs: 2500 },
  },
  {
    name: "percentages are whole, as Envoy cuts them",
    json: { pass_through_mode: false, cluster_min_healthy_percentages: { a: { value: 50.9 }, b: { value: 0.5 } } },
    spec: {
      minHealthyPct: [
        ["a", 50],
        ["b", 0],
      ],
    },
  },
  {
    name: "header matchers",
    json: { pass_through_mode: false, headers: [{ name: ":Path", string_match: { exact: "/x" } }, { name: "a" }] },
    spec: {
      headers: [
        { name: ":path", string: { kind: "exact", value: "/x" } },
        { name: "a", present: true },
      ],
    },
  },
];

for (const { name, json, spec } of cases) {
  test(name, () => {
    const problems = new Problems();
    expect(parseHealthCheck(fromJson(HealthCheckSchema, json), problems)).toMatchObject(spec);
    expect(problems.list).toEqual([]);
  });
}
