import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { FilterConfigSchema } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import { CorsPolicySchema, CorsSchema } from "../proto/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { Problems } from "../proto/problems.ts";
import { parsePerRoute } from "./per-route.ts";

test("a config plain, in a wrapper, and of a filter that is off", () => {
  const policy = anyPack(CorsPolicySchema, create(CorsPolicySchema, { maxAge: "5" }));
  const problems = new Problems();
  const spec = parsePerRoute(
    {
      plain: policy,
      wrapped: anyPack(FilterConfigSchema, create(FilterConfigSchema, { config: policy, isOptional: true })),
      off: anyPack(FilterConfigSchema, create(FilterConfigSchema, { config: policy, disabled: true })),
      own: anyPack(CorsSchema, create(CorsSchema)),
    },
    problems,
  );
  const typed = { type: "envoy.extensions.filters.http.cors.v3.CorsPolicy", disabled: false };
  expect(problems.list).toEqual([]);
  expect(spec).toMatchObject({
    plain: { ...typed, config: { maxAge: "5" } },
    wrapped: { ...typed, config: { maxAge: "5" } },
    off: { type: "", config: null, disabled: true },
    own: { type: "envoy.extensions.filters.http.cors.v3.Cors", config: { maxAge: "" }, disabled: false },
  });
  expect(structuredClone(spec)).toEqual(spec);
});

test("every fault is named by filter", () => {
  const problems = new Problems();
  const empty = anyPack(FilterConfigSchema, create(FilterConfigSchema));
  expect(parsePerRoute({ a: empty, b: empty }, problems.at("x"))).toEqual({});
  expect(problems.list.map(({ path }) => path)).toEqual([
    'x.typed_per_filter_config["a"]',
    'x.typed_per_filter_config["b"]',
  ]);
});
