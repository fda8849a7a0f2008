import { act, customIs, customTree, input, list, networkInput, tree, typed, valueIs } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const to = (name: string): Json => act("google.protobuf.StringValue", { value: name });
const otherwise = (matcher: Json, name: string): Json => ({ ...matcher, on_no_match: to(name) });
const regex = (text: string): Json => ({ safe_regex: { google_re2: {}, regex: text } });
const range = (address_prefix: string, prefix_len: number): Json => ({ address_prefix, prefix_len });
const listenerFilter = (name: string, type: string, config: Json = {}): Json => ({
  name,
  typed_config: typed(`envoy.extensions.filters.listener.${name}.v3.${type}`, config),
});
const proxied = listenerFilter("proxy_protocol", "ProxyProtocol", { allow_requests_without_proxy_protocol: true });
const readsHttp = listenerFilter("http_inspector", "HttpInspector");
const readsTls = listenerFilter("tls_inspector", "TlsInspector");

/** It answers with its name. */
const chain = (name: string, more: Json = {}): Json => ({
  name,
  filters: [
    {
      name: "hcm",
      typed_config: typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
        stat_prefix: "in{lane}",
        http_filters: [{ name: "router", typed_config: typed("envoy.extensions.filters.http.router.v3.Router") }],
        route_config: {
          virtual_hosts: [
            {
              name: "all",
              domains: ["*"],
              routes: [
                {
                  match: { prefix: "/" },
                  direct_response: { status: 200, body: { inline_string: `chain ${name}` } },
                  response_headers_to_add: [{ header: { key: "x-chain", value: "%FILTER_CHAIN_NAME%" } }],
                },
              ],
            },
          ],
        },
      }),
    },
  ],
  ...more,
});
const setup = (filter_chain_matcher: Json, more: Json = {}): Setup => ({
  listener: { filter_chains: [chain("a"), chain("b")], filter_chain_matcher, ...more },
});
const isPresent = (kind: string): Json => otherwise(list([valueIs(networkInput(kind), regex(".*")), to("a")]), "b");
const ofCertificate = (kind: string): Json => input(`envoy.extensions.matching.common_inputs.ssl.v3.${kind}Input`);
const share = (runtime_fraction: Json, seed?: string): Json =>
  otherwise(
    list([
      customIs(
        networkInput("SourceIPInput"),
        "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction",
        { runtime_fraction, ...(seed === undefined ? {} : { seed }) },
      ),
      to("a"),
    ]),
    "b",
  );
const shares = [
  share({ default_value: { numerator: 30 }, runtime_key: "none" }),
  share({ default_value: { numerator: 300_000, denominator: "MILLION" } }, "18446744073709551615"),
  share({ default_value: { numerator: 0 }, runtime_key: "share" }),
  share({ default_value: { numerator: 0 }, runtime_key: "part" }),
];
/** Each is asked of connections to an address of its own. */
const parts = [
  ...shares,
  isPresent("ServerNameInput"),
  isPresent("NetworkNamespaceInput"),
  isPresent("ApplicationProtocolInput"),
  isPresent("TransportProtocolInput"),
  otherwise(list([valueIs(networkInput("FilterStateInput", { key: "k" }), regex(".*")), to("a")]), "b"),
  otherwise(list([valueIs(networkInput("FilterStateInput", { key: "k", field: "f" }), regex(".*")), to("a")]), "b"),
  tree(networkInput("SourceIPInput"), "prefix", {
    "10.2.0.": { matcher: tree(networkInput("SourcePortInput"), "exact", { "9": to("a") }) },
    "10.2": to("b"),
  }),
  list([
    {
      or_matcher: {
        predicate: [
          valueIs(ofCertificate("Subject"), { exact: "x" }),
          valueIs(networkInput("SourcePortInput"), { exact: "1" }),
        ],
      },
    },
    to("a"),
  ]),
  otherwise({}, "b"),
];
const byDefault: Json = { default_filter_chain: chain("d") };
const withProxied: Json = { listener_filters: [proxied] };

const plainSetups: Record<string, Setup> = {
  chainNothing: setup({}),
  chainUnknown: setup({ on_no_match: to("zzz") }),
  chainUnknownWithDefault: setup({ on_no_match: to("zzz") }, byDefault),
  chainDefault: setup(tree(networkInput("DestinationPortInput"), "exact", { "1": to("a") }), byDefault),
  chainNoDefault: setup(tree(networkInput("DestinationPortInput"), "exact", { "1": to("a") })),
  chainDefaultByName: setup({ on_no_match: to("d") }, byDefault),
  chainMatchIgnored: setup(
    { on_no_match: to("b") },
    {
      filter_chains: [
        chain("a", { filter_chain_match: { server_names: ["*a"] } }),
        chain("b", { filter_chain_match: { destination_port: 1 } }),
      ],
    },
  ),
  chainSourceType: setup(tree(networkInput("SourceTypeInput"), "exact", { local: to("a") })),
  chainTransport: setup(tree(networkInput("TransportProtocolInput"), "exact", { raw_buffer: to("a"), tls: to("b") })),
  // What is not known yet decides nothing: the default one, not on_no_match.
  chainCertificate: setup(
    otherwise(list([{ not_matcher: valueIs(ofCertificate("UriSan"), { exact: "x" }) }, to("a")]), "b"),
    byDefault,
  ),
};
/** Nothing serves these: nothing is sent, as what comes to a socket that closes makes a reset of its end. */
const closed = new Set([
  "chainNothing",
  "chainUnknown",
  "chainUnknownWithDefault",
  "chainNoDefault",
  "chainDefaultByName",
]);

export const filterChainMatcherSetups: Record<string, Setup> = {
  ...plainSetups,
  chainInspected: setup(tree(networkInput("TransportProtocolInput"), "exact", { raw_buffer: to("a"), tls: to("b") }), {
    listener_filters: [readsTls],
  }),
  chainHttp: setup(
    otherwise(
      tree(networkInput("ApplicationProtocolInput"), "exact", { "'http/1.1'": to("a"), "http/1.0": to("b") }),
      "b",
    ),
    { listener_filters: [readsHttp] },
  ),
  chainSource: setup(
    otherwise(
      list(
        [
          customIs(networkInput("SourceIPInput"), "envoy.extensions.matching.input_matchers.ip.v3.Ip", {
            stat_prefix: "ip",
            cidr_ranges: [range("10.0.0.0", 8)],
          }),
          to("a"),
        ],
        [valueIs(networkInput("SourcePortInput"), { exact: "77" }), to("a")],
        [valueIs(networkInput("DestinationIPInput"), { prefix: "192.168." }), to("a")],
        [valueIs(networkInput("DestinationPortInput"), { suffix: "99" }), to("a")],
        [valueIs(networkInput("DirectSourceIPInput"), { prefix: "20." }), to("a")],
      ),
      "b",
    ),
    withProxied,
  ),
  chainRanges: setup(
    customTree(networkInput("SourceIPInput"), "xds.type.matcher.v3.IPMatcher", {
      range_matchers: [
        { ranges: [range("10.0.0.0", 8)], on_match: to("a") },
        { ranges: [range("10.1.0.0", 16)], on_match: to("b"), exclusive: true },
        {
          ranges: [range("10.1.1.0", 24)],
          on_match: { matcher: tree(networkInput("SourcePortInput"), "exact", { "7": to("d") }) },
        },
      ],
    }),
    { ...withProxied, filter_chains: [chain("a"), chain("b"), chain("d")] },
  ),
  chainParts: {
    ...setup(
      tree(
        networkInput("DestinationIPInput"),
        "exact",
        Object.fromEntries(parts.map((matcher, i) => [`1.1.1.${i}`, { matcher }])),
      ),
      { ...withProxied, ...byDefault },
    ),
    runtime: { share: 60, part: { numerator: 4000, denominator: "TEN_THOUSAND" } },
  },
};

const c = (name: string, more: Partial<Case> = {}): Case => ({
  name: `filter chain matcher: ${name} ${JSON.stringify(more)}`,
  setup: name,
  send: request("GET /"),
  ...more,
});
const from = (name: string, source: string, destination = "1.1.1.1", ports = "1 2"): Case =>
  c(name, { send: `PROXY TCP4 ${source} ${destination} ${ports}\r\n${request("GET /")}`, answers: 1 });
const stats = (name: string): Case => ({
  name: `filter chain matcher: ${name} stats`,
  setup: name,
  send: "",
  stats: "^listener[.]([^.]*[.]){4}(no_filter_chain_match|downstream_pre_cx_active|downstream_cx_(total|destroy))$",
});
const sources = Array.from({ length: 12 }, (_, i) => `10.2.${i}.${7 * i}`);

export const filterChainMatcherCases: readonly Case[] = [
  ...Object.keys(plainSetups).flatMap((name) =>
    closed.has(name) ? [c(name, { send: "", holdMs: 300 }), stats(name)] : [c(name), stats(name)],
  ),
  c("chainInspected"),
  c("chainInspected", { send: "", holdMs: 200 }),
  c("chainHttp"),
  c("chainHttp", { send: "GET / HTTP/1.0\r\n\r\n" }),
  from("chainSource", "10.9.9.9"),
  from("chainSource", "11.9.9.9"),
  from("chainSource", "11.9.9.9", "1.1.1.1", "77 2"),
  from("chainSource", "11.9.9.9", "192.168.1.1"),
  from("chainSource", "11.9.9.9", "1.1.1.1", "1 9999"),
  from("chainSource", "20.9.9.9"),
  c("chainSource"),
  from("chainRanges", "10.9.9.9"),
  from("chainRanges", "10.1.9.9"),
  from("chainRanges", "10.1.1.9", "1.1.1.1", "7 2"),
  from("chainRanges", "10.1.1.9"),
  ...shares.flatMap((_, i) => sources.map((source) => from("chainParts", source, `1.1.1.${i}`))),
  ...parts.slice(shares.length).map((_, i) => from("chainParts", "10.2.0.7", `1.1.1.${shares.length + i}`)),
];
