import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { FilterConfigSchema } from "../../proto/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { parseGrpcStats } from "./parse.ts";

const cases: { name: string; json: JsonValue; spec: object }[] = [
  {
    name: "nothing is said: no method has stats of its own",
    json: {},
    spec: { emitsFilterState: false, forAllMethods: false, methods: [], timesUpstream: false, replacesDots: false },
  },
  { name: "all methods", json: { stats_for_all_methods: true }, spec: { forAllMethods: true, methods: [] } },
  { name: "all methods: no", json: { stats_for_all_methods: false }, spec: { forAllMethods: false, methods: [] } },
  {
    name: "listed methods",
    json: {
      individual_method_stats_allowlist: {
        services: [
          { name: "a.B", method_names: ["M", "N"] },
          { name: "c", method_names: ["M"] },
        ],
      },
    },
    spec: { forAllMethods: false, methods: ["a.B/M", "a.B/N", "c/M"] },
  },
  {
    name: "the rest",
    json: { emit_filter_state: true, enable_upstream_stats: true, replace_dots_in_grpc_service_name: true },
    spec: { emitsFilterState: true, timesUpstream: true, replacesDots: true },
  },
];

for (const { name, json, spec } of cases) {
  test(name, () => {
    const problems = new Problems();
    expect(parseGrpcStats(fromJson(FilterConfigSchema, json), problems)).toMatchObject(spec);
    expect(problems.list).toEqual([]);
  });
}
