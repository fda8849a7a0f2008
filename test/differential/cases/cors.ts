import { cluster } from "../bootstrap.ts";
import { request, withBody } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const name = "envoy.filters.http.cors";
const filter = (more: Json = {}): Json => ({ name, typed_config: { "@type": `${http}cors.v3.Cors` }, ...more });
const policy = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${http}cors.v3.CorsPolicy`, ...config } },
});
const wrapped = (config: Json): Json => ({
  typed_per_filter_config: {
    [name]: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", ...config },
  },
});
const off = wrapped({ disabled: true });
const to = (prefix: string, more: Json = {}, action: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}", ...action },
  ...more,
});
const good = { allow_origin_string_match: [{ exact: "http://good.test" }] };
const full: Json = {
  allow_origin_string_match: [
    { exact: "http://good.test" },
    { suffix: ".good.test", ignore_case: true },
    { safe_regex: { regex: "https://[a-z]+\\.re\\.test" } },
  ],
  allow_methods: "GET, POST",
  allow_headers: "x-a, x-b",
  expose_headers: "x-c",
  max_age: "600",
  allow_credentials: true,
  allow_private_network_access: true,
};
const percent = (numerator: number, runtime_key = ""): Json => ({ default_value: { numerator }, runtime_key });
const every: Json = { allow_origin_string_match: [{ safe_regex: { regex: ".*" } }] };

/** CorsPolicy at every level, its deprecated form, and what turns it on and off. */
export const corsSetups: Record<string, Setup> = {
  cors: {
    filters: [filter()],
    runtime: { "cors.off": 0, "cors.on": 100, "cors.fraction": { numerator: 0, denominator: "TEN_THOUSAND" } },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...policy(full),
        routes: [
          to("/star", policy({ ...every, allow_methods: "*", allow_headers: "*", allow_credentials: false })),
          to("/refuse", policy({ ...good, forward_not_matching_preflights: false })),
          to("/forward", policy({ ...good, forward_not_matching_preflights: true })),
          to("/private-off", policy({ allow_private_network_access: false })),
          to("/none", policy({})),
          to("/disabled", off),
          to("/wrapped", wrapped({ config: { "@type": `${http}cors.v3.CorsPolicy`, max_age: "7" } })),
          to(
            "/optional",
            wrapped({ is_optional: true, config: { "@type": `${http}cors.v3.CorsPolicy`, max_age: "8" } }),
          ),
          to("/self", { typed_per_filter_config: { [name]: { "@type": `${http}cors.v3.Cors` } } }),
          to("/off-by-default", policy({ filter_enabled: percent(0) })),
          to("/off-by-runtime", policy({ filter_enabled: percent(100, "cors.off") })),
          to("/off-by-fraction", policy({ filter_enabled: percent(100, "cors.fraction") })),
          to("/on-by-runtime", policy({ filter_enabled: percent(0, "cors.on") })),
          to("/shadow", policy({ filter_enabled: percent(0), shadow_enabled: percent(100) })),
          to("/both", policy({ filter_enabled: percent(100), shadow_enabled: percent(100) })),
          to("/shadow-off", policy({ filter_enabled: percent(0), shadow_enabled: percent(100, "cors.off") })),
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
          { match: { prefix: "/redirect" }, redirect: { path_redirect: "/" } },
          to("/headers", {
            response_headers_to_add: [{ header: { key: "x-added", value: "1" } }],
            request_headers_to_add: [{ header: { key: "x-up", value: "1" } }],
          }),
          to(
            "/weighted",
            {},
            {
              cluster: undefined,
              weighted_clusters: {
                clusters: [{ name: "backend{lane}", weight: 1, ...policy({ max_age: "9", allow_methods: "PUT" }) }],
              },
            },
          ),
          to("/nowhere", {}, { cluster: "nowhere" }),
          to("/"),
        ],
      },
      { name: "bare", domains: ["bare.test"], routes: [to("/")] },
    ],
    routeConfig: { validate_clusters: false, ...policy({ ...good, expose_headers: "x-config" }) },
  },
  corsLegacy: {
    filters: [filter()],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        cors: { ...full, allow_private_network_access: false },
        routes: [
          to("/own", {}, { cors: { ...good, max_age: "5", allow_methods: "*" } }),
          to("/typed", policy({ max_age: "3" })),
          to("/off", {}, { cors: { filter_enabled: percent(0) } }),
          to("/disabled", off),
          to("/"),
        ],
      },
    ],
  },
  corsByRoute: {
    filters: [filter({ disabled: true })],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [to("/on", policy(full)), to("/never", off), to("/")],
      },
    ],
    clusters: [cluster("other", {})],
  },
  corsTwice: {
    filters: [filter({ name: "a" }), filter({ name: "b" })],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        typed_per_filter_config: {
          a: { "@type": `${http}cors.v3.CorsPolicy`, ...good, expose_headers: "x-of-a" },
          b: { "@type": `${http}cors.v3.CorsPolicy`, ...good, expose_headers: "x-of-b", max_age: "1" },
        },
        routes: [to("/")],
      },
    ],
  },
};

const origin = "origin: http://good.test";
const preflight = (path: string, ...fields: string[]): string =>
  request(`OPTIONS ${path}`, "access-control-request-method: PATCH", ...fields);

export const corsCases: readonly Case[] = [
  c("cors", "an allowed origin is told on the answer", request("GET /x", origin)),
  c("cors", "an origin that is not allowed is told nothing", request("GET /x", "origin: http://bad.test")),
  c("cors", "no origin", request("GET /x")),
  c("cors", "an empty origin", request("GET /x", "origin:")),
  c("cors", "an origin in another case, where case does not matter", request("GET /x", "origin: http://A.GOOD.test")),
  c("cors", "an origin by regex", request("GET /x", "origin: https://abc.re.test")),
  c("cors", "a preflight is answered", preflight("/x", origin, "access-control-request-headers: x-z")),
  c(
    "cors",
    "a preflight of a private network",
    preflight("/x", origin, "access-control-request-private-network: true"),
  ),
  c(
    "cors",
    "a preflight of a private network that may not",
    preflight("/private-off", origin, "access-control-request-private-network: true"),
  ),
  c(
    "cors",
    "a preflight with a body",
    `${withBody("OPTIONS /x", "hello", origin, "access-control-request-method: PUT")}`,
  ),
  c("cors", "a preflight of an origin that is not allowed is forwarded", preflight("/x", "origin: http://bad.test")),
  c("cors", "or answered without a word", preflight("/refuse", "origin: http://bad.test")),
  c("cors", "or forwarded when that is said", preflight("/forward", "origin: http://bad.test")),
  c("cors", "OPTIONS without a method to ask for is no preflight", request("OPTIONS /x", origin)),
  c(
    "cors",
    "OPTIONS with an empty method is no preflight",
    request("OPTIONS /x", origin, "access-control-request-method:"),
  ),
  c(
    "cors",
    "stars give what was asked for",
    preflight("/star", "origin: null", "access-control-request-headers: x-q, x-r"),
  ),
  c("cors", "a star for headers that were not asked for", preflight("/star", "origin: null")),
  c(
    "cors",
    "the upstream's own words are replaced",
    request("GET /x", origin, "x-do: header:access-control-allow-origin=* header:access-control-expose-headers=x-up"),
  ),
  c(
    "cors",
    "the upstream's own words stay for an origin that is not allowed",
    request("GET /x", "origin: http://bad.test", "x-do: header:access-control-allow-origin=*"),
  ),
  c("cors", "a policy that says nothing leaves it to the wider ones", preflight("/none", origin)),
  c("cors", "a route without the filter", preflight("/disabled", origin)),
  c("cors", "a policy in a FilterConfig", preflight("/wrapped", origin)),
  c("cors", "a policy in an optional FilterConfig", preflight("/optional", origin)),
  c("cors", "the filter's own message as a policy", preflight("/self", origin)),
  ...["off-by-default", "off-by-runtime", "off-by-fraction", "on-by-runtime", "shadow", "both", "shadow-off"].map(
    (path) => c("cors", `CORS on /${path}`, preflight(`/${path}`, origin)),
  ),
  c("cors", "an origin that is not allowed, in the shadow", request("GET /shadow", "origin: http://bad.test")),
  c("cors", "a direct response", request("GET /direct", origin)),
  c("cors", "a preflight of a direct response", preflight("/direct", origin)),
  c("cors", "a redirect", request("GET /redirect", origin)),
  c("cors", "headers of a route", request("GET /headers", origin)),
  c("cors", "a preflight has no headers of the route", preflight("/headers", origin)),
  c("cors", "a weighted cluster says more", preflight("/weighted", origin)),
  c("cors", "an answer of the proxy is told too", request("GET /x", origin, "x-do: reset")),
  c("cors", "a cluster that is not there", request("GET /nowhere", origin)),
  c("cors", "a preflight for a cluster that is not there", preflight("/nowhere", origin)),
  c("cors", "a bad status of the upstream", request("GET /x", origin, "x-do: status:503")),
  c("cors", "the policy of the route configuration", request("GET /x", origin, "host: bare.test")),
  c("cors", "a preflight by the route configuration", preflight("/x", origin, "host: bare.test")),
  c("cors", "a preflight and a request on one connection", preflight("/x", origin) + request("GET /x", origin)),
  { name: "the stats of CORS", setup: "cors", send: "", stats: "\\.cors\\." },
  c("corsLegacy", "the deprecated policy of a virtual host", preflight("/x", origin)),
  c("corsLegacy", "the deprecated policy of a route", preflight("/own", origin)),
  c("corsLegacy", "a request under the deprecated policies", request("GET /own", origin)),
  c("corsLegacy", "one policy in its place makes the deprecated ones nothing", preflight("/typed", origin)),
  c("corsLegacy", "a deprecated policy that is off", request("GET /off", origin)),
  c("corsLegacy", "a route without the filter but with a deprecated policy", request("GET /disabled", origin)),
  { name: "the stats of deprecated CORS", setup: "corsLegacy", send: "", stats: "\\.cors\\." },
  c("corsByRoute", "a disabled filter runs where a route has a config for it", preflight("/on", origin)),
  c("corsByRoute", "a disabled filter that is disabled again", preflight("/never", origin)),
  c("corsByRoute", "a disabled filter does nothing on other routes", preflight("/x", origin)),
  c("corsTwice", "two of them, each with its policy", request("GET /x", origin)),
  c("corsTwice", "the first of two answers the preflight", preflight("/x", origin)),
  { name: "the stats of two", setup: "corsTwice", send: "", stats: "\\.cors\\." },
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
