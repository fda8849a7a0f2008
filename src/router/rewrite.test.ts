import { describe, expect, test } from "vitest";
import { HeaderBlock } from "../http/header-block.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { noMutations } from "./empty-specs.ts";
import { HeaderMutations } from "./header-mutation.ts";
import type {
  ActionSpec,
  AppendAction,
  ClusterActionSpec,
  HeaderAddSpec,
  RedirectSpec,
  RouteMatchSpec,
} from "./spec.ts";
import {
  compileValue,
  config,
  deps,
  linkRouteTable,
  match,
  request,
  route,
  toCluster,
  vhost,
} from "./table.test-kit.ts";

const info = new StreamInfo();

function only(matchSpec: RouteMatchSpec, action: ActionSpec) {
  const table = linkRouteTable(config([vhost(["*"], [route("r", matchSpec, action)])]), deps);
  return table;
}

describe("path and host rewrites", () => {
  const cases: [string, RouteMatchSpec, Partial<ClusterActionSpec>, string, string, string][] = [
    [
      "prefix",
      match("prefix", "/hr/"),
      { pathRewrite: { kind: "prefix", value: "/z/" } },
      "/hr/a?q=1",
      "/z/a?q=1",
      "h",
    ],
    [
      "a regex route's whole path",
      match("regex", "/rx/.*"),
      { pathRewrite: { kind: "prefix", value: "/z" } },
      "/rx/a?b=1",
      "/z?b=1",
      "h",
    ],
    [
      "any case",
      match("prefix", "/WI/", { caseSensitive: false }),
      { pathRewrite: { kind: "prefix", value: "/q/" } },
      "/wi/x",
      "/q/x",
      "h",
    ],
    [
      "by regex, the query kept",
      match("prefix", "/"),
      { pathRewrite: { kind: "regex", rewrite: { regex: "^/a/(.*)", substitution: "/\\1/a" } } },
      "/a/b?/a/c",
      "/b/a?/a/c",
      "h",
    ],
    ["literal host", match("prefix", "/"), { hostRewrite: { kind: "literal", value: "new" } }, "/", "/", "new"],
    [
      "host of a header",
      match("prefix", "/"),
      { hostRewrite: { kind: "header", name: "x-h" } },
      "/",
      "/",
      "from-header",
    ],
    [
      "host of the path",
      match("prefix", "/"),
      { hostRewrite: { kind: "pathRegex", rewrite: { regex: "^/(.+)/.+$", substitution: "\\1" } } },
      "/hh/b?c",
      "/hh/b?c",
      "hh",
    ],
  ];
  for (const [name, matchSpec, action, before, path, host] of cases) {
    test(name, () => {
      const head = request(before, { "x-h": "from-header" });
      only(matchSpec, toCluster("c", action)).match(head, info, 0)?.rewriteRequest(head, info, true);
      expect([head.path, head.authority]).toEqual([path, host]);
      expect(head.find("x-envoy-original-path")).toBe(path === before ? null : before);
      expect(head.find("x-envoy-original-host")).toBe(host === "h" ? null : "h");
    });
  }

  test("x-forwarded-host gets the old host once", () => {
    const table = only(
      match("prefix", "/"),
      toCluster("c", { hostRewrite: { kind: "literal", value: "new" }, appendXForwardedHost: true }),
    );
    for (const [before, after] of [
      [null, "h"],
      ["p", "p,h"],
      ["p,h", "p,h"],
    ] as const) {
      const head = request("/", before === null ? {} : { "x-forwarded-host": before });
      table.match(head, info, 0)?.rewriteRequest(head, info, false);
      expect(head.find("x-forwarded-host")).toBe(after);
    }
  });
});

describe("redirects", () => {
  const base: RedirectSpec = {
    kind: "redirect",
    status: 301,
    scheme: "",
    host: "",
    port: 0,
    path: "",
    pathRewrite: null,
    stripQuery: false,
  };
  const cases: [string, Partial<RedirectSpec>, string, string, string][] = [
    ["https drops the default port", { scheme: "https" }, "/p/a?q", "h:80", "https://h/p/a?q"],
    ["https keeps another port", { scheme: "https" }, "/p/a", "h:81", "https://h:81/p/a"],
    [
      "a port replaces the port",
      { scheme: "https", port: 8443, path: "/p?x=1" },
      "/p/?z=2",
      "h:80",
      "https://h:8443/p?x=1",
    ],
    [
      "the same scheme keeps its port",
      { pathRewrite: { kind: "prefix", value: "/n/" }, stripQuery: true },
      "/p/a?q=1",
      "h:80",
      "http://h:80/n/a",
    ],
    ["a path keeps the query", { path: "/n" }, "/p/?a", "h", "http://h/n?a"],
    ["an IPv6 host", { scheme: "https" }, "/p/", "[::1]:80", "https://[::1]/p/"],
    ["a host", { host: "o:1" }, "/p/", "h:80", "http://o:1/p/"],
  ];
  for (const [name, redirect, path, host, location] of cases) {
    test(name, () => {
      const head = request(path, {}, host);
      expect(
        only(match("prefix", "/p/"), { ...base, ...redirect })
          .match(head, info, 0)
          ?.locationFor(head, info),
      ).toBe(location);
    });
  }
});

describe("header mutations", () => {
  const add = (
    name: string,
    value: string,
    action: AppendAction = "APPEND_IF_EXISTS_OR_ADD",
    keepEmpty = false,
  ): HeaderAddSpec => ({ name, value, action, keepEmpty });
  const cases: [string, HeaderAddSpec[], string[], string][] = [
    ["append", [add("a", "2")], [], "a=1 a=2"],
    ["overwrite", [add("a", "2", "OVERWRITE_IF_EXISTS_OR_ADD"), add("b", "2", "OVERWRITE_IF_EXISTS")], [], "a=2"],
    [
      "add if absent looks at what was there before",
      [add("a", "2", "ADD_IF_ABSENT"), add("b", "1", "ADD_IF_ABSENT"), add("b", "2", "ADD_IF_ABSENT")],
      [],
      "a=1 b=1 b=2",
    ],
    ["removals come first", [add("a", "2")], ["a"], "a=2"],
    ["empty values go", [add("b", "%EMPTY%"), add("c", "%EMPTY%", "APPEND_IF_EXISTS_OR_ADD", true)], [], "a=1 c="],
    ["operators", [add("b", "%X%")], [], "a=1 b=<X>"],
  ];
  for (const [name, additions, removals, expected] of cases) {
    test(name, () => {
      const block = new HeaderBlock();
      block.append("a", "1");
      new HeaderMutations(additions, removals, compileValue).apply(block, info);
      expect(text(block)).toBe(expected);
    });
  }

  for (const [wins, expected] of [
    [false, "config"],
    [true, "route"],
  ] as const) {
    test(`most_specific_header_mutations_wins ${wins}: ${expected} wins`, () => {
      const level = (value: string) => ({
        ...noMutations,
        requestAdd: [add("l", value, "OVERWRITE_IF_EXISTS_OR_ADD")],
      });
      const routes = [route("r", match("prefix", "/"), toCluster("c"), { headers: level("route") })];
      const spec = config([vhost(["*"], routes, { headers: level("vhost") })], {
        headers: level("config"),
        mostSpecificHeaderMutationsWins: wins,
      });
      const head = request("/");
      linkRouteTable(spec, deps).match(head, info, 0)?.rewriteRequest(head, info, false);
      expect(head.find("l")).toBe(expected);
    });
  }
});

function text(block: HeaderBlock): string {
  const fields: string[] = [];
  for (let i = 0; i < block.size; i++) if (block.names[i] !== "") fields.push(`${block.names[i]}=${block.values[i]}`);
  return fields.join(" ");
}
