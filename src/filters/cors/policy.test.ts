import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CorsPolicySchema as LegacyCorsPolicySchema } from "../../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import { CorsPolicySchema } from "../../proto/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { Problems } from "../../proto/problems.ts";
import type { RuntimeEntry } from "../../router/runtime-fraction.ts";
import { parseCorsPolicy, parseEmptyPolicy, parseLegacyCors } from "./parse.ts";
import { CorsPolicy } from "./policy.ts";

const none = { entry: () => null };
const policy = (json: JsonValue) => parseCorsPolicy(fromJson(CorsPolicySchema, json), new Problems());
const all = {
  allow_origin_string_match: [{ prefix: "http://a" }],
  allow_methods: "GET",
  allow_headers: "x",
  expose_headers: "y",
  max_age: "1",
  allow_credentials: true,
  allow_private_network_access: true,
  forward_not_matching_preflights: false,
  filter_enabled: { default_value: { numerator: 100 } },
  shadow_enabled: { default_value: { numerator: 100 } },
};

test("a policy that says nothing has Envoy's defaults", () => {
  const empty = parseEmptyPolicy();
  expect(parseCorsPolicy(create(CorsPolicySchema), new Problems())).toEqual(empty);
  const { allowCredentials, allowPrivateNetworkAccess, forwardNotMatchingPreflights } = new CorsPolicy([empty], none);
  expect([allowCredentials, allowPrivateNetworkAccess, forwardNotMatchingPreflights]).toEqual([false, false, true]);
  expect([new CorsPolicy([empty], none).isEnabled(), new CorsPolicy([empty], none).isShadowEnabled()]).toEqual([
    true,
    false,
  ]);
  expect(new CorsPolicy([empty], none).allows("http://a")).toBe(false);
});

test("each field is the most specific level's that says it, what turns it on the first one's", () => {
  const merged = new CorsPolicy([policy({ max_age: "2", allow_credentials: false }), policy(all)], none);
  expect(merged).toMatchObject({
    maxAge: "2",
    allowCredentials: false,
    allowMethods: "GET",
    allowHeaders: "x",
    exposeHeaders: "y",
    allowPrivateNetworkAccess: true,
    forwardNotMatchingPreflights: false,
  });
  expect([merged.allows("http://abc"), merged.allows("http://b"), merged.isShadowEnabled()]).toEqual([
    true,
    false,
    false,
  ]);
});

test("the runtime turns it off and on", () => {
  const spec = policy({ filter_enabled: { default_value: { numerator: 100 }, runtime_key: "k" } });
  const empty = { text: "", number: null, flag: null, fraction: null };
  const under = (entry: Partial<RuntimeEntry> | null) =>
    new CorsPolicy([spec], {
      entry: (key) => (key === "k" && entry !== null ? { ...empty, ...entry } : null),
    }).isEnabled();
  expect([
    under({ number: 0 }),
    under({ number: 100 }),
    under({ fraction: { numerator: 0, denominator: 100 } }),
    under(null),
    under({ text: "no number" }),
  ]).toEqual([false, true, false, true, true]);
});

test("the deprecated message gives the same", () => {
  const problems = new Problems();
  const legacy = parseLegacyCors(fromJson(LegacyCorsPolicySchema, all), problems);
  expect(legacy).toEqual({ type: "envoy.config.route.v3.CorsPolicy", config: policy(all), disabled: false });
  expect(problems.list).toEqual([]);
});
