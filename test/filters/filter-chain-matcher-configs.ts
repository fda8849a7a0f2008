import { act, customIs, customTree, input, list, networkInput, requestHeader, tree } from "../xds-matchers.ts";
import type { FilterConfigCase } from "./config-cases.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const to = (name: string): Json => act("google.protobuf.StringValue", { value: name });
const port = networkInput("DestinationPortInput");
const byPort = tree(port, "exact", { "1": to("a") });
const manager: Json = {
  name: "hcm",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {},
    http_filters: [
      {
        name: "router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  },
};
const chain = (name: string, more: Json = {}): Json => ({ name, filters: [manager], ...more });
const matching = (filter_chain_matcher: Json, ...filter_chains: Json[]): Json => ({
  filter_chain_matcher,
  filter_chains: filter_chains.length === 0 ? [chain("a"), chain("b")] : filter_chains,
});
const of = (kind: string, config: Json = {}): Json =>
  matching(tree(networkInput(kind, config), "exact", { x: to("a") }));
const input_matchers = "envoy.extensions.matching.input_matchers";
const tree0 = "filter_chain_matcher.matcher_tree";

const inputs = ["DestinationIP", "DestinationPort", "SourceIP", "SourcePort", "DirectSourceIP", "SourceType"];

/** Paths are under the listener. */
export const ofFilterChainMatcher: FilterConfigCase[] = [
  ...[...inputs, "ServerName", "TransportProtocol", "ApplicationProtocol", "NetworkNamespace"].map((kind) => ({
    name: `filter chain matcher: ${kind}Input`,
    listener: of(`${kind}Input`),
  })),
  { name: "filter chain matcher: a field of filter state", listener: of("FilterStateInput", { key: "k", field: "f" }) },
  { name: "filter chain matcher: empty", listener: matching({}) },
  {
    name: "filter chain matcher: the default chain alone",
    listener: { ...matching(byPort), filter_chains: [], default_filter_chain: chain("") },
  },
  {
    name: "filter chain matcher: the environment",
    listener: matching(
      tree(input("envoy.extensions.matching.common_inputs.environment_variable.v3.Config", { name: "X" }), "exact", {
        x: to("a"),
      }),
    ),
  },
  {
    name: "filter chain matcher: certificates, which come later",
    listener: matching(
      tree(input("envoy.extensions.matching.common_inputs.ssl.v3.DnsSanInput"), "exact", { x: to("a") }),
    ),
  },
  {
    name: "filter chain matcher: a chain without a name",
    listener: matching(byPort, chain("a"), chain("")),
    error: {
      path: "filter_chains[1].name",
      says: "is missing",
      envoySays: `error adding listener '127.0.0.1:10000': "name" field is required when using a listener matcher`,
    },
  },
  {
    name: "filter chain matcher: two chains of one name",
    listener: matching(byPort, chain("a"), chain("a")),
    error: {
      path: "filter_chains[1].name",
      says: "the name of another chain",
      envoySays: `error adding listener '127.0.0.1:10000': "name" field is duplicated with value 'a'`,
    },
  },
  {
    name: "filter chain matcher: a chain that is not there",
    listener: matching(tree(port, "exact", { "1": to("z") })),
    warns: `no filter chain is named "z"`,
  },
  {
    name: "filter chain matcher: beside filter_chain_match",
    listener: matching(byPort, chain("a", { filter_chain_match: { server_names: ["a*b"] } })),
    warns: "is ignored, as the listener has a filter_chain_matcher",
  },
  {
    name: "filter chain matcher: another action",
    listener: matching(tree(port, "exact", { "1": act("envoy.config.rbac.v3.Action", { name: "p" }) })),
    error: {
      path: `${tree0}.exact_match_map.map["1"].action.typed_config`,
      says: "a chain's name",
      envoySays:
        "cannot create a filter chain matcher: Didn't find a registered implementation for 'action' with type URL: 'envoy.config.rbac.v3.Action'",
    },
  },
  {
    name: "filter chain matcher: an input of requests",
    listener: matching(tree(requestHeader("x"), "exact", { "1": to("a") })),
    error: {
      path: `${tree0}.input.typed_config`,
      says: "cannot be used here",
      envoySays:
        "cannot create a filter chain matcher: Didn't find a registered implementation for 'input' with type URL: 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput'",
    },
  },
  {
    name: "filter chain matcher: CEL",
    listener: matching(tree(input("xds.type.matcher.v3.HttpAttributesCelMatchInput"), "exact", { "1": to("a") })),
    error: {
      path: `${tree0}.input.typed_config`,
      says: "cannot be used here",
      envoySays:
        "cannot create a filter chain matcher: Didn't find a registered implementation for 'input' with type URL: 'xds.type.matcher.v3.HttpAttributesCelMatchInput'",
    },
  },
  {
    name: "filter chain matcher: dynamic metadata",
    listener: of("DynamicMetadataInput", { filter: "f", path: [{ key: "k" }] }),
    error: {
      path: `${tree0}.input.typed_config`,
      says: "cannot be used here",
      envoySays:
        "cannot create a filter chain matcher: Didn't find a registered implementation for 'input' with type URL: 'envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput'",
    },
  },
  {
    name: "filter chain matcher: no good range",
    listener: matching(
      customTree(networkInput("SourceIPInput"), "xds.type.matcher.v3.IPMatcher", {
        range_matchers: [{ ranges: [{ address_prefix: "x", prefix_len: 3 }], on_match: to("a") }],
      }),
    ),
    error: {
      path: `${tree0}.custom_match.typed_config.range_matchers[0].ranges[0]`,
      says: "is no IP address",
      envoySays: "malformed IP address: x",
    },
  },
  {
    name: "filter chain matcher: a length too great",
    listener: matching(
      customTree(networkInput("SourceIPInput"), "xds.type.matcher.v3.IPMatcher", {
        range_matchers: [{ ranges: [{ address_prefix: "1.2.3.4", prefix_len: 40 }], on_match: to("a") }],
      }),
    ),
  },
  {
    // Envoy takes it and dies of the first connection.
    name: "filter chain matcher: keep_matching",
    listener: matching(tree(port, "exact", { "1": { ...to("a"), keep_matching: true } })),
    error: { path: `${tree0}.exact_match_map.map["1"].keep_matching`, says: "is not supported here", envoySays: null },
  },
  {
    name: "filter chain matcher: a share without a default",
    listener: matching(
      list([
        customIs(port, `${input_matchers}.runtime_fraction.v3.RuntimeFraction`, {
          runtime_fraction: { runtime_key: "k" },
        }),
        to("a"),
      ]),
    ),
    error: {
      path: "filter_chain_matcher.matcher_list.matchers[0].predicate.single_predicate.custom_match.typed_config.runtime_fraction.default_value",
      says: "is required",
      envoySays: "RuntimeFractionalPercentValidationError.DefaultValue: value is required",
    },
  },
  {
    name: "filter chain matcher: a share of nothing",
    listener: matching(list([customIs(port, `${input_matchers}.runtime_fraction.v3.RuntimeFraction`, {}), to("a")])),
    error: {
      path: "filter_chain_matcher.matcher_list.matchers[0].predicate.single_predicate.custom_match.typed_config.runtime_fraction",
      says: "is required",
      envoySays: "RuntimeFractionValidationError.RuntimeFraction: value is required",
    },
  },
];
