import { request, withBody } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const at = (prefix: string, route: Json): Json => ({
  name: prefix,
  match: { prefix },
  route: { cluster: "backend{lane}", ...route },
});
const redirect = (prefix: string, fields: Json): Json => ({ name: prefix, match: { prefix }, redirect: fields });
const direct = (prefix: string, status: number, text?: string): Json => ({
  name: prefix,
  match: { prefix },
  direct_response: { status, ...(text === undefined ? {} : { body: { inline_string: text } }) },
});
const regexed = (regex: string, substitution: string): Json => ({ pattern: { regex }, substitution });
const vhost = (routes: Json[]): Json[] => [{ name: "all", domains: ["*"], routes }];
const field = (key: string, value: string, action?: string, more: Json = {}): Json => ({
  header: { key, value },
  ...(action === undefined ? {} : { append_action: action }),
  ...more,
});
const levels = (level: string): Json => ({
  request_headers_to_add: [
    field("x-req", level),
    field("x-over", level, "OVERWRITE_IF_EXISTS_OR_ADD"),
    field("x-absent", level, "ADD_IF_ABSENT"),
    field("x-exists", level, "OVERWRITE_IF_EXISTS"),
  ],
  response_headers_to_add: [
    field("x-resp", level),
    field("x-over", level, "OVERWRITE_IF_EXISTS_OR_ADD"),
    field("x-absent", level, "ADD_IF_ABSENT"),
    field("x-exists", level, "OVERWRITE_IF_EXISTS"),
  ],
  request_headers_to_remove: [`x-gone-${level}`],
  response_headers_to_remove: [`x-gone-${level}`],
});
const operators = [
  "PROTOCOL",
  "REQ(:METHOD)",
  "REQ(:PATH)",
  "REQ(x-none?:AUTHORITY)",
  "REQ(x-a):2",
  "RESPONSE_CODE",
  "RESPONSE_FLAGS",
  "RESPONSE_CODE_DETAILS",
  "ROUTE_NAME",
  "UPSTREAM_CLUSTER",
  "UPSTREAM_HOST",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
  "BYTES_RECEIVED",
  "RESP(x-back)",
  "REQ(x-none)",
  "UPSTREAM_REMOTE_ADDRESS",
  "UPSTREAM_PROTOCOL",
  "METADATA(ROUTE:test:key)",
  "DYNAMIC_METADATA(test:key)",
  "FILTER_STATE(x)",
  "PATH(NQ)",
  "QUERY_PARAM(q)",
  "LISTENER_NAME",
  "REQUESTED_SERVER_NAME",
  "UPSTREAM_REQUEST_ATTEMPT_COUNT",
  "HOSTNAME",
];
const operatorFields = operators.map((operator, index) =>
  field(`x-op-${index}`, `[%${operator}%]`, undefined, { keep_empty_value: true }),
);

/** Rewrites, redirects, direct answers and header changes. */
export const rewritesSetups: Record<string, Setup> = {
  rewrites: {
    virtualHosts: vhost([
      at("/prefix/", { prefix_rewrite: "/new/" }),
      at("/bare", { prefix_rewrite: "/" }),
      { name: "exact", match: { path: "/exact" }, route: { cluster: "backend{lane}", prefix_rewrite: "/whole" } },
      {
        name: "sep",
        match: { path_separated_prefix: "/sep" },
        route: { cluster: "backend{lane}", prefix_rewrite: "/s" },
      },
      at("/regex", { regex_rewrite: regexed("^/regex/([^/]+)(/.*)$", "\\2/by/\\1") }),
      at("/all", { regex_rewrite: regexed("l", "L") }),
      at("/host", { host_rewrite_literal: "new.test", append_x_forwarded_host: true }),
      at("/hdr", { host_rewrite_header: "x-a" }),
      at("/hre", { host_rewrite_path_regex: regexed("^/hre/(.+)$", "\\1.test") }),
    ]),
  },
  formatRewrites: { virtualHosts: vhost([at("/path", { path_rewrite: "/x/%REQ(x-a)%" })]) },
  redirects: {
    virtualHosts: vhost([
      redirect("/https", { https_redirect: true }),
      redirect("/scheme", { scheme_redirect: "ftp" }),
      redirect("/host", { host_redirect: "new.test" }),
      redirect("/port", { port_redirect: 8443 }),
      redirect("/path", { path_redirect: "/new?z=1" }),
      redirect("/plain", { path_redirect: "/new" }),
      redirect("/pre/", { prefix_rewrite: "/after/" }),
      redirect("/regex", { regex_rewrite: regexed("/regex/(\\d+)", "/n/\\1") }),
      redirect("/strip", { strip_query: true, host_redirect: "s.test" }),
      ...["MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"].map((code) =>
        redirect(`/${code}`, { host_redirect: "c.test", response_code: code }),
      ),
      redirect("/all", {
        https_redirect: true,
        host_redirect: "n.test",
        port_redirect: 444,
        path_redirect: "/p",
        response_code: "SEE_OTHER",
      }),
    ]),
  },
  direct: {
    virtualHosts: vhost([
      direct("/text", 200, "hello"),
      direct("/none", 200),
      direct("/404", 404, "gone"),
      direct("/301", 301),
      direct("/418", 418, "tea"),
      direct("/204", 204),
      direct("/503", 503, "down"),
      {
        ...direct("/typed", 200, "{}"),
        response_headers_to_add: [field("content-type", "application/json", "OVERWRITE_IF_EXISTS_OR_ADD")],
      },
    ]),
  },
  mutated: mutated({}),
  mutatedSpecific: mutated({ most_specific_header_mutations_wins: true }),
  operators: {
    virtualHosts: vhost([
      { ...direct("/direct", 200, "x"), response_headers_to_add: operatorFields },
      {
        ...at("/", {}),
        request_headers_to_add: operatorFields,
        response_headers_to_add: operatorFields,
        metadata: { filter_metadata: { test: { key: "value" } } },
      },
    ]),
  },
  localReplies: {
    manager: {
      local_reply_config: {
        mappers: [
          {
            filter: {
              status_code_filter: { comparison: { op: "EQ", value: { default_value: 404, runtime_key: "k" } } },
            },
            status_code: 410,
            body: { inline_string: "gone %REQ(:PATH)%" },
            headers_to_add: [field("x-mapped", "%RESPONSE_CODE%", "OVERWRITE_IF_EXISTS_OR_ADD")],
          },
          {
            filter: {
              status_code_filter: { comparison: { op: "GE", value: { default_value: 500, runtime_key: "k" } } },
            },
            body_format_override: {
              json_format: {
                code: "%RESPONSE_CODE%",
                was: "%LOCAL_REPLY_BODY%",
                path: "%REQ(:PATH)%",
                none: "%REQ(x-none)%",
              },
            },
          },
          {
            filter: { header_filter: { header: { name: "x-map", present_match: true } } },
            body_format_override: {
              text_format_source: { inline_string: "<b>%LOCAL_REPLY_BODY%</b>" },
              content_type: "text/html",
            },
          },
        ],
        body_format: { text_format_source: { inline_string: "%LOCAL_REPLY_BODY%:%RESPONSE_CODE%:%RESPONSE_FLAGS%\n" } },
      },
    },
    routeConfig: { validate_clusters: false },
    virtualHosts: vhost([
      direct("/403", 403, "no"),
      direct("/404", 404, "gone"),
      { name: "missing", match: { prefix: "/missing" }, route: { cluster: "nowhere" } },
      at("/ok", {}),
    ]),
  },
};

const rewritten = [
  "/prefix/a?q",
  "/prefix/",
  "/bare",
  "/bare/x",
  "/barex",
  "/exact?q",
  "/sep",
  "/sep/x",
  "/regex/a/b/c?q=/regex/1/2",
  "/regex",
  "/all/lll?l",
  "/host",
  "/hdr",
  "/hre/abc",
  "/hre",
];
const redirected = [
  "/https?q",
  "/scheme",
  "/host/a?b",
  "/port",
  "/path?q=1",
  "/plain?q=1",
  "/pre/x?y",
  "/regex/12?q",
  "/strip?q",
  "/MOVED_PERMANENTLY",
  "/FOUND",
  "/SEE_OTHER",
  "/TEMPORARY_REDIRECT",
  "/PERMANENT_REDIRECT",
  "/all?q",
];
const directs = ["/text", "/none", "/404", "/301", "/418", "/204", "/503", "/typed", "/unrouted"];
const had = [
  "x-req: client",
  "x-over: client",
  "x-absent: client",
  "x-exists: client",
  "x-gone-route: 1",
  "x-gone-vhost: 1",
  "x-gone-config: 1",
  "x-gone-weighted: 1",
];
const hadAnswer = `x-do: ${had.map((line) => `header:${line.replace(": ", "=")}`).join(" ")}`;

export const rewritesCases: readonly Case[] = [
  ...rewritten.map((path) => c("rewrites", `rewrite ${path}`, request(`GET ${path}`, "x-a: value.test"))),
  c("formatRewrites", "rewrite /path?q", request("GET /path?q", "x-a: value.test")),
  ...redirected.map((path) => c("redirects", `redirect ${path}`, request(`GET ${path}`, "host: old.test:8080"))),
  c("redirects", "HEAD of a redirect", request("HEAD /https")),
  c("redirects", "a redirect of a POST with a body", withBody("POST /https", "hello")),
  ...directs.map((path) => c("direct", `direct answer ${path}`, request(`GET ${path}`))),
  ...directs.slice(0, 4).map((path) => c("direct", `HEAD of direct answer ${path}`, request(`HEAD ${path}`))),
  c("direct", "a direct answer to gRPC", request("POST /404", "content-type: application/grpc")),
  c("direct", "a direct answer to a POST whose body is there", withBody("POST /text", "hello")),
  c("direct", "a direct answer before the body", request("POST /text", "content-length: 5")),
  ...["mutated", "mutatedSpecific"].flatMap((setup) => [
    c(setup, `${setup}: fields that were absent`, request("GET /route")),
    c(setup, `${setup}: fields that were there`, request("GET /route", ...had, hadAnswer)),
    c(setup, `${setup}: of a weighted cluster`, request("GET /weighted", ...had, hadAnswer)),
    c(setup, `${setup}: of a direct answer`, request("GET /direct")),
    c(setup, `${setup}: of an answer without a route's own`, request("GET /none", ...had)),
  ]),
  c("operators", "every operator in both directions", request("GET /a?q=1", "x-a: abc", "x-do: header:x-back=b")),
  c("operators", "every operator in a direct answer", request("GET /direct?q=1", "x-a: abc")),
  ...["/403", "/404", "/missing", "/ok", "/unrouted"].flatMap((path) => [
    c("localReplies", `mapped ${path}`, request(`GET ${path}`)),
    c("localReplies", `mapped ${path} by header`, request(`GET ${path}`, "x-map: 1")),
  ]),
  c("localReplies", "mapped answer to gRPC", request("POST /404", "content-type: application/grpc")),
  c("localReplies", "mapped answer to a bad request", "GET /a HTTP/1.1\r\nbad name: x\r\n\r\n"),
  c("localReplies", "mapped answer to HEAD", request("HEAD /403")),
];

function mutated(more: Json): Setup {
  const weighted = { clusters: [{ name: "backend{lane}", weight: 1, ...levels("weighted") }] };
  const routes = [
    { ...at("/route", {}), ...levels("route") },
    { name: "weighted", match: { prefix: "/weighted" }, route: { weighted_clusters: weighted }, ...levels("route") },
    { ...direct("/direct", 200, "x"), ...levels("route") },
    at("/none", {}),
  ];
  return {
    routeConfig: { ...levels("config"), ...more },
    virtualHosts: [{ name: "all", domains: ["*"], routes, ...levels("vhost") }],
  };
}

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
