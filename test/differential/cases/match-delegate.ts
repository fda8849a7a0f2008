import { act, input, list, requestHeader, typed, valueIs } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const answered = input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput");
const skipWhere = (of: Json, value: Json): Json =>
  list([valueIs(of, value), act("envoy.extensions.filters.common.matcher.action.v3.SkipFilter")]);
const delegate = (name: string, xds_matcher: Json | null, typed_config: Json): Json => ({
  name,
  typed_config: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcher", {
    ...(xds_matcher === null ? {} : { xds_matcher }),
    extension_config: { name: "inner", typed_config },
  }),
});
const tag = (name: string): Json =>
  typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutation", {
    mutations: {
      request_mutations: [{ append: { header: { key: `x-req-${name}`, value: "1" } } }],
      response_mutations: [{ append: { header: { key: `x-res-${name}`, value: "1" } } }],
    },
  });

/** What a route says of the matcher. */
const perRoute = (xds_matcher: Json): Json =>
  typed("envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute", { xds_matcher });
const fault = (http_status: number): Json =>
  typed("envoy.extensions.filters.http.fault.v3.HTTPFault", {
    abort: { http_status, percentage: { numerator: 100 } },
  });
const said = (path: string, typed_per_filter_config: Json): Json => ({
  match: { prefix: path },
  route: { cluster: "backend{lane}" },
  typed_per_filter_config,
});
const mutates = (key: string): Json =>
  typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute", {
    mutations: { response_mutations: [{ append: { header: { key, value: "1" } } }] },
  });
const unless = (header: string): Json => skipWhere(requestHeader(header), { exact: "no" });

export const matchDelegateSetups: Record<string, Setup> = {
  matchDelegate: {
    filters: [
      delegate(
        "abort",
        skipWhere(requestHeader("x-abort"), { exact: "no" }),
        typed("envoy.extensions.filters.http.fault.v3.HTTPFault", {
          abort: { http_status: 418, percentage: { numerator: 100 } },
        }),
      ),
      delegate("by-answer", skipWhere(answered, { exact: "404" }), tag("by-answer")),
      delegate("always", skipWhere(requestHeader("x-never"), { exact: "never" }), tag("always")),
      delegate(
        "buffered",
        skipWhere(requestHeader("x-buffer"), { exact: "no" }),
        typed("envoy.extensions.filters.http.buffer.v3.Buffer", {
          max_request_bytes: 4,
        }),
      ),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          {
            match: { prefix: "/own" },
            route: { cluster: "backend{lane}" },
            typed_per_filter_config: {
              abort: typed("envoy.extensions.filters.http.fault.v3.HTTPFault", {
                abort: { http_status: 419, percentage: { numerator: 100 } },
              }),
            },
          },
          { match: { prefix: "/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  },
  matchDelegateRoutes: {
    filters: [
      delegate("abort", unless("x-abort"), fault(418)),
      delegate("bare", null, tag("bare")),
      {
        name: "old",
        typed_config: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcher", {
          matcher: unless("x-old"),
          extension_config: { name: "inner", typed_config: tag("old") },
        }),
      },
      delegate("tags", unless("x-tags"), tag("tags")),
      {
        name: "plain",
        typed_config: tag("plain"),
      },
    ],
    virtualHosts: [
      {
        name: "shop",
        domains: ["shop.test"],
        routes: [
          said("/matcher", { abort: perRoute(unless("x-route")) }),
          said("/empty", {
            abort: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute"),
          }),
          said("/inner", { abort: fault(419) }),
          said("/bare", { bare: perRoute(unless("x-route")) }),
          said("/answer", { tags: perRoute(skipWhere(answered, { exact: "404" })) }),
          said("/foreign", { plain: perRoute(unless("x-route")), abort: mutates("x-no") }),
          said("/off", { abort: typed("envoy.config.route.v3.FilterConfig", { disabled: true }) }),
          said("/", {}),
        ],
      },
      {
        name: "inner",
        domains: ["inner.test"],
        typed_per_filter_config: {
          abort: fault(420),
          tags: mutates("x-of-the-host"),
        },
        routes: [
          said("/matcher", { abort: perRoute(unless("x-route")), tags: perRoute(unless("x-route")) }),
          said("/", {}),
        ],
      },
      {
        name: "outer",
        domains: ["outer.test"],
        typed_per_filter_config: {
          abort: perRoute(unless("x-host")),
          tags: perRoute(unless("x-host")),
        },
        routes: [
          said("/matcher", { abort: perRoute(unless("x-route")) }),
          said("/inner", {
            abort: fault(421),
            tags: mutates("x-of-the-route"),
          }),
          said("/", {}),
        ],
      },
    ],
  },
};

const host = "host: shop.test";
const shopPaths = ["/matcher", "/empty", "/inner", "/bare", "/answer", "/foreign", "/off", "/"];

export const matchDelegateCases: readonly Case[] = [
  c("not skipped", request("GET /", host)),
  ...["/", "/own"].flatMap((path) => [
    c(`${path}, skipped`, request(`GET ${path}`, host, "x-abort: no")),
    c(`${path}, decided by the answer`, request(`GET ${path}`, host, "x-abort: no", "x-do: status:404")),
    c(`${path}, decided by another answer`, request(`GET ${path}`, host, "x-abort: no", "x-do: status:500")),
    c(`${path}, of the route`, request(`GET ${path}`, host, "x-tag: no")),
    c(`${path}, buffered`, `${request(`POST ${path}`, host, "x-abort: no", "content-length: 4")}1234`),
    c(
      `${path}, a body that is not buffered`,
      `${request(`POST ${path}`, host, "x-abort: no", "x-buffer: no", "content-length: 5")}12345`,
    ),
  ]),
  ...["shop", "inner", "outer"].flatMap((domain) =>
    (domain === "shop" ? shopPaths : ["/matcher", "/inner", "/"]).flatMap((path) =>
      [
        [],
        ["x-abort: no"],
        ["x-abort: no", "x-old: no"],
        ["x-route: no"],
        ["x-host: no"],
        ["x-route: no", "x-abort: no"],
        ["x-tags: no", "x-abort: no"],
      ].map((fields) => ({
        ...c(
          `${domain}${path} ${fields.join(" ")}`,
          request(`GET ${path}`, `host: ${domain}.test`, "x-do: status:404", ...fields),
        ),
        setup: "matchDelegateRoutes",
      })),
    ),
  ),
  { name: "the stats of match_delegate", setup: "matchDelegate", send: "", stats: "fault" },
];

function c(what: string, send: string): Case {
  return { name: `match_delegate: ${what}`, setup: "matchDelegate", send };
}
