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
];
