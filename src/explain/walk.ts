import { Known } from "../http/names.ts";
import { HostTrie } from "../router/host-trie.ts";
import { linkMatcher } from "../router/matching/match-tree.ts";
import type { MatcherSpec } from "../router/matching/spec.ts";
import { hostToServe } from "../router/route-table.ts";
import { type RouteConfigSpec, type RouteSpec, routePlace, type VirtualHostSpec } from "../router/spec.ts";
import { type FailedCondition, firstFailure, sharedPath, type Trial } from "./conditions.ts";
import { pathText } from "./describe.ts";

/** Which virtual host serves a request, and why. */
export interface HostChoice {
  virtualHost: VirtualHostSpec;
  /** Its place among the virtual hosts. */
  index: number;
  domain: string;
  /** The kind of the domain, as Envoy searches them. */
  rule: "exact" | "suffix wildcard" | "prefix wildcard" | "any";
}

/** A route that was tried. */
export interface TriedRoute {
  /** Its place among the routes. */
  index: number;
  /** `routes[3]`; with a matcher the path to its action. */
  place: string;
  name: string;
  /** `prefix "/cart"` */
  path: string;
  /** null: it matched. */
  failed: FailedCondition | null;
}

/** What a walk over the routes of a virtual host in their order finds. */
export interface Walk {
  /** In order; those that have the least in common with the request are left out. */
  tried: TriedRoute[];
  /** How many of the tried ones are left out. */
  omitted: number;
  /** How many stand behind the winner, which nobody asks. */
  behind: number;
  /** Of those, which would match too. */
  shadowed: TriedRoute[];
  winner: { index: number; spec: RouteSpec } | null;
  /** require_tls answers before any route is tried. */
  isTlsRedirect: boolean;
}

/** What a matcher leaves of the routes. */
function chosenRoutes(matcher: MatcherSpec<number[]>, { info, runtime }: Trial): readonly number[] {
  const found = linkMatcher(matcher, runtime, (indices) => indices).match(info);
  return found === null || typeof found === "symbol" ? [] : found;
}

/** null where no virtual host serves the request; `host` is what was looked for, null where the vhost_header is missing. */
export function chooseHost(spec: RouteConfigSpec, trial: Trial): { host: string | null; choice: HostChoice | null } {
  const host = hostToServe(trial.head, spec.vhostHeader, spec.ignorePortInHostMatching);
  const domains = new HostTrie<HostChoice>();
  for (const [index, virtualHost] of spec.virtualHosts.entries()) {
    for (const domain of virtualHost.domains)
      domains.insert(domain, { virtualHost, index, domain, rule: ruleOf(domain) });
  }
  return { host, choice: host === null ? null : domains.find(host) };
}

/** `limit`: how many failed routes are told. */
export function walkRoutes(host: VirtualHostSpec, trial: Trial, limit: number): Walk {
  const { routes, matcher, requireTls } = host;
  const walk: Walk = { tried: [], omitted: 0, behind: 0, shadowed: [], winner: null, isTlsRedirect: false };
  const { head } = trial;
  if (requireTls !== "NONE" && head.get(Known["x-forwarded-proto"]) !== "https") {
    walk.isTlsRedirect = requireTls === "ALL" || head.get(Known["x-envoy-internal"]) !== "true";
    if (walk.isTlsRedirect) return walk;
  }
  const failed: { route: TriedRoute; nearness: number }[] = [];
  let matched: TriedRoute | null = null;
  for (const index of matcher === null ? routes.keys() : chosenRoutes(matcher, trial)) {
    const spec = routes[index] as RouteSpec;
    const route: TriedRoute = {
      index,
      place: routePlace(host, index),
      name: spec.name,
      path: pathText(spec.match.path, spec.match.caseSensitive),
      failed: firstFailure(spec.match, trial),
    };
    if (matched !== null) {
      walk.behind++;
      if (route.failed === null && walk.shadowed.length < maxShadowed) walk.shadowed.push(route);
    } else if (route.failed === null) {
      matched = route;
      walk.winner = { index, spec };
    } else failed.push({ route, nearness: nearnessOf(spec, route.failed, head.path) });
  }
  const kept = failed.toSorted((a, b) => b.nearness - a.nearness).slice(0, limit);
  walk.omitted = failed.length - kept.length;
  walk.tried = kept.map(({ route }) => route).sort((a, b) => a.index - b.index);
  if (matched !== null) walk.tried.push(matched);
  return walk;
}

/** A route whose path fits is nearer than any whose path does not. */
function nearnessOf(spec: RouteSpec, { kind }: FailedCondition, path: string): number {
  return (kind === "path" ? 0 : pathFits) + sharedPath(spec.match, path);
}

function ruleOf(domain: string): HostChoice["rule"] {
  if (domain === "*") return "any";
  if (domain.startsWith("*")) return "suffix wildcard";
  return domain.endsWith("*") ? "prefix wildcard" : "exact";
}

const pathFits = 1e9;
const maxShadowed = 3;
