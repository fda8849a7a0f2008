import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const setMetadataType = `${http}set_metadata.v3.Config`;
const set = (config: Json): Json[] => [{ name: "set", typed_config: { "@type": setMetadataType, ...config } }];
const headerType = `${http}header_to_metadata.v3.Config`;
const header = (config: Json): Json[] => [{ name: "h", typed_config: { "@type": headerType, ...config } }];
const headerRule = (name: string, rule: Json, at: string, text: string): FilterConfigCase => ({
  name: `header_to_metadata: ${name}`,
  filters: header({ request_rules: [rule] }),
  error: { path: `${path}.request_rules[0]${at}`, says: text, envoySays: text },
});
const stateType = `${http}set_filter_state.v3.Config`;
const state = (value: Json): Json[] => [
  { name: "s", typed_config: { "@type": stateType, on_request_headers: [value] } },
];
const text = { format_string: { text_format_source: { inline_string: "x" } } };
const jsonType = `${http}json_to_metadata.v3.JsonToMetadata`;
const jsonRule = (name: string, rule: Json, at: string, text: string): FilterConfigCase => ({
  name: `json_to_metadata: ${name}`,
  filters: [
    {
      name: "j",
      typed_config: { "@type": jsonType, response_rules: { rules: [{ selectors: [{ key: "a" }], ...rule }] } },
    },
  ],
  error: { path: `${path}.response_rules.rules[0]${at}`, says: text, envoySays: `json to metadata filter: ${text}` },
});
const path = "http_filters[0].typed_config";

/** Filters that write dynamic metadata and filter state. */
export const ofMetadata: readonly FilterConfigCase[] = [
  { name: "set_metadata: nothing at all", filters: set({}) },
  {
    name: "set_metadata: an entry without a value",
    filters: set({ metadata: [{ metadata_namespace: "a" }] }),
    warns: "has no value, so it sets nothing",
  },
  {
    name: "set_metadata: a typed value",
    filters: set({ metadata: [{ metadata_namespace: "a", typed_value: { "@type": setMetadataType } }] }),
    error: { path: `${path}.metadata[0].typed_value`, says: "is not implemented", envoySays: null },
  },
  {
    name: "set_metadata: a typed value beside a plain one",
    filters: set({ metadata: [{ metadata_namespace: "a", value: {}, typed_value: { "@type": setMetadataType } }] }),
    warns: "has no effect beside value",
  },
  { name: "header_to_metadata: nothing at all", filters: header({ stat_prefix: "x" }) },
  {
    name: "header_to_metadata: a route without rules",
    route: { typed_per_filter_config: { h: { "@type": headerType } } },
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["h"]`,
      says: "has neither request nor response rules",
      envoySays: "header_to_metadata_filter: Per filter configs must at least specify either request or response rules",
    },
  },
  headerRule(
    "neither header nor cookie",
    { on_header_present: { key: "k" } },
    "",
    "One of Cookie or Header option needs to be specified",
  ),
  headerRule(
    "header and cookie",
    { header: "a", cookie: "b", on_header_present: { key: "k" } },
    ".cookie",
    "Cannot specify both header and cookie in the same rule",
  ),
  headerRule(
    "a rule that does nothing",
    { header: "A" },
    "",
    "rule for header 'a' has neither `on_header_present` nor `on_header_missing` set",
  ),
  headerRule(
    "a cookie that does nothing",
    { cookie: "A" },
    "",
    "rule for cookie 'A' has neither `on_header_present` nor `on_header_missing` set",
  ),
  headerRule(
    "a value and a rewrite",
    {
      header: "a",
      on_header_present: {
        key: "k",
        value: "v",
        regex_value_rewrite: { pattern: { regex: "x" }, substitution: "y" },
      },
    },
    ".on_header_present",
    "Cannot specify both value and regex_value_rewrite",
  ),
  headerRule(
    "a cookie to remove",
    { cookie: "a", remove: true, on_header_present: { key: "k" } },
    ".remove",
    "Cannot specify remove for cookie",
  ),
  headerRule(
    "nothing to say of what is missing",
    { header: "a", on_header_missing: { key: "k" } },
    ".on_header_missing.value",
    "Cannot specify on_header_missing rule with an empty value",
  ),
  headerRule(
    "a pattern that is none",
    { header: "a", on_header_present: { key: "k", regex_value_rewrite: { pattern: { regex: "(x" } } } },
    ".on_header_present.regex_value_rewrite.pattern.regex",
    "missing ): (x",
  ),
  {
    name: "header_to_metadata: a rewrite of what is missing",
    filters: header({
      response_rules: [
        {
          cookie: "a",
          on_header_missing: { key: "k", value: "v", regex_value_rewrite: { pattern: { regex: "x" } } },
        },
      ],
    }),
    warns: "there is nothing to rewrite",
  },
  { name: "set_filter_state: a text", filters: state({ object_key: "a", factory_key: "envoy.string", ...text }) },
  {
    name: "set_filter_state: a text under the factory's name",
    filters: state({ object_key: "envoy.string", ...text }),
  },
  {
    name: "set_filter_state: a key that is no factory",
    filters: state({ object_key: "a", ...text }),
    error: {
      path: `${path}.on_request_headers[0].object_key`,
      says: "is no factory of objects",
      envoySays: "'a' does not have an object factory",
    },
  },
  {
    name: "set_filter_state: a factory that is none",
    filters: state({ object_key: "a", factory_key: "b", ...text }),
    error: {
      path: `${path}.on_request_headers[0].factory_key`,
      says: "is no factory of objects",
      envoySays: "'a' does not have an object factory",
    },
  },
  {
    name: "set_filter_state: a factory that Nuncio has no use for",
    filters: state({ object_key: "envoy.network.upstream_server_name", ...text }),
    error: { path: `${path}.on_request_headers[0].object_key`, says: "not implemented", envoySays: null },
  },
  {
    name: "set_filter_state: an operator that is none",
    filters: state({ object_key: "envoy.string", format_string: { text_format: "%NOPE%" } }),
    error: {
      path: `${path}.on_request_headers[0].format_string.text_format`,
      says: "NOPE",
      envoySays: "Not supported field in StreamInfo: NOPE",
    },
  },
  {
    name: "set_filter_state: shared with the upstream",
    filters: state({ object_key: "envoy.string", ...text, shared_with_upstream: "ONCE" }),
    warns: "has no effect",
  },
  {
    name: "set_filter_state: a value without a key",
    filters: state(text),
    error: {
      path: `${path}.on_request_headers[0]`,
      says: "one of object_key must be set",
      envoySays: 'field: "key", reason: is required',
    },
  },
  {
    name: "set_filter_state: of a route",
    route: { typed_per_filter_config: { s: { "@type": stateType } } },
  },
  { name: "json_to_metadata: nothing at all", filters: [{ name: "j", typed_config: { "@type": jsonType } }] },
  {
    name: "json_to_metadata: a route without rules",
    route: { typed_per_filter_config: { j: { "@type": jsonType } } },
    error: {
      path: `route_config.virtual_hosts[0].routes[0].typed_per_filter_config["j"]`,
      says: "has neither request_rules nor response_rules",
      envoySays:
        "json_to_metadata_filter: Per route configs must at least specify one of request_rules or response_rules.",
    },
  },
  jsonRule(
    "a rule that does nothing",
    { on_error: { key: "k", value: 1 } },
    "",
    "neither `on_present` nor `on_missing` set",
  ),
  jsonRule(
    "nothing to say of what is missing",
    { on_missing: { key: "k" } },
    ".on_missing",
    "cannot specify on_missing rule with empty value",
  ),
  jsonRule(
    "nothing to say of what is broken",
    { on_present: { key: "k" }, on_error: { key: "k", type: "STRING" } },
    ".on_error",
    "cannot specify on_error rule with empty value",
  ),
  {
    name: "json_to_metadata: a pattern that is none",
    filters: [
      {
        name: "j",
        typed_config: {
          "@type": jsonType,
          request_rules: {
            rules: [{ selectors: [{ key: "a" }], on_present: { key: "k" } }],
            allow_content_types_regex: { regex: "(" },
          },
        },
      },
    ],
    error: {
      path: `${path}.request_rules.allow_content_types_regex.regex`,
      says: "missing )",
      envoySays: "missing ): (",
    },
  },
];
