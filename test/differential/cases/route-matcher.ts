import { act, list, requestHeader, valueIs } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const body = (text: string): Json => ({ direct_response: { status: 200, body: { inline_string: text } } });
const route = (prefix: string, action: Json): Json =>
  act("envoy.config.route.v3.Route", { name: `at ${prefix}`, match: { prefix }, ...action });
const routes = (...list: Json[]): Json => act("envoy.config.route.v3.RouteList", { routes: list });
const to = (match: Json, text: string): Json => ({ match, ...body(text) });
const where = (...matchers: [header: string, value: Json, onMatch: Json][]): Json =>
  list(...matchers.map(([name, value, onMatch]): [Json, Json] => [valueIs(requestHeader(name), value), onMatch]));

export const routeMatcherSetups: Record<string, Setup> = {
  routeMatcher: {
    virtualHosts: [
      {
        name: "tree",
        domains: ["tree.test"],
        matcher: {
          matcher_tree: {
            input: requestHeader(":path"),
            exact_match_map: { map: { "/exact": route("/", body("exact")), "/never": route("/other", body("never")) } },
          },
          on_no_match: {
            matcher: {
              matcher_tree: {
                input: requestHeader(":path"),
                prefix_match_map: {
                  map: {
                    "/a": route("/", body("a")),
                    "/a/b": routes(
                      to({ prefix: "/", headers: [{ name: "x-a", string_match: { exact: "1" } }] }, "a b with x-a"),
                      to({ path: "/a/b/c" }, "a b c"),
                    ),
                  },
                },
              },
            },
          },
        },
        response_headers_to_add: [{ header: { key: "x-host", value: "%ROUTE_NAME%" } }],
      },
      {
        name: "list",
        domains: ["list.test"],
        require_tls: "NONE",
        matcher: {
          ...where(
            [
              "x-tenant",
              { exact: "one" },
              route("/", { route: { cluster: "backend{lane}", prefix_rewrite: "/one/" } }),
            ],
            ["x-tenant", { prefix: "tw" }, routes(to({ prefix: "/x" }, "two, x"), to({ prefix: "/" }, "two"))],
            [
              ":method",
              { exact: "DELETE" },
              {
                matcher: where(["x-b", { safe_regex: { google_re2: {}, regex: "[0-9]+" } }, route("/", body("gone"))]),
              },
            ],
          ),
          on_no_match: route("/only", { redirect: { path_redirect: "/else" } }),
        },
      },
      { name: "none", domains: ["none.test"], matcher: where(["x-a", { exact: "1" }, route("/", body("it"))]) },
    ],
  },
};

const paths = ["/", "/exact", "/exact?q", "/never", "/a", "/a/b", "/a/b/c", "/ab", "/b"];

export const routeMatcherCases: readonly Case[] = [
  ...paths.flatMap((path) => [
    c(`tree ${path}`, request(`GET ${path}`, "host: tree.test")),
    c(`tree ${path}, x-a`, request(`GET ${path}`, "host: tree.test", "x-a: 1")),
  ]),
  ...["one", "two", "twenty", "three", ""].flatMap((tenant) =>
    ["/", "/x", "/only", "/only/x?q"].map((path) =>
      c(`list ${tenant} ${path}`, request(`GET ${path}`, "host: list.test", `x-tenant: ${tenant}`)),
    ),
  ),
  c("a nested matcher", request("DELETE /", "host: list.test", "x-b: 12")),
  c("a nested matcher that does not match", request("DELETE /only", "host: list.test", "x-b: x")),
  c("nothing for it", request("GET /", "host: none.test")),
  c("something for it", request("GET /", "host: none.test", "x-a: 1")),
];

function c(name: string, send: string): Case {
  return { name: `route matcher: ${name}`, setup: "routeMatcher", send };
}
