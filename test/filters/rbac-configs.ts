import { act, input, networkInput, requestHeader, typed } from "../xds-matchers.ts";
import type { FilterConfigCase } from "./config-cases.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const types = "type.googleapis.com/";
const rbac = (config: Json): Json => ({
  name: "envoy.filters.http.rbac",
  typed_config: { "@type": `${types}envoy.extensions.filters.http.rbac.v3.RBAC`, ...config },
});
const policy = (config: Json): Json => rbac({ rules: { policies: { p: config } } });
const header = requestHeader("x-a");
const allow = act("envoy.config.rbac.v3.Action", { name: "p" });
const matching = (single_predicate: Json, on_match: Json = allow): Json =>
  rbac({ matcher: { matcher_list: { matchers: [{ predicate: { single_predicate }, on_match }] } } });
const cel = (expr_match: Json): Json =>
  matching({
    input: input("xds.type.matcher.v3.HttpAttributesCelMatchInput"),
    custom_match: { name: "m", typed_config: typed("xds.type.matcher.v3.CelMatcher", { expr_match }) },
  });
const call = (name: string, ...args: Json[]): Json => ({ call_expr: { function: name, args } });
const text = (value: string): Json => ({ const_expr: { string_value: value } });
const any: Json[] = [{ any: true }];
const network = (config: Json): Json => ({
  name: "envoy.filters.network.rbac",
  typed_config: { "@type": `${types}envoy.extensions.filters.network.rbac.v3.RBAC`, stat_prefix: "n", ...config },
});
const first = 'http_filters[0].typed_config.rules.policies["p"]';
const predicate = "http_filters[0].typed_config.matcher.matcher_list.matchers[0].predicate.single_predicate";

export const ofRbac: FilterConfigCase[] = [
  {
    name: "network rbac: by address",
    networkFilters: [
      network({ rules: { policies: { p: { permissions: [{ destination_port: 80 }], principals: any } } } }),
    ],
  },
  {
    name: "network rbac: a rule on a header",
    networkFilters: [
      network({
        rules: {
          policies: {
            p: { permissions: [{ not_rule: { header: { name: "x", present_match: true } } }], principals: any },
          },
        },
      }),
    ],
    error: {
      path: 'rules.policies["p"]',
      says: "does not have",
      envoySays: "not supported by RBAC network filter",
    },
  },
  {
    name: "network rbac: an input of requests",
    networkFilters: [
      network({
        matcher: {
          matcher_list: {
            matchers: [
              { predicate: { single_predicate: { input: header, value_match: { exact: "1" } } }, on_match: allow },
            ],
          },
        },
      }),
    ],
    error: {
      path: "matcher.matcher_list.matchers[0].predicate.single_predicate.input.typed_config",
      says: "cannot be used here",
      envoySays:
        "RBAC network filter cannot match 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput'",
    },
  },
  {
    name: "network rbac: at every byte",
    networkFilters: [network({ enforcement_type: "CONTINUOUS" })],
  },
  { name: "rbac: an empty matcher", filters: [rbac({ matcher: {} })] },
  { name: "rbac: a matcher of anything", filters: [rbac({ matcher: { on_no_match: allow } })] },
  {
    name: "rbac: the network namespace",
    filters: [matching({ input: networkInput("NetworkNamespaceInput"), value_match: { exact: "/n" } })],
  },
  {
    name: "rbac: the environment",
    filters: [
      matching({
        input: input("envoy.extensions.matching.common_inputs.environment_variable.v3.Config", { name: "X" }),
        value_match: { exact: "1" },
      }),
    ],
  },
  {
    name: "rbac: what only a filter chain's matcher has",
    filters: [matching({ input: networkInput("TransportProtocolInput"), value_match: { exact: "tls" } })],
    error: {
      path: `${predicate}.input.typed_config`,
      says: "cannot be used here",
      envoySays:
        "Didn't find a registered implementation for 'input' with type URL: 'envoy.extensions.matching.common_inputs.network.v3.TransportProtocolInput'",
    },
  },
  { name: "rbac: empty", filters: [rbac({})] },
  { name: "rbac: a policy of all", filters: [policy({ permissions: any, principals: any })] },
  {
    name: "rbac: no good range",
    filters: [policy({ permissions: [{ destination_ip: { address_prefix: "a", prefix_len: 8 } }], principals: any })],
    error: { path: `${first}.permissions[0].destination_ip`, says: '"a"', envoySays: "malformed IP address" },
  },
  {
    name: "rbac: a length too great",
    filters: [
      policy({ permissions: [{ destination_ip: { address_prefix: "1.2.3.4", prefix_len: 33 } }], principals: any }),
    ],
  },
  {
    name: "rbac: no good regex",
    filters: [policy({ permissions: [{ url_path: { path: { safe_regex: { regex: "(" } } } }], principals: any })],
    error: {
      path: `${first}.permissions[0].url_path.path.safe_regex.regex`,
      says: "RE2 refuses",
      envoySays: "missing )",
    },
  },
  {
    name: "rbac: a comprehension",
    filters: [
      policy({
        permissions: any,
        principals: any,
        condition: {
          comprehension_expr: {
            iter_var: "x",
            accu_var: "y",
            iter_range: { list_expr: {} },
            accu_init: text("a"),
            loop_condition: text("a"),
            loop_step: text("a"),
            result: text("a"),
          },
        },
      }),
    ],
    error: {
      path: `${first}.condition`,
      says: "Comprehension support is disabled",
      envoySays: "Comprehension support is disabled",
    },
  },
  {
    name: "rbac: an unknown function",
    filters: [policy({ permissions: any, principals: any, condition: call("nope", text("a")) })],
    error: {
      path: `${first}.condition`,
      says: "nope",
      envoySays: "No overload found in reference resolve step for nope",
    },
  },
  {
    name: "rbac: conversion to a string without leave",
    filters: [policy({ permissions: any, principals: any, condition: call("string", text("a")) })],
    error: {
      path: `${first}.condition`,
      says: "string",
      envoySays: "No overload found in reference resolve step for string",
    },
  },
  { name: "rbac: a header by matcher", filters: [matching({ input: header, value_match: { exact: "1" } })] },
  {
    name: "rbac: an input that is not for requests",
    filters: [
      matching({ input: input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput"), value_match: { exact: "1" } }),
    ],
    error: {
      path: `${predicate}.input.typed_config`,
      says: "cannot be used here",
      envoySays:
        "RBAC HTTP filter cannot match on 'type.googleapis.com/envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput'",
    },
  },
  {
    name: "rbac: keep_matching",
    filters: [matching({ input: header, value_match: { exact: "1" } }, { ...allow, keep_matching: true })],
    error: {
      path: "http_filters[0].typed_config.matcher.matcher_list.matchers[0].on_match.keep_matching",
      says: "not supported here",
      envoySays: "keep_matching is not supported in this context",
    },
  },
  {
    name: "rbac: CEL as text",
    filters: [cel({ cel_expr_string: "true" })],
    error: {
      path: `${predicate}.custom_match.typed_config.expr_match`,
      says: "cel_expr_string",
      envoySays: "CEL expression not set",
    },
  },
  { name: "rbac: CEL, parsed", filters: [cel({ cel_expr_parsed: { expr: text("a") } })] },
  {
    name: "rbac: a regex in CEL",
    filters: [cel({ cel_expr_parsed: { expr: call("matches", text("a"), text("(")) } })],
    error: {
      path: `${predicate}.custom_match.typed_config.expr_match`,
      says: "invalid regular expression",
      envoySays: "failed to create an expression: invalid regular expression: ",
    },
  },
];
