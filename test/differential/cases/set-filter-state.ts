import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.set_filter_state";
const type = "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config";
const filter = (values: readonly Json[], more: Json = {}, as = name): Json => ({
  name: as,
  typed_config: { "@type": type, on_request_headers: values, ...more },
});
const value = (object_key: string, text: string, more: Json = {}, format: Json = {}): Json => ({
  object_key,
  factory_key: "envoy.string",
  format_string: { text_format_source: { inline_string: text }, ...format },
  ...more,
});
const perFilter = (values: readonly Json[], more: Json = {}): Json => ({
  typed_per_filter_config: { [name]: { "@type": type, on_request_headers: values, ...more } },
});
const to = (prefix: string, more: Json = {}, match: Json = {}): Json => ({
  match: { prefix, ...match },
  route: { cluster: "backend{lane}" },
  ...more,
});
const state = (key: string, exact: string): Json => ({ filter_state: [{ key, string_match: { exact } }] });
const shown = (...keys: string[]): Json => ({
  request_headers_to_add: keys.map((key, i) => ({ header: { key: `x-${i}`, value: `%FILTER_STATE(${key})%` } })),
});

export const setFilterStateSetups: Record<string, Setup> = {
  setFilterState: {
    filters: [
      filter([
        value("own", "<%REQ(x-a)%>"),
        value("omit", "%REQ(x-a)%", { skip_if_empty: true }, { omit_empty_values: true }),
        value("empty", "%REQ(x-a)%", {}, { omit_empty_values: true }),
        value("skip", "%REQ(x-a)%", { skip_if_empty: true }),
        value("old", "", {}, { text_format_source: undefined, text_format: "old %REQ(:path)%" }),
        value("twice", "first"),
        value("twice", "second %FILTER_STATE(twice:PLAIN)%"),
        value("fixed", "first", { read_only: true }),
        value("fixed", "second"),
        value("late", "first"),
        value("late", "second", { read_only: true }),
        value("both", "first", { read_only: true }),
        value("both", "second", { read_only: true }),
        value("up", "shared", { shared_with_upstream: "TRANSITIVE" }),
        value("hashable", "h", { factory_key: "envoy.hashable_string" }),
        { object_key: "envoy.string", format_string: { text_format_source: { inline_string: "the factory's" } } },
      ]),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...shown(
          "own:PLAIN",
          "own",
          "own:TYPED",
          "omit",
          "empty:PLAIN",
          "empty:TYPED",
          "skip:PLAIN",
          "old:PLAIN",
          "twice:PLAIN",
          "fixed:PLAIN",
          "late:PLAIN",
          "both:PLAIN",
          "up",
          "hashable",
          "envoy.string:PLAIN",
          "route:PLAIN",
          "own:FIELD:value",
        ),
        routes: [
          to("/route", perFilter([value("route", "of the route"), value("own", "the route's")])),
          to("/clear", perFilter([], { clear_route_cache: true })),
          to("/by-state", {}, state("own", "<b>")),
          to("/"),
        ],
      },
      {
        name: "host",
        domains: ["host.test"],
        ...perFilter([value("host", "of the host"), value("both", "the host's")]),
        ...shown("own:PLAIN", "host:PLAIN", "route:PLAIN", "both:PLAIN"),
        routes: [
          to("/route", perFilter([value("route", "after %FILTER_STATE(host:PLAIN)%"), value("host", "the route's")])),
          to("/"),
        ],
      },
    ],
  },
  setFilterStateClear: {
    filters: [
      filter(
        [
          value("kind", "%REQ(x-a)%"),
          value("json", "", {}, { text_format_source: undefined, json_format: { b: "%REQ(x-a)%", a: 1 } }),
        ],
        { clear_route_cache: true },
      ),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/", { request_headers_to_add: [{ header: { key: "x-route", value: "b" } }] }, state("kind", "b")),
          to(
            "/",
            { request_headers_to_add: [{ header: { key: "x-route", value: "json" } }] },
            state("json", '{"a":1,"b":"json"}\n'),
          ),
          to("/", { request_headers_to_add: [{ header: { key: "x-route", value: "other" } }] }),
        ],
      },
    ],
  },
  setFilterStateTwice: {
    filters: [
      filter([value("a", "one", { read_only: true }), value("b", "one")]),
      filter([value("a", "two"), value("b", "two")], {}, "second"),
    ],
    virtualHosts: [{ name: "all", domains: ["*"], ...shown("a:PLAIN", "b:PLAIN"), routes: [to("/")] }],
  },
};

export const setFilterStateCases: readonly Case[] = [
  ...["/", "/route", "/clear"].flatMap((path) => [
    c(`GET ${path}`, request(`GET ${path}`)),
    c(`GET ${path} with a field`, request(`GET ${path}`, "x-a: b")),
  ]),
  c("a field of UTF-8 and quotes", request("GET /", 'x-a: \xc3\xa9"\\')),
  c("an empty field", request("GET /", "x-a:")),
  c("a route by state that is not looked for again", request("GET /by-state", "x-a: b")),
  c("the virtual host's", request("GET /", "host: host.test")),
  c("the virtual host's and the route's", request("GET /route", "host: host.test")),
  c("a route that the state chooses", request("GET /", "x-a: b"), "setFilterStateClear"),
  c("a route that it does not choose", request("GET /", "x-a: c"), "setFilterStateClear"),
  c("a route that the state in JSON chooses", request("GET /", "x-a: json"), "setFilterStateClear"),
  c("two filters", request("GET /"), "setFilterStateTwice"),
];

function c(name: string, send: string, setup = "setFilterState"): Case {
  return { name: `set_filter_state: ${name}`, setup, send };
}
