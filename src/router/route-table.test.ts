import { describe, expect, test } from "vitest";
import type { ValueConditionSpec } from "../observability/access-log-spec.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import type { LinkDeps } from "./link.ts";
import type { FilterStateMatcherSpec, HeaderMatcherSpec, RouteMatchSpec } from "./spec.ts";
import { config, deps, linkRouteTable, match, request, route, toCluster, vhost } from "./table.test-kit.ts";

const info = new StreamInfo();

describe("virtual hosts are searched in Envoy's order", () => {
  const domains = ["*", "a.foo.com", "*.foo.com", "*-x.foo.com", "*.a.foo.com", "foo.*", "foo.bar.*", "h:80", "[::1]"];
  const table = linkRouteTable(
    config(domains.map((domain) => vhost([domain], [route(domain, match("prefix", "/"))]))),
    deps,
  );
  const cases: [string, string][] = [
    ["a.foo.com", "a.foo.com"],
    ["A.FOO.com", "a.foo.com"],
    ["b.foo.com", "*.foo.com"],
    ["b-x.foo.com", "*-x.foo.com"],
    ["b.a.foo.com", "*.a.foo.com"],
    [".foo.com", "*"],
    ["foo.", "*"],
    ["foo.org", "foo.*"],
    ["foo.bar.org", "foo.bar.*"],
    ["h:80", "h:80"],
    ["h", "*"],
    ["", "*"],
  ];
  for (const [host, name] of cases) {
    test(`"${host}" is served by ${name}`, () => expect(table.match(request("/", {}, host), info, 0)?.name).toBe(name));
  }
  test("ports are ignored on demand, IPv6 literals kept", () => {
    const one = linkRouteTable(
      config([vhost(["[::1]", "h"], [route("r", match("prefix", "/"))])], { ignorePortInHostMatching: true }),
      deps,
    );
    for (const host of ["h", "h:1", "[::1]", "[::1]:80"])
      expect(one.match(request("/", {}, host), info, 0)?.name).toBe("r");
    expect(one.match(request("/", {}, "other"), info, 0)).toBeNull();
  });
});

describe("conditions", () => {
  const x = (more: Partial<HeaderMatcherSpec>): Partial<RouteMatchSpec> => ({
    headers: [{ name: "x-a", string: null, range: null, present: true, invert: false, missingAsEmpty: false, ...more }],
  });
  const exact = { kind: "exact", value: "a", ignoreCase: false } as const;
  // Answers of Envoy 1.40: without the field, with "a", with "", with "+3".
  const cases: [string, Partial<RouteMatchSpec>, boolean[]][] = [
    ["exact inverted", x({ string: exact, invert: true }), [false, false, true, true]],
    [
      "exact inverted, missing as empty",
      x({ string: exact, invert: true, missingAsEmpty: true }),
      [true, false, true, true],
    ],
    ["absent", x({ present: false }), [true, false, false, false]],
    ["present inverted", x({ invert: true }), [true, false, false, false]],
    ["present, missing as empty", x({ missingAsEmpty: true }), [true, true, true, true]],
    ["absent, missing as empty", x({ present: false, missingAsEmpty: true }), [false, false, false, false]],
    ["present", x({}), [false, true, true, true]],
    ["range", x({ range: { start: 1, end: 5 } }), [false, false, false, true]],
  ];
  for (const [name, more, expected] of cases) {
    test(name, () => {
      const table = linkRouteTable(config([vhost(["*"], [route("r", match("prefix", "/", more))])]), deps);
      const heads = [
        request("/"),
        request("/", { "x-a": "a" }),
        request("/", { "x-a": "" }),
        request("/", { "x-a": "+3" }),
      ];
      expect(heads.map((head) => table.match(head, info, 0) !== null)).toEqual(expected);
    });
  }

  test("of repeated fields one must match, inverted none", () => {
    const matches = (value: string, invert: boolean) => {
      const headers = x({ string: { ...exact, value }, invert });
      const table = linkRouteTable(config([vhost(["*"], [route("r", match("prefix", "/", headers))])]), deps);
      const head = request("/", { "x-a": "1" });
      head.append("x-a", "2");
      return table.match(head, info, 0) !== null;
    };
    expect(["1", "2", "3", "1,2"].map((value) => matches(value, false))).toEqual([true, true, false, false]);
    expect(["1", "2", "3", "1,2"].map((value) => matches(value, true))).toEqual([false, false, true, true]);
  });

  test("query, cookie, fraction and gRPC", () => {
    const routes = [
      route("query", match("prefix", "/", { query: [{ name: "q", string: exact, present: true }] })),
      route("cookie", match("prefix", "/", { cookies: [{ name: "c", string: exact, invert: false }] })),
      route("grpc", match("prefix", "/", { grpc: true })),
      route("half", match("prefix", "/", { runtimeFraction: { numerator: 50, denominator: 100, runtimeKey: "" } })),
    ];
    const table = linkRouteTable(config([vhost(["*"], routes)]), deps);
    expect(table.match(request("/?qq=a&q=a#f"), info, 0)?.name).toBe("query");
    expect(table.match(request("/", { cookie: 'b=1; c="a"' }), info, 0)?.name).toBe("cookie");
    expect(table.match(request("/", { "content-type": "application/grpc+proto" }), info, 0.9)?.name).toBe("grpc");
    expect(table.match(request("/", { "content-type": "application/grpc-web" }), info, 0.9)).toBeNull();
    expect(table.match(request("/"), info, 0.49)?.name).toBe("half");
    expect(table.match(request("/"), info, 0.5)).toBeNull();
  });

  test("metadata, state and ranges", () => {
    const metadata = (value: ValueConditionSpec, invert = false) => ({
      metadata: [{ path: ["f", "a", "b"], value, invert }],
    });
    const state = (more: Partial<FilterStateMatcherSpec>) => ({
      filterState: [{ key: "k", string: null, ranges: null, ...more }],
    });
    const cases: [Partial<RouteMatchSpec>, unknown, string, boolean][] = [
      [metadata({ kind: "string", string: exact }), "a", "", true],
      [metadata({ kind: "string", string: exact }), 1, "", false],
      [metadata({ kind: "string", string: exact }, true), 1, "", true],
      [metadata({ kind: "number", start: 1, end: 3 }), 2, "", true],
      [metadata({ kind: "number", start: 1, end: 3 }), 3, "", false],
      [metadata({ kind: "bool", value: true }), true, "", true],
      [metadata({ kind: "present", value: true }), {}, "", true],
      [metadata({ kind: "list", value: { kind: "string", string: exact } }), ["b", "a"], "", true],
      [metadata({ kind: "list", value: { kind: "string", string: exact } }), "a", "", false],
      [metadata({ kind: "or", values: [{ kind: "null" }, { kind: "bool", value: false }] }), false, "", true],
      [state({ string: exact }), null, "a", true],
      [state({ string: exact }), null, "b", false],
      [state({ ranges: [{ address: "10.0.0.0", prefixLength: 8 }] }), null, "10.1.2.3", true],
      [state({ ranges: [{ address: "10.0.0.0", prefixLength: 8 }] }), null, "11.1.2.3", false],
    ];
    for (const [more, value, text, expected] of cases) {
      const table = linkRouteTable(config([vhost(["*"], [route("r", match("prefix", "/", more))])]), deps);
      const stream = new StreamInfo();
      stream.dynamicMetadata = new Map([["f", { a: { b: value } }]]);
      stream.filterState = new Map([["k", { text: () => text, fields: () => null, hashText: () => null }]]);
      expect([more, table.match(request("/"), stream, 0) !== null]).toEqual([more, expected]);
    }
  });

  test("vhost_header chooses the virtual host; without it there is none", () => {
    const hosts = [
      vhost(["d"], [route("d", match("prefix", "/"))]),
      vhost(["*"], [route("any", match("prefix", "/"))]),
    ];
    const table = linkRouteTable(config(hosts, { vhostHeader: "x-v" }), deps);
    const heads: Record<string, string>[] = [{ "x-v": "d" }, { "x-v": "" }, {}];
    const names = heads.map((headers) => table.match(request("/", headers, "d"), info, 0)?.name);
    expect(names).toEqual(["d", "any", undefined]);
  });

  test("CONNECT without a path meets connect matchers alone", () => {
    const table = linkRouteTable(
      config([vhost(["*"], [route("p", match("prefix", "")), route("c", match("connect", ""))])]),
      deps,
    );
    const head = request("");
    head.method = "CONNECT";
    expect(table.match(head, info, 0)?.name).toBe("c");
  });

  test("require_tls redirects plain requests and keeps the host as it is", () => {
    const table = linkRouteTable(
      config([vhost(["*"], [route("r", match("prefix", "/"))], { requireTls: "ALL" })]),
      deps,
    );
    const found = table.match(request("/a?b", {}, "h:80"), info, 0);
    expect([found?.status, found?.locationFor(request("/a?b", {}, "h:80"), info)]).toEqual([301, "https://h:80/a?b"]);
  });
});

test("weighted clusters are chosen by weight", () => {
  const entry = {
    clusterHeader: "",
    headers: { requestAdd: [], requestRemove: [], responseAdd: [], responseRemove: [] },
    perFilterConfig: {},
    hostRewriteLiteral: "",
    subset: null,
  };
  const target = {
    kind: "weighted",
    runtimeKeyPrefix: "",
    randomHeader: "x-r",
    usesHashPolicy: false,
    entries: [
      { ...entry, name: "a", weight: 1 },
      { ...entry, name: "none", weight: 0 },
      { ...entry, name: "b", weight: 3 },
    ],
  } as const;
  const table = linkRouteTable(
    config([
      vhost(
        ["*"],
        [route("w", match("prefix", "/"), toCluster("", { target: { ...target, entries: [...target.entries] } }))],
      ),
    ]),
    deps,
  );
  const at = (random: number, headers = {}): string =>
    table.match(request("/", headers), info, random)?.clusterFor(request("/")) ?? "";
  expect([at(0), at(0.249), at(0.25), at(0.999), at(0.9, { "x-r": "4" })]).toEqual(["a", "a", "b", "b", "a"]);
});

test("per-filter configs come to the filters by name, the most specific level first", () => {
  const of = (config: string) => ({ type: "T", config, disabled: false });
  const said = route("r", match("prefix", "/r"), toCluster("c"), { perFilterConfig: { f: of("route") } });
  const silent = (name: string) => route(name, match("prefix", `/${name}`), toCluster("c"));
  const spec = config(
    [
      vhost(["*"], [said, silent("a"), silent("b")], {
        perFilterConfig: { f: of("vhost"), g: of("vhost") },
      }),
    ],
    { perFilterConfig: { g: of("config"), h: of("config") } },
  );
  const linked: unknown[] = [];
  const filters = { overrides: ["x"], outer: null, variant: 1 };
  const linkFilters: LinkDeps["linkFilters"] = (perFilter) => {
    linked.push(["f", "g", "h", "i"].map((name) => perFilter.get(name)?.map(({ config: said }) => said)));
    return filters;
  };
  const found = linkRouteTable(spec, { ...deps, linkFilters }).match(request("/r"), info, 0);
  expect(found?.filters).toBe(filters);
  expect(linked).toEqual([
    [["vhost"], ["vhost", "config"], ["config"], undefined],
    [["route", "vhost"], ["vhost", "config"], ["config"], undefined],
  ]);
});

test("one of 10,000 prefixes", () => {
  const routes = Array.from({ length: 10_000 }, (_, i) =>
    route(`r${i}`, match("prefix", `/api/v${i % 10}/service-${i}/`)),
  );
  const table = linkRouteTable(config([vhost(["*"], routes)]), deps);
  expect(table.match(request("/api/v9/service-9999/x?y"), info, 0)?.name).toBe("r9999");
  expect(table.match(request("/api/v9/service-9999"), info, 0)).toBeNull();
});
