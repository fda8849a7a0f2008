import { act, input, list, typed, valueIs } from "../../xds-matchers.ts";
import { cluster } from "../bootstrap.ts";
import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.custom_response";
const statusCode = input("envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput");
const statusClass = input("envoy.type.matcher.v3.HttpResponseStatusCodeClassMatchInput");
const policy = (config: Json): Json =>
  act("envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy", config);
const filter = (custom_response_matcher: Json): Json =>
  typed("envoy.extensions.filters.http.custom_response.v3.CustomResponse", { custom_response_matcher });
/** Where the status is 404, or of the class 5xx. */
const where = (config: Json): Json =>
  filter(
    list(
      [valueIs(statusCode, { exact: "404" }), policy(config)],
      [valueIs(statusClass, { exact: "5xx" }), policy(config)],
    ),
  );
const add = (key: string, value: string, more: Json = {}): Json => ({ header: { key, value }, ...more });
const errors = "http://errors.test/page?of=1";

const policies: Record<string, Json> = {
  uri: { uri: errors },
  https: { uri: "https://errors.test/page" },
  port: { uri: "http://errors.test:8080/page" },
  capitals: { uri: "HTTP://Errors.Test/page" },
  fragment: { uri: "http://errors.test/page?a#b" },
  bare: { uri: "http://errors.test" },
  status: { uri: errors, status_code: 299 },
  error: { uri: errors, status_code: 503 },
  noroute: { uri: "http://nowhere.test/page", request_headers_to_add: [add("x-added", "%REQ(:PATH)%")] },
  direct: { uri: "http://direct.test/", status_code: 410 },
  loop: { uri: "http://shop.test/loop/again" },
  other: { uri: "http://shop.test/local/again" },
  fails: { uri: "http://dead.test/" },
  slow: { uri: "http://slow.test/" },
  follows: { uri: "http://follows.test/" },
  path: { redirect_action: { path_redirect: "/page" } },
  query: { redirect_action: { path_redirect: "/page?own=1" } },
  strip: { redirect_action: { host_redirect: "errors.test", strip_query: true } },
  host: { redirect_action: { host_redirect: "errors.test", port_redirect: 81, path_redirect: "/page" } },
  scheme: { redirect_action: { host_redirect: "errors.test", scheme_redirect: "https" } },
  "to-https": { redirect_action: { host_redirect: "errors.test", https_redirect: true } },
  fields: {
    uri: errors,
    response_headers_to_add: [
      add("x-answer", "%RESPONSE_CODE% %REQ(:PATH)%"),
      add("x-up", "mine", { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
    ],
    request_headers_to_add: [
      add("x-was", "%REQ(:AUTHORITY)%%REQ(:PATH)% %RESPONSE_CODE%"),
      add("x-mine", "yes", { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
    ],
  },
};

const backend = { cluster: "backend{lane}" };
const to = (domain: string, action: Json): Json => ({
  name: domain,
  domains: [`${domain}.test`],
  routes: [{ name: domain, match: { prefix: "/" }, ...action }],
});

export const customRedirectSetups: Record<string, Setup> = {
  customRedirect: {
    filters: [
      {
        name: "in-front",
        typed_config: typed("envoy.extensions.filters.http.fault.v3.HTTPFault", {
          abort: { header_abort: {}, percentage: { numerator: 100 } },
        }),
      },
      { name, typed_config: where({ uri: "http://errors.test/of-the-filter" }) },
      {
        name: "behind",
        typed_config: typed("envoy.extensions.filters.http.buffer.v3.Buffer", { max_request_bytes: 20 }),
        disabled: true,
      },
    ],
    clusters: [cluster("dead", {}, [1])],
    virtualHosts: [
      {
        name: "shop",
        domains: ["shop.test"],
        response_headers_to_add: [add("x-of-the-host", "1")],
        routes: [
          ...Object.entries(policies).map(([path, config]) => ({
            name: path,
            match: { prefix: `/${path}/` },
            route: backend,
            typed_per_filter_config: { [name]: where(config) },
          })),
          { name: "page", match: { prefix: "/page" }, route: backend },
          {
            name: "buffered",
            match: { prefix: "/buffered/" },
            route: backend,
            typed_per_filter_config: { behind: typed("envoy.config.route.v3.FilterConfig", { config: {} }) },
          },
          {
            name: "retried",
            match: { prefix: "/retried/" },
            route: { ...backend, retry_policy: { retry_on: "gateway-error", num_retries: 1 } },
          },
          {
            name: "local",
            match: { prefix: "/local/" },
            direct_response: { status: 404, body: { inline_string: "direct" } },
          },
          { name: "gone", match: { prefix: "/gone/" }, route: { cluster: "dead{lane}" } },
          { name: "plain", match: { prefix: "/" }, route: backend },
        ],
      },
      to("errors", { route: backend, response_headers_to_add: [add("x-of-errors", "1")] }),
      to("direct", { direct_response: { status: 200, body: { inline_string: "a page" } } }),
      to("dead", { route: { cluster: "dead{lane}" } }),
      to("slow", { route: { ...backend, timeout: "0.1s" } }),
      to("follows", { route: { ...backend, internal_redirect_policy: {} } }),
    ],
  },
};

const host = "host: shop.test";
const again = "x-do: status:404 size:5 header:x-up=first | status:200 size:7 header:x-up=second";
const paths = Object.keys(policies);

export const customRedirectCases: readonly Case[] = [
  ...paths.map((path) => c(`/${path}`, request(`GET /${path}/a?b=1`, host, again, "x-mine: no"))),
  ...["uri", "status", "error", "fields"].flatMap((path) => [
    c(`/${path}, 503`, request(`GET /${path}/`, host, "x-do: status:503 size:5 | status:201 size:7")),
    c(`/${path}, then 500`, request(`GET /${path}/`, host, "x-do: status:404 | status:500 size:7")),
    c(`/${path}, then 302`, request(`GET /${path}/`, host, "x-do: status:404 | status:302 header:location=/x")),
    c(`/${path}, then 204`, request(`GET /${path}/`, host, "x-do: status:404 | status:204")),
    c(`/${path}, not needed`, request(`GET /${path}/`, host, "x-do: status:400 size:5")),
  ]),
  {
    ...c("HEAD", request("HEAD /uri/a", host, again)),
    allowedDifference: "Envoy makes GET of HEAD and answers it with a body",
  },
  c("POST", withBody("POST /uri/a", "hello", host, again)),
  c("POST with chunks and trailers", withChunks("POST /uri/a", ["he", "llo"], ["x-t: 1"], host, again)),
  c("POST through a buffer", withBody("POST /buffered/a", "hello", host, again)),
  bodiless(c("POST of a route with retries", withBody("POST /retried/a", "hello", host, again))),
  bodiless(
    c("a retry first", withBody("POST /retried/a", "hello", host, "x-do: status:503 | status:404 | status:200 size:3")),
  ),
  c("of the filter", request("GET /", host, again)),
  c("a large answer", request("GET /uri/a", host, "x-do: status:404 size:200000 | status:200 size:7")),
  c("an answer in chunks", request("GET /uri/a", host, "x-do: status:404 size:5 trailer:x-t=1 | status:200 chunked")),
  c("a direct response", request("GET /local/", host, "x-do: status:200 size:7")),
  c("no host that answers", request("GET /gone/", host, "x-do: status:200 size:7")),
  c("no route", request("GET /", "host: nobody.test", "x-do: status:200 size:7")),
  c(
    "an answer of a filter in front",
    request("GET /uri/", host, "x-envoy-fault-abort-request: 503", "x-do: status:200 size:7"),
  ),
  ...["status:400 size:5", "status:404 size:5 | status:200 size:7"].map((answer) => ({
    ...c(
      `${answer} before the request is whole`,
      `${request("POST /uri/a", host, `x-do: early ${answer}`, "content-length: 10")}hello`,
    ),
    allowedDifference: "Envoy says at the head that it will close the connection",
  })),
  c(
    "the other answers with a redirect",
    request(
      "GET /follows/",
      host,
      "x-do: status:404 | status:302 header:location=http%3a%2f%2ferrors.test%2fx | status:200",
    ),
  ),
  c("the upstream is cut", request("GET /uri/a", host, "x-do: status:404 size:100 cut | status:200 size:7")),
  c("the other is cut", request("GET /uri/a", host, "x-do: status:404 | status:200 size:7 cut")),
  c("the other is gone", request("GET /uri/a", host, "x-do: status:404 | drop")),
  c("the other is slow", request("GET /slow/a", host, "x-do: status:404 | silent")),
  c("gRPC", request("POST /uri/a", host, again, "content-type: application/grpc", "content-length: 0")),
  {
    ...c("several on one connection", ""),
    send: [request("GET /uri/a", host, again), request("GET /uri/a", host, "x-do: status:200 size:1")],
  },
  {
    name: "custom_response: the stats of redirects",
    setup: "customRedirect",
    send: "",
    stats:
      "custom_response|^(cluster|http\\.in).*(downstream_rq_(tot|2|3|4|5|comp|active)|upstream_rq_(2|4|5|total|active|comp)|no_route|rq_total)",
  },
];

function c(what: string, send: string): Case {
  return { name: `custom_response: redirect, ${what}`, setup: "customRedirect", send };
}

function bodiless(item: Case): Case {
  return { ...item, allowedDifference: "Envoy gives the GET the body that it keeps for retries" };
}
