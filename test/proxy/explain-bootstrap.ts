import { accessLog, chain, cluster, listener, tlsInspector, tlsSocket } from "./sides.ts";

// Routes of many kinds, for explain and for the proxies that it is held against.

const type = "type.googleapis.com/envoy";
const add = (key: string, value: string, action = "OVERWRITE_IF_EXISTS_OR_ADD") => ({
  header: { key, value },
  append_action: action,
});
const exact = (name: string, value: string, more: object = {}) => ({ name, string_match: { exact: value }, ...more });
const to = (name: string, more: object = {}) => ({ cluster: name, ...more });
const say = (status: number, body: string) => ({ status, body: { inline_string: body } });

const shop = [
  { name: "exact", match: { path: "/exact" }, route: to("a", { timeout: "3s" }) },
  {
    name: "header",
    match: { prefix: "/h", headers: [exact("x-env", "prod")] },
    route: to("b", { prefix_rewrite: "/prod" }),
    request_headers_to_add: [add("x-route", "header"), add("x-env", "again", "APPEND_IF_EXISTS_OR_ADD")],
  },
  {
    name: "header-not",
    match: { prefix: "/h", headers: [exact("x-env", "dev", { invert_match: true })] },
    route: to("a"),
  },
  {
    name: "header-range",
    match: { prefix: "/h", headers: [{ name: "x-n", range_match: { start: "1", end: "9" } }] },
    route: to("b"),
  },
  { name: "header-absent", match: { prefix: "/h", headers: [{ name: "x-no", present_match: false }] }, route: to("a") },
  { name: "header-left", match: { prefix: "/h" }, route: to("b", { host_rewrite_literal: "left.example" }) },
  {
    name: "query",
    match: { path: "/q", query_parameters: [{ name: "v", string_match: { prefix: "1" } }] },
    route: to("a"),
  },
  {
    name: "query-there",
    match: { path: "/q", query_parameters: [{ name: "w", present_match: true }] },
    route: to("b"),
  },
  { name: "cookie", match: { path: "/c", cookies: [{ name: "who", string_match: { exact: "me" } }] }, route: to("a") },
  { name: "never", match: { prefix: "/f", runtime_fraction: { default_value: { numerator: 0 } } }, route: to("a") },
  {
    name: "always",
    match: { prefix: "/f", runtime_fraction: { default_value: { numerator: 100 }, runtime_key: "share" } },
    route: to("b"),
  },
  {
    name: "keyed",
    match: { prefix: "/f", runtime_fraction: { default_value: { numerator: 0 }, runtime_key: "keyed" } },
    route: to("a"),
  },
  { name: "grpc", match: { prefix: "/g", grpc: {} }, route: to("a") },
  { name: "not-grpc", match: { prefix: "/g" }, route: to("b") },
  {
    name: "regex",
    match: { safe_regex: { regex: "/items/(\\d+)" } },
    route: to("a", { regex_rewrite: { pattern: { regex: "^/items/(\\d+)" }, substitution: "/i?id=\\1" } }),
  },
  {
    name: "template",
    match: {
      path_match_policy: {
        name: "t",
        typed_config: {
          "@type": `${type}.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`,
          path_template: "/t/{lang}/{rest=**}",
        },
      },
    },
    route: to("b", {
      path_rewrite_policy: {
        name: "t",
        typed_config: {
          "@type": `${type}.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig`,
          path_template_rewrite: "/{rest}/{lang}",
        },
      },
    }),
  },
  { name: "separated", match: { path_separated_prefix: "/sep" }, route: to("a", { prefix_rewrite: "/x" }) },
  { name: "folded", match: { prefix: "/CASE", case_sensitive: false }, route: to("b") },
  {
    name: "host-header",
    match: { prefix: "/hh" },
    route: to("a", { host_rewrite_header: "x-host", append_x_forwarded_host: true }),
  },
  {
    name: "host-path",
    match: { prefix: "/hp/" },
    route: to("a", { host_rewrite_path_regex: { pattern: { regex: "^/hp/(\\w+).*$" }, substitution: "\\1.example" } }),
  },
  { name: "named", match: { prefix: "/named" }, route: { cluster_header: "x-cluster" } },
  {
    name: "weighted",
    match: { prefix: "/w" },
    route: {
      weighted_clusters: {
        header_name: "x-draw",
        clusters: [
          { name: "a", weight: 30, request_headers_to_add: [add("x-part", "a")] },
          { name: "b", weight: 70, request_headers_to_add: [add("x-part", "b")], host_rewrite_literal: "b.example" },
        ],
      },
    },
    request_headers_to_remove: ["x-draw"],
  },
  {
    name: "redirect",
    match: { prefix: "/old" },
    redirect: { host_redirect: "new.example", prefix_rewrite: "/new", https_redirect: true },
  },
  { name: "answer", match: { path: "/teapot" }, direct_response: say(418, "short and stout") },
  { name: "found", match: { path: "/found" }, direct_response: say(302, "") },
  {
    name: "unknown",
    match: { prefix: "/unknown" },
    route: to("nowhere", { cluster_not_found_response_code: "NOT_FOUND" }),
  },
  {
    name: "limits",
    match: { prefix: "/limits" },
    route: to("a", { timeout: "0s", idle_timeout: "7s", max_stream_duration: { max_stream_duration: "9s" } }),
  },
  { name: "auto", match: { prefix: "/auto" }, route: to("named-host", { auto_host_rewrite: true }) },
  {
    name: "cors",
    match: { prefix: "/cors" },
    route: to("a"),
    typed_per_filter_config: {
      "envoy.filters.http.cors": { "@type": `${type}.config.route.v3.FilterConfig`, disabled: true },
    },
  },
  { name: "rest", match: { prefix: "/r" }, route: to("b") },
];

const hosts = [
  {
    name: "shop",
    domains: ["shop.example", "shop.example:*"],
    routes: shop,
    request_headers_to_add: [add("x-vhost", "%REQ(:PATH)%")],
  },
  {
    name: "wild",
    domains: ["*.shop.example", "img-*"],
    routes: [{ name: "wild", match: { prefix: "/" }, route: to("a") }],
    include_request_attempt_count: true,
  },
  {
    name: "deep",
    domains: ["*.deep.shop.example"],
    routes: [{ name: "deep", match: { prefix: "/" }, route: to("b") }],
  },
  {
    name: "tls",
    domains: ["tls.example"],
    require_tls: "ALL",
    routes: [{ name: "tls", match: { prefix: "/" }, route: to("a") }],
  },
];

function managerOf(log: string, more: object = {}): object {
  return {
    "@type": `${type}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "in",
    use_remote_address: true,
    normalize_path: true,
    merge_slashes: true,
    strip_trailing_host_dot: true,
    upgrade_configs: [{ upgrade_type: "websocket" }],
    access_log: [accessLog(log, "%REQ(x-case)%|%ROUTE_NAME%|%UPSTREAM_CLUSTER%|%RESPONSE_CODE%")],
    route_config: {
      name: "routes",
      validate_clusters: false,
      internal_only_headers: [],
      request_headers_to_add: [add("x-config", "%PROTOCOL%"), add("x-empty", "%REQ(x-nothing)%")],
      request_headers_to_remove: ["x-secret"],
      virtual_hosts: hosts,
    },
    http_filters: [
      { name: "envoy.filters.http.cors", typed_config: { "@type": `${type}.extensions.filters.http.cors.v3.Cors` } },
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${type}.extensions.filters.http.router.v3.Router` },
      },
    ],
    ...more,
  };
}

/** Two listeners: plain text, and TLS with a chain for tls.example and one for all others. */
export function explainBootstrap(
  [plain = 0, tls = 0]: readonly number[],
  [a = 0, b = 0]: readonly number[],
  log: string,
  certificate: { cert: string; key: string },
): object {
  const context = {
    common_tls_context: {
      alpn_protocols: ["http/1.1"],
      tls_certificates: [
        { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
      ],
    },
  };
  const socket = tlsSocket("Downstream", context);
  return {
    layered_runtime: { layers: [{ name: "static", static_layer: { share: 100, keyed: 100 } }] },
    static_resources: {
      listeners: [
        listener("plain", plain, [chain(managerOf(log), null)]),
        listener(
          "tls",
          tls,
          [
            chain(managerOf(log), socket, { server_names: ["tls.example"] }),
            chain(managerOf(log, { append_x_forwarded_port: true }), socket),
          ],
          [tlsInspector],
        ),
      ],
      clusters: [cluster("a", a), cluster("b", b), hostCluster(a)],
    },
  };
}

/** Its endpoint has a name, for auto_host_rewrite. */
function hostCluster(port: number): object {
  const endpoint = { hostname: "up.example", address: { socket_address: { address: "127.0.0.1", port_value: port } } };
  return {
    name: "named-host",
    type: "STATIC",
    load_assignment: { cluster_name: "named-host", endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}
