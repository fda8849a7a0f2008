import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const name = "envoy.filters.http.local_ratelimit";
const all: Json = { default_value: { numerator: 100, denominator: "HUNDRED" } };
// Nothing comes back while a test runs.
const bucket = (tokens: number): Json => ({ max_tokens: tokens, tokens_per_fill: 1, fill_interval: "1000s" });
const config = (more: Json): Json => ({
  "@type": `${http}local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: "limit",
  filter_enabled: all,
  filter_enforced: all,
  ...more,
});
const filter = (more: Json): Json => ({ name, typed_config: config(more) });
const perRoute = (more: Json): Json => ({ typed_per_filter_config: { [name]: config(more) } });
const route = (prefix: string, more: Json = {}, action: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}", ...action },
  ...more,
});
const host = (routes: Json[], more: Json = {}): Json[] => [{ name: "all", domains: ["*"], routes, ...more }];
const descriptor = (entries: readonly (readonly [string, string])[], tokens: number): Json => ({
  entries: entries.map(([key, value]) => ({ key, value })),
  token_bucket: bucket(tokens),
});
const actions = (...list: Json[]): Json => ({ rate_limits: [{ actions: list }] });
const key = (value: string): Json => ({ generic_key: { descriptor_value: value } });

const added = (key: string): Json => ({ response_headers_to_add: [{ header: { key, value: "9" } }] });

/** Each action on a route of its own, with a bucket of no tokens for the descriptor it should make. */
const actionRoutes: readonly (readonly [
  path: string,
  action: Json,
  entries: readonly (readonly [string, string])[],
])[] = [
  ["/source", { source_cluster: {} }, [["source_cluster", "differential-cluster"]]],
  ["/header", { request_headers: { header_name: "X-User", descriptor_key: "user" } }, [["user", "ann"]]],
  [
    "/skip",
    { request_headers: { header_name: "x-user", descriptor_key: "user", skip_if_absent: true } },
    [["user", "ann"]],
  ],
  ["/query", { query_parameters: { query_parameter_name: "q", descriptor_key: "q" } }, [["q", "1"]]],
  ["/remote", { remote_address: {} }, [["remote_address", "127.0.0.1"]]],
  ["/masked", { masked_remote_address: { v4_prefix_mask_len: 8 } }, [["masked_remote_address", "127.0.0.0/8"]]],
  ["/generic", key("g"), [["generic_key", "g"]]],
  ["/named", { generic_key: { descriptor_value: "g", descriptor_key: "k" } }, [["k", "g"]]],
  [
    "/format",
    { generic_key: { descriptor_value: "%REQ(x-user)%", default_value: "nobody" } },
    [["generic_key", "nobody"]],
  ],
  [
    "/matches",
    { header_value_match: { descriptor_value: "v", headers: [{ name: "x-user", present_match: true }] } },
    [["header_match", "v"]],
  ],
  [
    "/lacks",
    {
      header_value_match: {
        descriptor_value: "v",
        expect_match: false,
        headers: [{ name: "x-user", present_match: true }],
      },
    },
    [["header_match", "v"]],
  ],
  [
    "/qmatch",
    {
      query_parameter_value_match: {
        descriptor_value: "v",
        query_parameters: [{ name: "q", string_match: { exact: "1" } }],
      },
    },
    [["query_match", "v"]],
  ],
  [
    "/address",
    {
      remote_address_match: {
        descriptor_value: "v",
        address_matcher: { ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
      },
    },
    [["remote_address_match", "v"]],
  ],
  [
    "/metadata",
    { metadata: { descriptor_key: "m", source: "ROUTE_ENTRY", metadata_key: { key: "f", path: [{ key: "k" }] } } },
    [["m", "x"]],
  ],
  [
    "/nometa",
    { metadata: { descriptor_key: "m", metadata_key: { key: "f", path: [{ key: "k" }] }, default_value: "d" } },
    [["m", "d"]],
  ],
];

export const localRatelimitSetups: Record<string, Setup> = {
  localLimit: {
    filters: [
      filter({
        token_bucket: bucket(2),
        response_headers_to_add: [{ header: { key: "x-limited", value: "%RESPONSE_CODE_DETAILS%" } }],
      }),
    ],
    virtualHosts: host([
      route(
        "/own",
        perRoute({
          stat_prefix: "own",
          token_bucket: bucket(1),
          status: { code: "ServiceUnavailable" },
          rate_limited_as_resource_exhausted: true,
        }),
      ),
      route("/low", perRoute({ token_bucket: bucket(0), status: { code: "OK" } })),
      route("/off", {
        typed_per_filter_config: {
          [name]: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
        },
      }),
      route("/not-enabled", perRoute({ token_bucket: bucket(0), filter_enabled: { default_value: { numerator: 0 } } })),
      route("/unsaid", {
        typed_per_filter_config: {
          [name]: {
            "@type": `${http}local_ratelimit.v3.LocalRateLimit`,
            stat_prefix: "unsaid",
            token_bucket: bucket(0),
          },
        },
      }),
      route(
        "/shadow",
        perRoute({
          stat_prefix: "shadow",
          token_bucket: bucket(0),
          filter_enforced: { default_value: { numerator: 0 } },
          request_headers_to_add_when_not_enforced: [
            { header: { key: "x-would", value: "limit" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
          ],
        }),
      ),
      { match: { prefix: "/direct" }, direct_response: { status: 200 } },
      route("/"),
    ]),
  },
  localLimitHeaders: {
    filters: [filter({ token_bucket: bucket(0), enable_x_ratelimit_headers: "DRAFT_VERSION_03" })],
    virtualHosts: host([
      route("/two", perRoute({ token_bucket: bucket(2), enable_x_ratelimit_headers: "DRAFT_VERSION_03" })),
      route("/after", perRoute({ token_bucket: bucket(0), enable_retry_after_header: true })),
      route(
        "/later",
        perRoute({
          token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "30s" },
          enable_retry_after_header: true,
          enable_x_ratelimit_headers: "DRAFT_VERSION_03",
        }),
      ),
      ...[{ status: { code: "ServiceUnavailable" } }, added("retry-after"), added("x-other")].map((more, i) =>
        route(`/more-${i}`, perRoute({ token_bucket: bucket(1), enable_retry_after_header: true, ...more })),
      ),
      route(
        "/enforced",
        perRoute({
          token_bucket: bucket(5),
          enable_retry_after_header: true,
          rate_limits: [{ actions: [key("c")] }],
          descriptors: [
            {
              entries: [{ key: "generic_key", value: "c" }],
              token_bucket: { max_tokens: 1, fill_interval: "70.5s" },
            },
          ],
        }),
      ),
      route(
        "/described",
        perRoute({
          token_bucket: bucket(5),
          enable_retry_after_header: true,
          rate_limits: [{ actions: [key("c")] }],
          descriptors: [descriptor([["generic_key", "c"]], 1)],
          filter_enforced: { default_value: { numerator: 0 } },
        }),
      ),
      route("/one-after", perRoute({ token_bucket: bucket(1), enable_retry_after_header: true })),
      route("/"),
    ]),
  },
  localLimitConnection: {
    filters: [filter({ token_bucket: bucket(1), local_rate_limit_per_downstream_connection: true })],
    virtualHosts: host([route("/")]),
  },
  localLimitActions: {
    filters: [
      filter({
        token_bucket: bucket(1000),
        descriptors: actionRoutes
          .map(([, , entries]) => descriptor(entries, 0))
          .filter((one, i, list) => list.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === i),
      }),
    ],
    virtualHosts: host(
      actionRoutes.map(([path, action]) =>
        route(path, { metadata: { filter_metadata: { f: { k: "x" } } } }, actions(action)),
      ),
    ),
  },
  localLimitDescriptors: {
    filters: [
      filter({
        token_bucket: bucket(1000),
        enable_x_ratelimit_headers: "DRAFT_VERSION_03",
        max_dynamic_descriptors: 2,
        descriptors: [
          descriptor([["generic_key", "one"]], 1),
          descriptor(
            [
              ["generic_key", "a"],
              ["generic_key", "b"],
            ],
            1,
          ),
          descriptor([["user", ""]], 1),
          descriptor([["user", "vip"]], 3),
          descriptor([["generic_key", "many"]], 10),
        ],
      }),
    ],
    virtualHosts: host(
      [
        route("/one", {}, actions(key("one"))),
        route("/both", {}, actions(key("a"), key("b"))),
        route("/reverse", {}, actions(key("b"), key("a"))),
        route("/user", {}, actions({ request_headers: { header_name: "x-user", descriptor_key: "user" } })),
        route("/stage", {}, { rate_limits: [{ stage: 3, actions: [key("one")] }] }),
        route("/hits", {}, { rate_limits: [{ actions: [key("many")], hits_addend: { number: 6 } }] }),
        route("/host"),
        route(
          "/ignore",
          perRoute({
            token_bucket: bucket(5),
            vh_rate_limits: "IGNORE",
            descriptors: [descriptor([["generic_key", "vh"]], 0)],
          }),
        ),
        route(
          "/include",
          perRoute({
            token_bucket: bucket(5),
            vh_rate_limits: "INCLUDE",
            descriptors: [descriptor([["generic_key", "vh"]], 0)],
          }),
          actions(key("none")),
        ),
        route(
          "/override",
          perRoute({ token_bucket: bucket(5), descriptors: [descriptor([["generic_key", "vh"]], 0)] }),
          actions(key("none")),
        ),
        route(
          "/fallback",
          perRoute({ token_bucket: bucket(5), descriptors: [descriptor([["generic_key", "vh"]], 0)] }),
        ),
        route(
          "/hits-config",
          perRoute({
            token_bucket: bucket(5),
            rate_limits: [{ actions: [key("c")], hits_addend: { number: 6 } }],
            descriptors: [descriptor([["generic_key", "c"]], 10)],
            enable_x_ratelimit_headers: "DRAFT_VERSION_03",
          }),
        ),
        route(
          "/format-hits",
          perRoute({
            token_bucket: bucket(5),
            rate_limits: [{ actions: [key("c")], hits_addend: { format: "%REQ(x-hits)%" } }],
            descriptors: [descriptor([["generic_key", "c"]], 4)],
          }),
        ),
        route(
          "/in-config",
          perRoute({
            token_bucket: bucket(5),
            rate_limits: [{ actions: [key("c")] }],
            descriptors: [descriptor([["generic_key", "c"]], 0)],
          }),
          actions(key("none")),
        ),
        route(
          "/no-default",
          perRoute({
            token_bucket: bucket(0),
            always_consume_default_token_bucket: false,
            descriptors: [descriptor([["generic_key", "x"]], 5)],
          }),
          actions(key("x")),
        ),
        route(
          "/no-default-2",
          perRoute({ token_bucket: bucket(0), descriptors: [descriptor([["generic_key", "x"]], 5)] }),
          actions(key("x")),
        ),
      ],
      actions(key("vh")),
    ),
  },
};

const gets = (setup: string, path: string, count: number, ...fields: string[]): Case => ({
  name: `local limit: ${setup} ${count} x ${path} ${fields.join(" ")}`,
  setup,
  // One after the other: Envoy closes where more waits behind an answer of its own.
  send: Array.from({ length: count }, () => request(`GET ${path}`, ...fields)),
});

export const localRatelimitCases: Case[] = [
  gets("localLimit", "/", 4),
  gets("localLimit", "/own", 2),
  gets("localLimit", "/own", 2, "content-type: application/grpc"),
  gets("localLimit", "/low", 1),
  gets("localLimit", "/off", 3),
  gets("localLimit", "/not-enabled", 1),
  gets("localLimit", "/unsaid", 1),
  gets("localLimit", "/shadow", 1, "x-would: x"),
  gets("localLimit", "/direct", 3),
  gets("localLimit", "/none/x", 3, "content-type: application/grpc"),
  { name: "local limit: stats", setup: "localLimit", send: "", stats: "http_local_rate_limit" },
  gets("localLimitHeaders", "/", 1),
  gets("localLimitHeaders", "/two", 3),
  gets("localLimitHeaders", "/after", 1),
  gets("localLimitHeaders", "/one-after", 2),
  gets("localLimitHeaders", "/later", 3),
  gets("localLimitHeaders", "/described", 3),
  gets("localLimitHeaders", "/enforced", 3),
  gets("localLimitHeaders", "/enforced", 2, "content-type: application/grpc"),
  ...[0, 1, 2].map((i) => gets("localLimitHeaders", `/more-${i}`, 2)),
  gets("localLimitConnection", "/", 3),
  gets("localLimitConnection", "/", 2, "x-again: 1"),
  ...actionRoutes.flatMap(([path]) => [
    gets("localLimitActions", path, 1),
    gets("localLimitActions", `${path}?q=1`, 1, "x-user: ann"),
    gets("localLimitActions", `${path}?q=2`, 1, "x-user: bob", "x-user: ann"),
  ]),
  ...[
    "/one",
    "/both",
    "/reverse",
    "/stage",
    "/hits",
    "/host",
    "/ignore",
    "/include",
    "/override",
    "/fallback",
    "/in-config",
    "/hits-config",
    "/no-default",
    "/no-default-2",
  ].map((path) => gets("localLimitDescriptors", path, 3)),
  gets("localLimitDescriptors", "/format-hits", 2, "x-hits: 3"),
  gets("localLimitDescriptors", "/format-hits", 2, "x-hits: x"),
  gets("localLimitDescriptors", "/user", 2, "x-user: ann"),
  gets("localLimitDescriptors", "/user", 2, "x-user: bob"),
  gets("localLimitDescriptors", "/user", 4, "x-user: vip"),
  gets("localLimitDescriptors", "/user", 2),
];
