import { act, input, list, requestHeader, typed, valueIs } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const answered = input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput");
const skipWhere = (of: Json, value: Json): Json =>
  list([valueIs(of, value), act("envoy.extensions.filters.common.matcher.action.v3.SkipFilter")]);
const delegate = (name: string, xds_matcher: Json, typed_config: Json): Json => ({
  name,
  typed_config: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcher", {
    xds_matcher,
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
};

const host = "host: shop.test";

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
  { name: "the stats of match_delegate", setup: "matchDelegate", send: "", stats: "fault" },
];

function c(what: string, send: string): Case {
  return { name: `match_delegate: ${what}`, setup: "matchDelegate", send };
}
