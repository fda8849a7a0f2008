import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const at = (prefix: string, policy: Json | null, more: Json = {}, of: Json = {}): Json => ({
  name: prefix,
  match: { prefix },
  route: { cluster: "backend{lane}", ...(policy === null ? {} : { internal_redirect_policy: policy }), ...more },
  ...of,
});
const adds = (name: string): Json => ({
  request_headers_to_add: [{ header: { key: `x-${name}`, value: "%REQ(:PATH)%" } }],
  response_headers_to_add: [{ header: { key: `x-${name}`, value: "1" } }],
});
const predicate = (name: string, type: string, more: Json = {}): Json => ({
  name,
  typed_config: { "@type": `type.googleapis.com/envoy.extensions.internal_redirect.${type}`, ...more },
});
const previous = predicate("previous", "previous_routes.v3.PreviousRoutesConfig");
const listed = predicate("listed", "allow_listed_routes.v3.AllowListedRoutesConfig", {
  allowed_route_names: ["/target", "/listed"],
});
const safe = predicate("safe", "safe_cross_scheme.v3.SafeCrossSchemeConfig");

/** Redirects of upstreams that the proxy follows itself. */
export const redirectsSetups: Record<string, Setup> = {
  internalRedirects: {
    manager: { http_protocol_options: { enable_trailers: true } },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        include_request_attempt_count: true,
        include_attempt_count_in_response: true,
        routes: [
          at("/in", {}, { prefix_rewrite: "/rewritten" }, adds("in")),
          at("/codes", { redirect_response_codes: [301, 303, 307, 308, 200] }),
          at("/two", { max_internal_redirects: 2 }),
          at("/zero", { max_internal_redirects: 0 }),
          at("/cross", { allow_cross_scheme_redirect: true }),
          at("/safe", { allow_cross_scheme_redirect: true, predicates: [safe] }),
          at("/previous", { max_internal_redirects: 9, predicates: [previous] }),
          at("/listed", { max_internal_redirects: 9, predicates: [listed] }),
          at("/copy", { response_headers_to_copy: ["X-Token", "x-gone", "x-twice"] }),
          at("/small", {}, {}, { per_request_buffer_limit_bytes: 3 }),
          at("/retried", {}, { retry_policy: { retry_on: "5xx", retry_back_off: { base_interval: "0.001s" } } }),
          at("/timed", {}, { timeout: "0.5s" }),
          at("/legacy", null, { internal_redirect_action: "HANDLE_INTERNAL_REDIRECT", max_internal_redirects: 2 }),
          at("/legacyoff", null, { internal_redirect_action: "PASS_THROUGH_INTERNAL_REDIRECT" }),
          at("/host", {}, { host_rewrite_literal: "up" }),
          at("/target", null, {}, adds("target")),
          {
            name: "/direct",
            match: { prefix: "/direct" },
            direct_response: { status: 200, body: { inline_string: "d" } },
          },
          { name: "/away", match: { prefix: "/away" }, redirect: { host_redirect: "elsewhere" } },
        ],
      },
      { name: "only", domains: ["only.test"], routes: [at("/", null, {}, adds("only"))] },
    ],
  },
};

const target = "http://other.test/target/b?y=2";
/** The words of a redirect to `url`. */
const to = (url: string, status = 302): string => `status:${status} header:location=${encodeURIComponent(url)}`;

export const redirectsCases: readonly Case[] = [
  c("a redirect is followed", request("GET /in/a?x=1", `x-do: ${to(target)} | status:200`)),
  c("the fragment of a redirect goes", request("GET /in/a", `x-do: ${to(`${target}#there`)} | status:200`)),
  c("a body is sent again", withBody("POST /in/a", "hello", `x-do: ${to(target)} | status:200`)),
  c("chunks are sent again", withChunks("POST /in/a", ["hello", "world"], [], `x-do: ${to(target)} | status:200`)),
  c("trailers are sent again", withChunks("POST /in/a", ["hello"], ["x-t: 1"], `x-do: ${to(target)} | status:200`)),
  c("the redirect has a body", request("GET /in/a", `x-do: ${to(target)} size:50000 | size:3`)),
  c("303 makes a GET", withBody("POST /codes/a", "hello", `x-do: ${to(target, 303)} | status:200`)),
  c("303 leaves HEAD", request("HEAD /codes/a", `x-do: ${to(target, 303)} | status:200`)),
  c("307 leaves the method", withBody("PUT /codes/a", "hello", `x-do: ${to(target, 307)} | status:200`)),
  ...[200, 301, 302, 308, 404].map((status) =>
    c(
      `status ${status} where others are asked for`,
      request("GET /codes/a", `x-do: ${to(target, status)} | status:200`),
    ),
  ),
  c("301 is not followed of itself", request("GET /in/a", `x-do: ${to(target, 301)} | status:200`)),
  c("two redirects", request("GET /two/a", `x-do: ${to("http://o/two/b")} | ${to(target)} | status:200`)),
  c("three redirects where two are allowed", request("GET /two/a", `x-do: ${to("http://o/two/b")}`)),
  c("another route's limit counts", request("GET /two/a", `x-do: ${to("http://o/in/b")}`)),
  c("none is allowed", request("GET /zero/a", `x-do: ${to(target)}`)),
  c("no Location", request("GET /in/a", "x-do: status:302")),
  c("an empty Location", request("GET /in/a", "x-do: status:302 header:location=")),
  c("a Location without a host", request("GET /in/a", `x-do: ${to("/target/b")}`)),
  c("a Location that is none", request("GET /in/a", `x-do: ${to("http://")}`)),
  c("a Location without a path", request("GET /in/a", `x-do: ${to("http://only.test")} | status:200`)),
  doubled(c("a Location with a query alone", request("GET /in/a", `x-do: ${to("http://only.test?a=b")} | status:200`))),
  c("a port in the Location", request("GET /in/a", `x-do: ${to("http://other.test:8080/target")} | status:200`)),
  c(
    "the default port in the Location",
    request("GET /in/a", `x-do: ${to("http://other.test:80/target")} | status:200`),
  ),
  c("capitals in the Location", request("GET /in/a", `x-do: ${to("HTTP://Other.Test/target")} | status:200`)),
  c("a Location of FTP", request("GET /in/a", `x-do: ${to("ftp://other.test/target")}`)),
  doubled(c("dots in the Location", request("GET /in/a", `x-do: ${to("http://other.test/x/../target")} | status:200`))),
  c("another virtual host", request("GET /in/a", `x-do: ${to("http://only.test/x")} | status:200`)),
  doubled(c("no route", request("GET /in/a", `x-do: ${to("http://o/nothing")}`))),
  c("https from http", request("GET /in/a", `x-do: ${to("https://o/target")}`)),
  c("https from http where it is allowed", request("GET /cross/a", `x-do: ${to("https://o/target")} | status:200`)),
  c("http from http where the other is allowed", request("GET /safe/a", `x-do: ${to("http://o/target")} | status:200`)),
  c("the first way over a route", request("GET /previous/a", `x-do: ${to(target)} | status:200`)),
  c("a body over the limit", withBody("POST /small/a", "hello", `x-do: ${to(target)} | status:200`)),
  c("a body within the limit", withBody("POST /small/a", "hel", `x-do: ${to(target)} | status:200`)),
  c("an early redirect", withBody("POST /in/a", "hello", `x-do: early ${to(target)} | status:200`)),
  c(
    "fields of the response are copied",
    request(
      "GET /copy/a",
      "x-token: old",
      "x-gone: 1",
      "x-do: ".concat(to(target), " header:x-token=new header:x-twice=1 header:x-twice=2 | status:200"),
    ),
  ),
  c("a retry and then a redirect", withBody("POST /retried/a", "abc", `x-do: status:503 | ${to(target)} | status:200`)),
  c(
    "a redirect and then a retry",
    withBody("POST /in/a", "abc", `x-do: ${to("http://o/retried")} | status:503 | status:200`),
  ),
  c("a redirect to a direct response", request("GET /in/a", `x-do: ${to("http://o/direct")}`)),
  c("a redirect to a redirect of the proxy", request("GET /in/a", `x-do: ${to("http://o/away")}`)),
  c("a redirect to a host that fails", request("GET /in/a", `x-do: ${to(target)} | drop`)),
  c("a redirect and a time limit", request("GET /in/a", `x-do: ${to("http://o/timed")} | silent`)),
  c("a rewritten host", request("GET /host/a", `x-do: ${to(target)} | status:200`)),
  c("the deprecated fields", request("GET /legacy/a", `x-do: ${to("http://o/legacy/b")} | ${to(target)} | status:200`)),
  c("the deprecated field says no", request("GET /legacyoff/a", `x-do: ${to(target)}`)),
  {
    ...c("several on one connection", ""),
    send: [request("GET /in/a", `x-do: ${to(target)} | status:200`), request("GET /in/a", `x-do: status:200`)],
  },
  ...[
    doubled(c("https where only the safe is allowed", request("GET /safe/a", `x-do: ${to("https://o/target")}`))),
    doubled(c("the same way twice", request("GET /previous/a", `x-do: ${to("http://o/previous/b")}`))),
    c("a listed route", request("GET /listed/a", `x-do: ${to("http://o/listed/b")} | ${to(target)} | status:200`)),
    doubled(c("a route that is not listed", request("GET /listed/a", `x-do: ${to("http://o/in/b")}`))),
  ],
  {
    name: "internalRedirects: stats",
    setup: "internalRedirects",
    send: "",
    stats:
      "^(cluster|http\\.in).*(redirect|downstream_rq_(tot|2|3|4|5|comp|active)|rq_total|upstream_rq_(2|3|4|5|comp|total|active)|cx_(total|destroy)|abandoned)",
  },
];

function doubled(item: Case): Case {
  return { ...item, allowedDifference: "Envoy doubles :scheme when it puts the request's head back" };
}

function c(name: string, send: string): Case {
  return { name, setup: "internalRedirects", send };
}
