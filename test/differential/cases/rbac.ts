import { act, customIs, input, list, networkInput, requestHeader, typed, valueIs } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.rbac";
const types = "type.googleapis.com/";
const filterType = `${types}envoy.extensions.filters.http.rbac.v3.RBAC`;
const any: Json = { any: true };

/** One policy of these permissions for everyone. */
const may = (permission: Json, action = "ALLOW"): Json => ({
  rules: { action, policies: { "the policy": { permissions: [permission], principals: [any] } } },
});
/** One policy of everything for these. */
const who = (principal: Json, action = "ALLOW"): Json => ({
  rules: { action, policies: { p: { permissions: [any], principals: [principal] } } },
});
const when = (condition: Json, more: Json = {}): Json => ({
  rules: { policies: { p: { permissions: [any], principals: [any], condition, ...more } } },
});

const ident = (text: string): Json => ({ ident_expr: { name: text } });
const select = (operand: Json, field: string): Json => ({ select_expr: { operand, field } });
const call = (fn: string, ...args: Json[]): Json => ({ call_expr: { function: fn, args } });
const text = (value: string): Json => ({ const_expr: { string_value: value } });
const isGet = call("_==_", select(ident("request"), "method"), text("GET"));
const headerIs = (field: string, value: string): Json =>
  call("_==_", call("_[_]", select(ident("request"), "headers"), text(field)), text(value));

const allow = (name: string, action = "ALLOW"): Json => act("envoy.config.rbac.v3.Action", { name, action });
const tree = (of: Json, type: string, config: Json): Json => ({
  matcher_tree: { input: of, custom_match: { name: "tree", typed_config: typed(type, config) } },
});
const ips = (of: Json, ...range_matchers: Json[]): Json =>
  tree(of, "xds.type.matcher.v3.IPMatcher", { range_matchers });
const domains = (of: Json, ...domain_matchers: Json[]): Json =>
  tree(of, "xds.type.matcher.v3.ServerNameMatcher", { domain_matchers });
const range = (address_prefix: string, prefix_len: number): Json => ({ address_prefix, prefix_len });
const a = valueIs(requestHeader("x-a"), { exact: "1" });
const san = valueIs(input("envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput"), { contains: "a" });
const b = valueIs(requestHeader("x-b"), { prefix: "1" });

/** Path to the RBAC of its route. */
const policies: Record<string, Json> = {
  "no-rules": {},
  "nothing-allowed": { rules: { action: "ALLOW" } },
  "nothing-denied": { rules: { action: "DENY" } },
  "allow-all": may(any),
  "deny-all": may(any, "DENY"),
  "log-all": may(any, "LOG"),
  "log-some": may({ header: { name: "x-a", string_match: { exact: "1" } } }, "LOG"),
  header: may({ header: { name: "x-a", string_match: { exact: "1" } } }),
  "header-deny": may({ header: { name: "x-a", present_match: true } }, "DENY"),
  "header-not": may({ not_rule: { header: { name: "x-a", present_match: true } } }),
  method: may({ header: { name: ":method", string_match: { exact: "GET" } } }),
  path: may({ url_path: { path: { suffix: "/x" } } }),
  "path-regex": may({ url_path: { path: { safe_regex: { regex: "/path-regex/[a-z]+" } } } }),
  template: may({
    uri_template: {
      name: "t",
      typed_config: {
        "@type": `${types}envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`,
        path_template: "/template/{a}/b/*",
      },
    },
  }),
  and: may({
    and_rules: {
      rules: [{ header: { name: "x-a", present_match: true } }, { header: { name: "x-b", present_match: true } }],
    },
  }),
  or: may({
    or_rules: {
      rules: [{ header: { name: "x-a", present_match: true } }, { header: { name: "x-b", present_match: true } }],
    },
  }),
  "local-ip": may({ destination_ip: range("127.0.0.0", 8) }),
  "other-ip": may({ destination_ip: range("10.0.0.0", 8) }),
  "ip-without-length": may({ destination_ip: { address_prefix: "127.0.0.1" } }),
  port: may({ destination_port: 80 }),
  ports: may({ destination_port_range: { start: 1024, end: 65536 } }),
  "server-name": may({ requested_server_name: { exact: "" } }),
  "server-name-not": may({ requested_server_name: { prefix: "a" } }),
  metadata: may({ metadata: { filter: "f", path: [{ key: "k" }], value: { string_match: { exact: "v" } } } }),
  "metadata-invert": may({
    metadata: { filter: "f", path: [{ key: "k" }], value: { string_match: { exact: "v" } }, invert: true },
  }),
  "route-metadata": may({
    sourced_metadata: {
      metadata_source: "ROUTE",
      metadata_matcher: { filter: "of-route", path: [{ key: "k" }], value: { string_match: { exact: "v" } } },
    },
  }),
  source: who({ source_ip: range("127.0.0.0", 8) }),
  direct: who({ direct_remote_ip: range("127.0.0.0", 8) }),
  remote: who({ remote_ip: range("10.1.0.0", 16) }),
  "remote-deny": who({ remote_ip: range("10.1.0.0", 16) }, "DENY"),
  authenticated: who({ authenticated: {} }),
  "not-authenticated": who({ not_id: { authenticated: { principal_name: { exact: "" } } } }),
  "who-header": who({ header: { name: "x-user", string_match: { contains: "ann" } } }),
  "who-path": who({ url_path: { path: { prefix: "/who-path/ann" } } }),
  "who-and": who({ and_ids: { ids: [any, { header: { name: "x-a", present_match: true } }] } }),
  "who-or": who({ or_ids: { ids: [{ authenticated: {} }, { header: { name: "x-a", present_match: true } }] } }),
  "filter-state": who({ filter_state: { key: "k", string_match: { exact: "v" } } }),
  mtls: who({
    custom: {
      name: "mtls",
      typed_config: {
        "@type": `${types}envoy.extensions.rbac.principals.mtls_authenticated.v3.Config`,
        any_validated_client_certificate: true,
      },
    },
  }),
  sorted: {
    rules: {
      policies: {
        zeta: { permissions: [any], principals: [any] },
        Alpha: { permissions: [{ header: { name: "x-a", present_match: true } }], principals: [any] },
        alpha: { permissions: [{ header: { name: "x-b", present_match: true } }], principals: [any] },
      },
    },
    track_per_rule_stats: true,
  },
  condition: when(isGet),
  "condition-header": when(headerIs("x-a", "1")),
  "condition-no-bool": when(text("true")),
  "condition-string": when(call("_==_", call("string", ident("1")), text("a")), {
    cel_config: { enable_string_conversion: true },
  }),
  shadow: { shadow_rules: (may(any, "DENY") as { rules: Json }).rules, shadow_rules_stat_prefix: "sh_" },
  both: {
    ...may(any),
    rules_stat_prefix: "en_",
    shadow_rules: (may({ header: { name: "x-a", present_match: true } }) as { rules: Json }).rules,
    shadow_rules_stat_prefix: "sh_",
    track_per_rule_stats: true,
  },
  "matcher-header": { matcher: list([a, allow("first")], [b, allow("second", "DENY")]) },
  "matcher-otherwise": { matcher: { ...list([a, allow("first", "DENY")]), on_no_match: allow("otherwise") } },
  "matcher-log": { matcher: { ...list([a, allow("log it", "LOG")]), on_no_match: allow("otherwise") } },
  "matcher-and": { matcher: list([{ and_matcher: { predicate: [a, b] } }, allow("both")]) },
  "matcher-or": { matcher: list([{ or_matcher: { predicate: [a, b] } }, allow("either")]) },
  "matcher-not": { matcher: list([{ not_matcher: a }, allow("not a")]) },
  "matcher-nested": { matcher: list([a, { matcher: list([b, allow("inner")]) }], [b, allow("after", "DENY")]) },
  "matcher-nested-otherwise": {
    matcher: list([a, { matcher: { ...list([b, allow("inner")]), on_no_match: allow("inner otherwise", "DENY") } }]),
  },
  "matcher-exact-map": {
    matcher: {
      matcher_tree: {
        input: requestHeader("x-a"),
        exact_match_map: { map: { 1: allow("one"), 2: allow("two", "DENY") } },
      },
    },
  },
  "matcher-prefix-map": {
    matcher: {
      matcher_tree: {
        input: requestHeader("x-a"),
        prefix_match_map: {
          map: { 1: allow("short"), 12: allow("longer", "DENY"), 123: { matcher: list([b, allow("longest")]) } },
        },
      },
    },
  },
  "matcher-source-ip": {
    matcher: list([
      customIs(networkInput("SourceIPInput"), "envoy.extensions.matching.input_matchers.ip.v3.Ip", {
        cidr_ranges: [range("10.1.0.0", 16), range("::1", 128)],
        stat_prefix: "ip",
      }),
      allow("source"),
    ]),
  },
  "matcher-direct-ip": {
    matcher: list([
      customIs(networkInput("DirectSourceIPInput"), "envoy.extensions.matching.input_matchers.ip.v3.Ip", {
        cidr_ranges: [range("127.0.0.0", 8)],
        stat_prefix: "ip",
      }),
      allow("direct"),
    ]),
  },
  "matcher-ip-tree": {
    matcher: ips(
      networkInput("SourceIPInput"),
      { ranges: [range("10.0.0.0", 8)], on_match: allow("wide") },
      { ranges: [range("10.1.0.0", 16)], on_match: { matcher: list([a, allow("narrow", "DENY")]) } },
      { ranges: [range("10.1.2.0", 24)], exclusive: true, on_match: { matcher: list([b, allow("exclusive")]) } },
    ),
  },
  "matcher-ip-exclusive": {
    matcher: ips(
      networkInput("SourceIPInput"),
      { ranges: [range("10.0.0.0", 8)], exclusive: true, on_match: allow("wide") },
      { ranges: [range("10.1.0.0", 16)], on_match: { matcher: list([a, allow("narrow")]) } },
    ),
  },
  "matcher-domain": {
    matcher: domains(
      requestHeader(":authority"),
      { domains: ["shop.test"], on_match: allow("exact") },
      { domains: ["*.shop.test"], on_match: allow("wild", "DENY") },
      { domains: ["*.de.shop.test"], on_match: { matcher: list([a, allow("german")]) } },
      { domains: ["*"], on_match: allow("any") },
    ),
  },
  "matcher-port": { matcher: list([valueIs(networkInput("DestinationPortInput"), { exact: "80" }), allow("port")]) },
  "matcher-local": {
    matcher: list([valueIs(networkInput("DestinationIPInput"), { exact: "127.0.0.1" }), allow("local")]),
  },
  "matcher-sni": { matcher: list([valueIs(networkInput("ServerNameInput"), { exact: "" }), allow("sni")]) },
  "matcher-san": {
    matcher: list([
      valueIs(input("envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput"), { contains: "a" }),
      allow("san"),
    ]),
  },
  // Without TLS a certificate is not known, which is neither yes nor no.
  "matcher-not-san": { matcher: { ...list([{ not_matcher: san }, allow("san")]), on_no_match: allow("else") } },
  "matcher-san-or-a": { matcher: list([{ or_matcher: { predicate: [san, a] } }, allow("san")]) },
  "matcher-a-and-san": {
    matcher: {
      ...list([{ and_matcher: { predicate: [a, { not_matcher: san }] } }, allow("san")]),
      on_no_match: allow("else"),
    },
  },
  "matcher-empty": { matcher: {} },
  "matcher-any": { matcher: { on_no_match: allow("any") } },
  "matcher-namespace": {
    matcher: list([
      { not_matcher: valueIs(networkInput("NetworkNamespaceInput"), { contains: "a" }) },
      allow("namespace"),
    ]),
  },
  "matcher-hash": {
    matcher: list([
      customIs(
        requestHeader("x-a"),
        "envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing",
        { threshold: 2_000_000_000, modulo: 4_000_000_001, seed: "12345678901234567890" },
      ),
      allow("hash"),
    ]),
  },
  "matcher-share": {
    matcher: list([
      customIs(requestHeader("x-a"), "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction", {
        runtime_fraction: { default_value: { numerator: 50 }, runtime_key: "share" },
        seed: "7",
      }),
      allow("share"),
    ]),
  },
  "matcher-metadata": {
    matcher: {
      ...list([
        customIs(
          networkInput("DynamicMetadataInput", {
            filter: "f",
            path: [{ key: "k" }],
          }),
          "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
          { value: { string_match: { exact: "v" } } },
        ),
        allow("metadata"),
      ]),
      on_no_match: allow("none", "DENY"),
    },
  },
  "matcher-metadata-invert": {
    matcher: list([
      customIs(
        networkInput("DynamicMetadataInput", {
          filter: "f",
          path: [{ key: "k" }],
        }),
        "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
        { value: { string_match: { exact: "v" } }, invert: true },
      ),
      allow("metadata"),
    ]),
  },
  "matcher-cel": {
    matcher: list([
      customIs(input("xds.type.matcher.v3.HttpAttributesCelMatchInput"), "xds.type.matcher.v3.CelMatcher", {
        expr_match: { cel_expr_parsed: { expr: headerIs("x-a", "1") } },
      }),
      allow("cel"),
    ]),
  },
  "matcher-cel-checked": {
    matcher: list([
      customIs(input("xds.type.matcher.v3.HttpAttributesCelMatchInput"), "xds.type.matcher.v3.CelMatcher", {
        expr_match: { cel_expr_checked: { expr: isGet } },
      }),
      allow("cel"),
    ]),
  },
  "matcher-cel-older": {
    matcher: list([
      customIs(input("xds.type.matcher.v3.HttpAttributesCelMatchInput"), "xds.type.matcher.v3.CelMatcher", {
        expr_match: { parsed_expr: { expr: headerIs("x-b", "1") } },
      }),
      allow("cel"),
    ]),
  },
  "matcher-shadow": { ...may(any), shadow_matcher: list([a, allow("shadowed", "DENY")]), track_per_rule_stats: true },
  "matcher-and-rules": { ...may(any, "DENY"), matcher: list([a, allow("matcher")]) },
};

export const rbacSetups: Record<string, Setup> = {
  rbac: {
    filters: [
      {
        name,
        typed_config: {
          "@type": filterType,
          ...may({ header: { name: "x-global", present_match: true } }),
          rules_stat_prefix: "main_",
          shadow_rules_stat_prefix: "main_shadow.",
        },
      },
    ],
    manager: { use_remote_address: false },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        request_headers_to_add: [
          { header: { key: "x-rbac", value: "%DYNAMIC_METADATA(envoy.filters.http.rbac)%" } },
          { header: { key: "x-common", value: "%DYNAMIC_METADATA(envoy.common)%" } },
        ],
        routes: [
          ...Object.entries(policies).map(([path, rbac]) => ({
            match: { path_separated_prefix: `/${path}` },
            route: { cluster: "backend{lane}" },
            metadata: { filter_metadata: { "of-route": { k: "v" } } },
            typed_per_filter_config: {
              [name]: { "@type": `${types}envoy.extensions.filters.http.rbac.v3.RBACPerRoute`, rbac },
            },
          })),
          {
            match: { prefix: "/without" },
            route: { cluster: "backend{lane}" },
            typed_per_filter_config: {
              [name]: { "@type": `${types}envoy.extensions.filters.http.rbac.v3.RBACPerRoute` },
            },
          },
          { match: { prefix: "/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  },
};

const host = "host: shop.test";
const requests: [string, string, readonly string[]][] = [
  ["bare", "", []],
  ["x-a", "/x?q", ["x-a: 1", "x-user: joanna"]],
  ["x-b", "/ann/b/c", ["x-b: 123"]],
  ["both", "/abc", ["x-a: 1", "x-b: 1", "x-forwarded-for: 10.1.2.3"]],
  ["forwarded", "/x", ["x-a: 1234", "x-forwarded-for: 10.1.9.9"]],
];
const others = ["de.shop.test", "a.de.shop.test", "a.b.shop.test", "else.test", "SHOP.test"];
const withA = ["1", "2", "12", "123", "1234", "3", "", "a longer one, of more than thirty-two bytes"];

export const rbacCases: readonly Case[] = [
  ...[...Object.keys(policies), "without", "none"].flatMap((path) => [
    ...requests.map(([what, more, fields]) => c(`${path}, ${what}`, request(`GET /${path}${more}`, host, ...fields))),
    c(`${path}, POST`, request(`POST /${path}`, host, "content-length: 0", "x-a: 1", "x-a: 2")),
  ]),
  ...others.map((authority) => c(`domain ${authority}`, request("GET /matcher-domain", `host: ${authority}`))),
  ...others.map((authority) =>
    c(`domain ${authority}, x-a`, request("GET /matcher-domain", `host: ${authority}`, "x-a: 1")),
  ),
  ...withA.flatMap((value) =>
    ["matcher-exact-map", "matcher-prefix-map", "matcher-share", "matcher-hash"].map((path) =>
      c(`${path}, ${value}`, request(`GET /${path}`, host, `x-a: ${value}`, "x-b: 2")),
    ),
  ),
  ...["10.1.2.3", "10.1.3.1", "10.9.9.9", "11.1.1.1"].flatMap((address) =>
    ["matcher-ip-tree", "matcher-ip-exclusive"].flatMap((path) =>
      [[], ["x-a: 1"], ["x-b: 1"]].map((fields) =>
        c(`${path}, ${address} ${fields}`, request(`GET /${path}`, host, `x-forwarded-for: ${address}`, ...fields)),
      ),
    ),
  ),
  c("without, global", request("GET /other", host, "x-global: 1")),
  { name: "the stats of rbac", setup: "rbac", send: "", stats: "rbac" },
];

function c(what: string, send: string): Case {
  return { name: `rbac: ${what}`, setup: "rbac", send };
}
