import { expect, test } from "vitest";
import { type BenchCase, cases, routePrefix } from "../cases.ts";
import { envoyConfig } from "./envoy.ts";
import { haproxyConfig, haproxyRouteMap } from "./haproxy.ts";
import { nginxProxyConfig } from "./nginx.ts";

const endpoints = {
  listenPort: 1111,
  backendPort: 2222,
  folder: "/f",
  accessLogFile: "/f/access.log",
  certificate: { chain: "/f/c", key: "/f/k", both: "/f/b" },
};

for (const benchCase of cases) {
  test(`${benchCase.name}: every proxy gets the same routes, and the request matches only the last`, () => {
    const expressions = envoyRoutes(benchCase);
    expect(expressions).toHaveLength(benchCase.routes.count);
    expect(expressions.flatMap((expression, i) => (expression.test(benchCase.path) ? [i] : []))).toEqual([
      expressions.length - 1,
    ]);
    const { count } = benchCase.routes;
    expect(haproxyRouteMap(benchCase).split("\n").length - 1).toBe(count === 1 ? 0 : count);
    expect(nginxProxyConfig(benchCase, endpoints).match(/^\s*location /gm)).toHaveLength(count);
  });

  test(`${benchCase.name}: the access log is on where the case says so, and nowhere else`, () => {
    expect(envoyConfig(benchCase, endpoints).includes("/f/access.log")).toBe(benchCase.accessLog);
    expect(nginxProxyConfig(benchCase, endpoints).includes("/f/access.log")).toBe(benchCase.accessLog);
    expect(haproxyConfig(benchCase, endpoints).includes("httplog")).toBe(benchCase.accessLog);
  });
}

test("no route's prefix is the beginning of another's", () => {
  const prefixes = Array.from({ length: 10_000 }, (_, i) => routePrefix(i));
  expect(new Set(prefixes.map((prefix) => prefix.length)).size).toBe(1);
  expect(new Set(prefixes).size).toBe(prefixes.length);
});

interface Match {
  prefix?: string;
  path?: string;
  path_separated_prefix?: string;
  safe_regex?: { regex: string };
}

/** Each route of the Envoy config as one regular expression. */
function envoyRoutes(benchCase: BenchCase): RegExp[] {
  const config = JSON.parse(envoyConfig(benchCase, endpoints));
  const { routes } =
    config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0];
  return routes.map(({ match }: { match: Match }) => {
    if (match.safe_regex !== undefined) return new RegExp(`^(?:${match.safe_regex.regex})$`);
    if (match.path !== undefined) return new RegExp(`^${match.path}$`);
    return match.prefix === undefined
      ? new RegExp(`^${match.path_separated_prefix}(?:/|$)`)
      : new RegExp(`^${match.prefix}`);
  });
}
