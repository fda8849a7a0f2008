import { act, input, list, requestHeader, typed, valueIs } from "../xds-matchers.ts";
import type { FilterConfigCase } from "./config-cases.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const skip = "envoy.extensions.filters.common.matcher.action.v3.SkipFilter";
const where = (action: string): Json => list([valueIs(requestHeader("a"), { exact: "1" }), act(action)]);
const buffer = {
  name: "b",
  typed_config: typed("envoy.extensions.filters.http.buffer.v3.Buffer", { max_request_bytes: 1 }),
};
const router = { name: "r", typed_config: typed("envoy.extensions.filters.http.router.v3.Router") };
const delegate = (config: Json): Json => ({
  name: "f",
  typed_config: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcher", {
    extension_config: buffer,
    ...config,
  }),
});
const filters = [delegate({ xds_matcher: where(skip) })];
const ofRoute = (config: Json): Json => ({
  typed_per_filter_config: { f: typed("envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute", config) },
});
const wrong = "Didn't find a registered implementation for 'action' with type URL: 'envoy.type.matcher.v3";
const input404 = list([
  valueIs(input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput"), { exact: "404" }),
  act(skip),
]);
const onMatch = "matcher_list.matchers[0].on_match";

export const ofMatchDelegate: FilterConfigCase[] = [
  { name: "match_delegate: a matcher", filters },
  { name: "match_delegate: no matcher", filters: [delegate({})] },
  { name: "match_delegate: the older matcher", filters: [delegate({ matcher: where(skip) })], warns: "deprecated" },
  { name: "match_delegate: around another", filters: [delegate({ extension_config: filters[0] })] },
  { name: "match_delegate: of a route", filters, route: ofRoute({ xds_matcher: input404 }) },
  { name: "match_delegate: of a route, empty", filters, route: ofRoute({}) },
  {
    name: "match_delegate: of a route, for another filter",
    filters: [{ ...buffer, name: "f" }],
    route: ofRoute({ xds_matcher: input404 }),
  },
  {
    name: "match_delegate: of a route, another action",
    filters,
    route: ofRoute({ xds_matcher: where("envoy.type.matcher.v3.HttpRequestHeaderMatchInput") }),
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"].xds_matcher.${onMatch}.action.typed_config`,
      says: "SkipFilter",
      envoySays: wrong,
    },
  },
  {
    name: "match_delegate: the older matcher, another action",
    filters: [delegate({ matcher: where("envoy.type.matcher.v3.HttpRequestHeaderMatchInput") })],
    error: {
      path: `http_filters[0].typed_config.matcher.${onMatch}.action.typed_config`,
      says: "SkipFilter",
      envoySays: wrong,
    },
  },
  {
    name: "match_delegate: around the router",
    filters: [delegate({ extension_config: router })],
    error: {
      path: "http_filters[0].typed_config.extension_config.typed_config",
      says: "cannot be skipped",
      envoySays: null,
    },
  },
];
