import { cluster } from "../bootstrap.ts";
import { request, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const name = "envoy.filters.http.header_mutation";
const filter = (mutations: Json, more: Json = {}): Json => ({
  name,
  typed_config: { "@type": `${http}header_mutation.v3.HeaderMutation`, mutations, ...more },
});
const perRoute = (mutations: Json): Json => ({
  typed_per_filter_config: {
    [name]: { "@type": `${http}header_mutation.v3.HeaderMutationPerRoute`, mutations },
  },
});
const append = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD", more: Json = {}): Json => ({
  append: { header: { key, value }, append_action: action, ...more },
});
const remove = (header: string): Json => ({ remove: header });
const removeMatch = (match: Json): Json => ({ remove_on_match: { key_matcher: match } });
const query = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD"): Json => ({
  append: { record: { key, value }, action },
});
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const host = (...routes: Json[]): Json[] => [{ name: "all", domains: ["*"], routes }];

const requestMutations = [
  append("x-add", "1"),
  append("x-add", "2"),
  append("x-absent", "made", "ADD_IF_ABSENT"),
  append("x-over", "new", "OVERWRITE_IF_EXISTS_OR_ADD"),
  append("x-if", "new", "OVERWRITE_IF_EXISTS"),
  append("x-format", "%REQ(x-in)% %PROTOCOL%"),
  append("x-empty", "%REQ(x-none)%"),
  append("x-kept", "%REQ(x-none)%", "APPEND_IF_EXISTS_OR_ADD", { keep_empty_value: true }),
  append("x-literal", "100%%"),
  append("X-Upper", "U"),
  remove("x-gone"),
  remove("X-Gone-Too"),
  append("x-gone", "back"),
  removeMatch({ prefix: "x-tmp-" }),
  removeMatch({ exact: "X-Case", ignore_case: true }),
  append("x-tmp-late", "stays"),
];
const responseMutations = [
  append("x-status", "%RESPONSE_CODE%"),
  append("x-path", "%REQ(:path)%"),
  append("server", "mine", "OVERWRITE_IF_EXISTS_OR_ADD"),
  append("x-over", "new", "OVERWRITE_IF_EXISTS"),
  append("x-absent", "made", "ADD_IF_ABSENT"),
  remove("x-secret"),
  removeMatch({ suffix: "-internal" }),
  append("set-cookie", "b=2"),
];
const level = (where: string): Json => ({
  request_mutations: [append("x-levels", where), append("x-last", where, "OVERWRITE_IF_EXISTS_OR_ADD")],
  response_mutations: [append("x-levels", where), append("x-last", where, "OVERWRITE_IF_EXISTS_OR_ADD")],
});
const levels = (more: Json): Setup => ({
  filters: [filter(level("filter"), more)],
  routeConfig: perRoute(level("config")),
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      ...perRoute(level("host")),
      routes: [to("/route", perRoute(level("route"))), to("/none"), to("/empty", perRoute({}))],
    },
  ],
});

export const headerMutationSetups: Record<string, Setup> = {
  headerMutation: {
    filters: [filter({ request_mutations: requestMutations, response_mutations: responseMutations })],
    virtualHosts: host(
      { match: { path: "/direct" }, direct_response: { status: 418, body: { inline_string: "tea" } } },
      { match: { path: "/redirect" }, redirect: { path_redirect: "/new" } },
      {
        match: { prefix: "/off" },
        route: { cluster: "backend{lane}" },
        typed_per_filter_config: {
          [name]: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
        },
      },
      to("/"),
    ),
  },
  headerMutationLevels: levels({}),
  headerMutationWins: levels({ most_specific_header_mutations_wins: true }),
  headerMutationQuery: {
    filters: [
      filter({
        query_parameter_mutations: [
          query("a", "1"),
          query("absent", "made", "ADD_IF_ABSENT"),
          query("over", "new", "OVERWRITE_IF_EXISTS_OR_ADD"),
          query("if", "new", "OVERWRITE_IF_EXISTS"),
          { remove: "gone" },
          query("fmt", "%REQ(x-in)%"),
        ],
      }),
    ],
    virtualHosts: host(to("/")),
  },
  headerMutationTrailers: {
    filters: [
      filter({
        request_trailers_mutations: [append("x-t", "added"), remove("x-gone"), append("x-in", "%REQ(x-in)%")],
        response_trailers_mutations: [append("x-t", "%RESPONSE_CODE%"), remove("x-gone")],
      }),
    ],
    manager: { http_protocol_options: { enable_trailers: true } },
    clusters: [cluster("trailing", { http_protocol_options: { enable_trailers: true } })],
    virtualHosts: host({ match: { prefix: "/" }, route: { cluster: "trailing{lane}" } }),
  },
};

const plain = (title: string, setup: string, ...fields: string[]): Case => ({
  name: `header mutation: ${title}`,
  setup,
  send: request("GET /x", ...fields),
});
const at = (path: string, setup: string, ...fields: string[]): Case => ({
  name: `header mutation: ${setup} ${path} ${fields.join(" ")}`,
  setup,
  send: request(`GET ${path}`, ...fields),
});

export const headerMutationCases: Case[] = [
  plain("nothing is there", "headerMutation"),
  plain("what is added is there already", "headerMutation", "x-add: 0", "x-absent: old", "x-over: old", "x-if: old"),
  plain("repeated fields", "headerMutation", "x-over: a", "x-over: b", "x-if: a", "x-if: b", "x-add: a"),
  plain(
    "removals",
    "headerMutation",
    "x-gone: 1",
    "x-gone: 2",
    "x-gone-too: 1",
    "x-tmp-a: 1",
    "x-tmp-b: 2",
    "x-case: 1",
  ),
  plain("formats", "headerMutation", "x-in: hello"),
  plain("an empty field is there", "headerMutation", "x-absent:", "x-over:", "x-if:"),
  plain("an upper-case field", "headerMutation", "X-Gone: 1", "X-ADD: 0"),
  plain(
    "the response has them",
    "headerMutation",
    "x-do: header:x-over=old header:x-secret=1 header:x-a-internal=1 header:set-cookie=a=1 header:x-absent=old",
  ),
  plain("the response repeats them", "headerMutation", "x-do: header:x-over=a header:x-over=b"),
  plain("an error of the backend", "headerMutation", "x-do: status:503"),
  at("/direct", "headerMutation", "x-gone: 1"),
  at("/redirect", "headerMutation"),
  at("/off/x", "headerMutation", "x-gone: 1"),
  { name: "header mutation: HEAD", setup: "headerMutation", send: request("HEAD /x", "x-do: header:x-over=old") },
  ...["headerMutationLevels", "headerMutationWins"].flatMap((setup) =>
    ["/route", "/none", "/empty", "/missing"].map((path) => at(path, setup)),
  ),
  ...[
    "/",
    "/?",
    "/?a=0",
    "/?over=old&if=old&absent=old",
    "/?gone=1&b=2&gone=3&a=x",
    "/?b=%20x%2f&a=b+c&c",
    "/?z=1&y=2&y=3&x",
    "/?=1&&a",
    "/?over=1&over=2",
    "/p%20a?q=%zz",
  ].map((path) => at(path, "headerMutationQuery")),
  at("/?k=1", "headerMutationQuery", "x-in: a b&c=d"),
  {
    name: "header mutation: trailers of the request",
    setup: "headerMutationTrailers",
    send: withChunks("POST /x", ["ab"], ["x-gone: 1", "x-t: old"], "x-in: hello"),
  },
  {
    name: "header mutation: a request without trailers",
    setup: "headerMutationTrailers",
    send: withChunks("POST /x", ["ab"], []),
  },
  {
    name: "header mutation: trailers of the response",
    setup: "headerMutationTrailers",
    send: request("GET /x", "te: trailers", "x-do: chunked size:3 trailer:x-gone=1 trailer:x-t=old"),
  },
];
