import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const to = (name: string, match: Json, more: Json = {}): Json => ({
  name,
  match,
  route: { cluster: "backend{lane}" },
  ...more,
});
const regex = (text: string): Json => ({ regex: text });
const named = (name: string, ...domains: string[]): Json => ({ name, domains, routes: [to(name, { prefix: "/" })] });
const header = (name: string, more: Json): Json =>
  to(name, { prefix: `/${name}/`, headers: [{ name: "x-h", ...more }] });
const query = (name: string, more: Json): Json =>
  to(name, { prefix: `/${name}/`, query_parameters: [{ name: "q", ...more }] });

/** Which route a request takes. The route's name is in the access log. */
export const routesSetups: Record<string, Setup> = {
  domains: {
    virtualHosts: [
      named("exact", "a.test", "[::1]:80", "b.test:8080"),
      named("suffix", "*.a.test"),
      named("longer-suffix", "*.x.a.test"),
      named("dash-suffix", "*-bar.a.test"),
      named("prefix", "www.*"),
      named("longer-prefix", "www.site.*"),
    ],
  },
  ignoredPort: {
    routeConfig: { ignore_port_in_host_matching: true },
    virtualHosts: [named("exact", "a.test"), named("all", "*")],
  },
  paths: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("exact", { path: "/exact" }),
          to("exact-any-case", { path: "/EXACT-any", case_sensitive: false }),
          to("separated", { path_separated_prefix: "/sep" }),
          to("regex", { safe_regex: regex("/re/[0-9]+(\\.html)?") }),
          to("prefix-any-case", { prefix: "/Pre", case_sensitive: false }),
          to("wide", { prefix: "/first" }),
          to("never", { prefix: "/first/deeper" }),
          to("grpc", { prefix: "/g", grpc: {} }),
        ],
      },
    ],
  },
  templates: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("template", {
            path_match_policy: {
              name: "t",
              typed_config: {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                path_template: "/t/{lang}/*.m3u8",
              },
            },
          }),
        ],
      },
    ],
  },
  fields: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          header("present", { present_match: true }),
          header("absent", { present_match: false }),
          header("exact", { string_match: { exact: "v" } }),
          header("any-case", { string_match: { exact: "V", ignore_case: true } }),
          header("prefix", { string_match: { prefix: "v" } }),
          header("suffix", { string_match: { suffix: "v" } }),
          header("contains", { string_match: { contains: "v" } }),
          header("regex", { string_match: { safe_regex: regex("v+") } }),
          header("range", { range_match: { start: -5, end: 10 } }),
          header("not-exact", { string_match: { exact: "v" }, invert_match: true }),
          header("missing-empty", { string_match: { exact: "" }, treat_missing_header_as_empty: true }),
          header("old-exact", { exact_match: "v" }),
          query("q-present", { present_match: true }),
          query("q-exact", { string_match: { exact: "v" } }),
          query("q-regex", { string_match: { safe_regex: regex("v+") } }),
          to("method", { prefix: "/method", headers: [{ name: ":method", string_match: { exact: "PUT" } }] }),
          to("authority", { prefix: "/authority", headers: [{ name: ":authority", string_match: { prefix: "e" } }] }),
          to("host", { prefix: "/host", headers: [{ name: "host", string_match: { prefix: "e" } }] }),
          to("path", { prefix: "/path", headers: [{ name: ":path", string_match: { suffix: "?a" } }] }),
          to("both", {
            prefix: "/both",
            headers: [{ name: "x-h", present_match: true }],
            query_parameters: [{ name: "q", present_match: true }],
          }),
          to("cookie", { prefix: "/cookie", headers: [{ name: "cookie", string_match: { contains: "b=2" } }] }),
        ],
      },
    ],
  },
  weights: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          weighted("/all", [
            ["nowhere", 0],
            ["backend{lane}", 100],
          ]),
          weighted("/gone", [
            ["nowhere", 1],
            ["backend{lane}", 0],
          ]),
          to("half", { prefix: "/half", runtime_fraction: { default_value: { numerator: 0 } } }),
          to("rest", { prefix: "/half", runtime_fraction: { default_value: { numerator: 100 } } }),
        ],
      },
    ],
    routeConfig: { validate_clusters: false },
  },
  onlyTls: { virtualHosts: [{ ...named("all", "*"), require_tls: "ALL" }] },
  outerTls: {
    manager: { use_remote_address: true },
    virtualHosts: [{ ...named("all", "*"), require_tls: "EXTERNAL_ONLY" }],
  },
};

const hosts = [
  "a.test",
  "A.TEST",
  "a.test:80",
  "b.test:8080",
  "b.test",
  "x.a.test",
  "y.x.a.test",
  "foo-bar.a.test",
  ".a.test",
  "www.other.test",
  "www.site.test",
  "www.a.test",
  "none.test",
  "[::1]:80",
  "www.",
];
const targets = [
  "/exact",
  "/exact/",
  "/exact?q",
  "/exact-ANY",
  "/sep",
  "/sep/",
  "/sep/x",
  "/sepx",
  "/sep?q",
  "/re/12",
  "/re/12.html",
  "/re/12.htm",
  "/re/12?x",
  "/pre",
  "/PREFIX",
  "/first/deeper",
  "/",
  "/g/x",
];
const templated = ["/t/en/live.m3u8", "/t/en/a/live.m3u8"];
const values = ["v", "V", "vv", "", "av", "avb", "-5", "10", "9", "1x"];
const fieldRoutes = [
  "present",
  "absent",
  "exact",
  "any-case",
  "prefix",
  "suffix",
  "contains",
  "regex",
  "range",
  "not-exact",
  "missing-empty",
  "old-exact",
];
const queries = ["", "?q", "?q=", "?q=v", "?q=V", "?q=x&q=v", "?q=vv", "?Q=v", "?x=1&q=v", "?q=%76"];

export const routesCases: readonly Case[] = [
  ...hosts.flatMap((host) =>
    ["domains", "ignoredPort"].map((setup) => c(setup, `${setup}: host ${host}`, request("GET /", `host: ${host}`))),
  ),
  ...targets.map((target) => c("paths", `path ${target}`, request(`GET ${target}`))),
  ...templated.map((target) => c("templates", `path ${target}`, request(`GET ${target}`))),
  c("paths", "a gRPC route takes gRPC", request("POST /g/x", "content-type: application/grpc")),
  c("paths", "a gRPC route takes no other type", request("POST /g/x", "content-type: application/grpc-web")),
  ...fieldRoutes.map(
    (route): Case => ({
      name: `header matcher ${route}`,
      setup: "fields",
      send: [
        request(`GET /${route}/none`),
        request(`GET /${route}/two`, "x-h: v", "x-h: w"),
        ...values.map((value) => request(`GET /${route}/${value}`, `x-h: ${value}`)),
      ],
    }),
  ),
  ...["q-present", "q-exact", "q-regex"].map(
    (route): Case => ({
      name: `query matcher ${route}`,
      setup: "fields",
      send: queries.map((text) => request(`GET /${route}/${text}`)),
    }),
  ),
  ...["PUT /method", "GET /method", "GET /authority", "GET /host", "GET /path?a", "GET /path", "GET /both?q"].map(
    (line) => c("fields", `pseudo-header matcher: ${line}`, request(line)),
  ),
  c("fields", "header and query matchers together", request("GET /both?q=1", "x-h: 1")),
  c("fields", "two cookie fields are one value", request("GET /cookie", "cookie: a=1", "cookie: b=2")),
  c("weights", "a cluster of weight 100 gets all", request("GET /all")),
  c("weights", "a cluster of weight 0 gets nothing", request("GET /gone")),
  c("weights", "a runtime fraction of 0 does not match", request("GET /half")),
  c("onlyTls", "require_tls redirects", request("GET /a?b=c")),
  c("onlyTls", "require_tls redirects and drops the port", request("GET /a", "host: e.test:80")),
  c("onlyTls", "require_tls believes x-forwarded-proto", request("GET /a", "x-forwarded-proto: https")),
  c("outerTls", "require_tls of outer clients", request("GET /a")),
];

function weighted(prefix: string, clusters: readonly (readonly [string, number])[]): Json {
  const list = clusters.map(([name, weight]) => ({ name, weight }));
  return { name: prefix, match: { prefix }, route: { weighted_clusters: { clusters: list } } };
}

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
