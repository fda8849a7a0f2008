import { create, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RouteConfigurationSchema } from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { typeRegistry } from "../../proto/type-registry.ts";
import { parseRoutes } from "../../proxy/parse-routes.ts";
import type { RouteConfigSpec } from "../../router/spec.ts";
import { readResource } from "./records.ts";
import { RouteReader } from "./route-reader.ts";

/** As it is read where there are faults: the oracle. */
/** null where there is a fault or a warning. */
function readWhole(bytes: Uint8Array): RouteConfigSpec | null {
  const problems = new Problems();
  const any = create(AnySchema, { typeUrl: `type.googleapis.com/${RouteConfigurationSchema.typeName}`, value: bytes });
  const message = readResource(RouteConfigurationSchema, any, problems);
  const spec = message === null || problems.hasErrors ? null : parseRoutes(message, problems);
  return problems.list.length > 0 ? null : spec;
}

const bytesOf = (json: JsonValue): Uint8Array =>
  toBinary(RouteConfigurationSchema, fromJson(RouteConfigurationSchema, json, { registry: typeRegistry }));
const perFilter = (type: string, value: object) => ({ f: { "@type": `type.googleapis.com/${type}`, ...value } });
const buffer = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute";
const uriTemplate = (kind: "match" | "rewrite", template: string) => ({
  name: "t",
  typed_config: {
    "@type": `type.googleapis.com/envoy.extensions.path.${kind}.uri_template.v3.UriTemplate${kind === "match" ? "Match" : "Rewrite"}Config`,
    [kind === "match" ? "path_template" : "path_template_rewrite"]: template,
  },
});

// What stands in no table twice or is refused is rare, so that most tables are without fault.
const match = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom<JsonValue>(
      { prefix: "/" },
      { prefix: "/a" },
      { path: "/b", case_sensitive: false },
      { path_separated_prefix: "/c" },
      { safe_regex: { regex: "/d+" } },
      { prefix: "/", headers: [{ name: "X", string_match: { exact: "1" } }] },
      { path_match_policy: uriTemplate("match", "/{x}") },
      { connect_matcher: {} },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<JsonValue>({}, { safe_regex: { regex: "(" } }, { prefix: "", headers: [{}] }),
  },
);
const action = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>(
      { route: { cluster: "a" } },
      { route: { cluster: "b", prefix_rewrite: "/x" } },
      { route: { cluster: "b", timeout: "0s", retry_policy: { retry_on: "5xx" } } },
      { route: { weighted_clusters: { clusters: [{ name: "a", weight: 1 }] } } },
      { route: { cluster: "a", host_rewrite_literal: "é" } },
      { redirect: { path_redirect: "/y" } },
      { direct_response: { status: 200, body: { inline_string: "hello" } } },
      { non_forwarding_action: {} },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>(
      { route: { cluster: "a", cors: { allow_origin_string_match: [{ exact: "o" }] } } },
      { route: { cluster: "a", path_rewrite_policy: uriTemplate("rewrite", "/{x}") } },
      {
        route: {
          weighted_clusters: {
            clusters: [{ name: "a", weight: 1, typed_per_filter_config: perFilter(buffer, { disabled: true }) }],
          },
        },
      },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>(
      {},
      { route: {} },
      { route: { cluster: "a", prefix_rewrite: "/x", regex_rewrite: { pattern: { regex: "a" }, substitution: "b" } } },
      { filter_action: {} },
    ),
  },
);
const more = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>({}, {}, { name: "n" }, { name: "é" }) },
  {
    weight: 10,
    arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>(
      { name: "m", metadata: { filter_metadata: { f: { k: 1 } } } },
      { decorator: { operation: "o" } },
      { request_headers_to_add: [{ header: { key: "a", value: "b" } }] },
      { typed_per_filter_config: perFilter(buffer, { disabled: true }) },
      { stat_prefix: "s" },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<{ [name: string]: JsonValue }>(
      { request_headers_to_add: [{ header: { key: "host", value: "b" } }] },
      { decorator: {} },
    ),
  },
);
const route = fc.tuple(match, action, more).map(([m, a, rest]) => ({ match: m, ...a, ...rest }));
const host = fc
  .tuple(
    fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"),
    fc.array(route, { maxLength: 6 }),
    fc.integer({ min: 0, max: 19 }),
  )
  .map(([name, routes, kind]) => ({
    name: kind === 1 ? "" : name,
    domains: [name],
    routes,
    ...(kind === 2 ? { typed_per_filter_config: perFilter(buffer, { disabled: true }) } : {}),
    ...(kind === 3 ? { matcher: {} } : {}),
  }));
const table = fc.tuple(fc.array(host, { maxLength: 4 }), fc.integer({ min: 0, max: 29 })).map(([virtual_hosts, kind]) =>
  bytesOf({
    name: "r",
    virtual_hosts,
    ...(kind === 0 ? { max_direct_response_body_size_bytes: 3 } : {}),
    ...(kind === 1 ? { request_headers_to_add: [{}] } : {}),
  } as JsonValue),
);

test("version after version, what is read in parts is what is read whole; where that has faults, it is not read", () => {
  let read = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(table, { minLength: 1, maxLength: 5 }), (versions) => {
      const reader = new RouteReader();
      for (const bytes of versions) {
        const spec = readWhole(bytes);
        expect(reader.read(bytes)).toEqual(spec);
        if (spec === null) refused++;
        else read++;
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(read, refused)).toBeGreaterThan(50);
});

test("bytes cut at every place are read as the whole is, or not at all", () => {
  const bytes = bytesOf({
    name: "r",
    virtual_hosts: [
      {
        name: "a",
        domains: ["a"],
        routes: [{ name: "n", match: { prefix: "/" }, route: { cluster: "a", timeout: "1s" } }],
      },
    ],
  });
  for (let end = 0; end <= bytes.length; end++)
    expect(new RouteReader().read(bytes.subarray(0, end))).toEqual(readWhole(bytes.subarray(0, end)));
});

test("a match, an action or a name that is said twice is what protobuf makes of it", () => {
  const field = (number: number, value: Uint8Array | string) =>
    Buffer.from([(number << 3) | 2, value.length, ...Buffer.from(value)]);
  const prefix = (value: string) => field(1, field(1, value));
  const noCase = field(1, field(4, Buffer.from([8, 0])));
  const action = (cluster: string) => field(2, field(1, cluster));
  const redirect = field(3, field(2, "/r"));
  const wholes = [
    [prefix("/a"), noCase, action("a")],
    [prefix("/a"), action("a"), action("b")],
    [prefix("/a"), action("a"), redirect],
    [redirect, prefix("/a"), action("a")],
    [field(14, "one"), field(14, "two"), prefix("/a"), action("a")],
    [field(14, ""), prefix("/a"), field(14, "two"), action("a")],
    [field(14, ""), prefix("/a"), field(19, "s"), action("a"), field(14, "two")],
    [field(14, Buffer.from([0xff])), prefix("/a"), action("a")],
    [Buffer.from([(14 << 3) | 0, 1]), prefix("/a"), action("a")],
    [Buffer.from([(1 << 3) | 0, 1]), prefix("/a"), action("a")],
  ];
  for (const fields of wholes) {
    const host = [field(1, "h"), field(2, "h"), field(3, Buffer.concat(fields))];
    const bytes = Buffer.concat([field(1, "r"), field(2, Buffer.concat(host))]);
    const reader = new RouteReader();
    expect(reader.read(bytes)).toEqual(readWhole(bytes));
    expect(reader.read(bytes)).toEqual(readWhole(bytes));
  }
});

test("what stood in the version before is taken from there, what may come from a file is not", () => {
  const spec = (routes: JsonValue[], name = "a") =>
    bytesOf({ name: "r", virtual_hosts: [{ name, domains: ["a"], routes }] });
  const one: JsonValue = { match: { prefix: "/1" }, route: { cluster: "a" }, stat_prefix: "s" };
  const two: JsonValue = { match: { prefix: "/2" }, route: { cluster: "a" } };
  const body: JsonValue = { match: { prefix: "/3" }, direct_response: { status: 200 } };
  const told = { name: "a", weight: 1, typed_per_filter_config: perFilter(buffer, { disabled: true }) };
  const weighted: JsonValue = { match: { prefix: "/4" }, route: { weighted_clusters: { clusters: [told] } } };
  const reader = new RouteReader();
  const routesOf = (bytes: Uint8Array) => reader.read(bytes)?.virtualHosts[0]?.routes ?? [];
  const first = routesOf(spec([one, two, body, weighted]));
  const second = routesOf(spec([two, one, body, weighted], "b"));
  expect(second[1]).toBe(first[0]);
  expect(second[0]?.match).toBe(first[1]?.match);
  expect(second[0]?.action).toBe(first[0]?.action);
  for (const i of [2, 3]) expect(second[i]?.action).not.toBe(first[i]?.action);
  // Only the last version counts.
  routesOf(spec([two]));
  expect(routesOf(spec([one]))[0]).not.toBe(first[0]);
  const host = reader.read(spec([one]))?.virtualHosts[0];
  expect(reader.read(spec([one]))?.virtualHosts[0]).toBe(host);
  reader.forget("r");
  expect(reader.read(spec([one]))?.virtualHosts[0]).not.toBe(host);
});

test("VHDS is left to who knows where it comes from", () => {
  const vhds = { config_source: { ads: {}, resource_api_version: "V3" } };
  expect(new RouteReader().read(bytesOf({ name: "r", vhds }))).toBe(null);
});
