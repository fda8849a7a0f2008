import { create } from "@bufbuild/protobuf";
import {
  type Route,
  type RouteMatch,
  RouteMatchSchema,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import type { Problem } from "../proto/problems.ts";

/** A route configuration without its faults. */
export interface IsolatedRoutes {
  message: RouteConfiguration;
  /** Routes that stand for what is refused, with the RESPONSE_CODE_DETAILS of what they answer. */
  refused: ReadonlyMap<Route, string>;
}

/**
 * The route configuration with each virtual host and route that has a fault replaced by one that answers 500; null where a fault is in neither.
 * What a replaced route answers is at least what the faulty one would have: a condition that cannot be read is left out, and where the path cannot
 * be read it answers all that comes to it. No request goes on to a later route that was not meant for it.
 */
export function isolateFaults(message: RouteConfiguration, problems: readonly Problem[]): IsolatedRoutes | null {
  const faults = new Map<number, string[]>();
  for (const { severity, path } of problems) {
    if (severity !== "error") continue;
    const [, index, rest = ""] = /^virtual_hosts\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
    if (index === undefined) return null;
    faults.set(Number(index), [...(faults.get(Number(index)) ?? []), rest]);
  }
  const refused = new Map<Route, string>();
  const virtualHosts = message.virtualHosts.map((host, i) => {
    const paths = faults.get(i);
    return paths === undefined ? host : withoutFaults(host, i, paths, refused);
  });
  return { message: { ...message, virtualHosts }, refused };
}

/** `paths` are those of its faults, `index` its own. */
function withoutFaults(
  host: VirtualHost,
  index: number,
  paths: readonly string[],
  refused: Map<Route, string>,
): VirtualHost {
  const faults = new Map<number, string[]>();
  for (const path of paths) {
    const [, route, rest = ""] = /^routes\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
    if (route === undefined) return refusedHost(host, index, paths, refused);
    faults.set(Number(route), [...(faults.get(Number(route)) ?? []), rest]);
  }
  const routes = host.routes.map((route, i) => {
    const own = faults.get(i);
    return own === undefined ? route : answer500(route.name, widerMatch(route.match, own), "refused_route", refused);
  });
  return { ...host, routes };
}

/** Answers for the domains that have no fault. */
function refusedHost(
  { name, domains }: VirtualHost,
  index: number,
  paths: readonly string[],
  refused: Map<Route, string>,
): VirtualHost {
  return create(VirtualHostSchema, {
    name: name === "" ? `virtual_hosts[${index}]` : name,
    domains: domains.filter((_, i) => !paths.includes(`domains[${i}]`)),
    routes: [all, connect].map((match) => answer500("", match, "refused_virtual_host", refused)),
  });
}

function answer500(name: string, match: RouteMatch, details: string, refused: Map<Route, string>): Route {
  const route = create(RouteSchema, { name, match, action: { case: "directResponse", value: { status: 500 } } });
  refused.set(route, details);
  return route;
}

/** What certainly holds all that the faulty one would. `paths` are those of the route's faults. */
function widerMatch(match: RouteMatch | undefined, paths: readonly string[]): RouteMatch {
  const faults = paths.filter((path) => /^match\b/.test(path)).map((path) => path.slice("match.".length));
  if (match === undefined || faults.some((path) => !condition.test(path))) return all;
  const isSound = (list: string) => (_: unknown, i: number) => !faults.some((path) => path.startsWith(`${list}[${i}]`));
  const hasSoundFraction = match.runtimeFraction !== undefined && !faults.some((path) => /^runtime_f/.test(path));
  return create(RouteMatchSchema, {
    pathSpecifier: match.pathSpecifier,
    headers: match.headers.filter(isSound("headers")),
    queryParameters: match.queryParameters.filter(isSound("query_parameters")),
    cookies: match.cookies.filter(isSound("cookies")),
    ...(match.caseSensitive === undefined ? {} : { caseSensitive: match.caseSensitive }),
    ...(hasSoundFraction ? { runtimeFraction: match.runtimeFraction } : {}),
    ...(match.grpc === undefined ? {} : { grpc: match.grpc }),
  });
}

/** Fields of RouteMatch that narrow it; others say which path. */
const condition = /^(headers|query_parameters|cookies|runtime_fraction|tls_context|dynamic_metadata|filter_state)\b/;
const all = create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: "/" } });
const connect = create(RouteMatchSchema, { pathSpecifier: { case: "connectMatcher", value: {} } });
