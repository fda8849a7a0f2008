import { RequestStats } from "../observability/request-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { linkConditions, RouteEntries, type RouteEntry } from "./entry.ts";
import { HashPolicy } from "./hash-policy.ts";
import type { CompileValue } from "./header-mutation.ts";
import { compileKnown, HeaderMutations, mutationOrder } from "./header-mutation.ts";
import { MetadataCriteria } from "./metadata-criteria.ts";
import { Mirror } from "./mirror.ts";
import { regexOf } from "./path-regex.ts";
import { RateLimits } from "./rate-limits.ts";
import { RetryPolicy } from "./retry-policy.ts";
import { HostRewrite, linkPathRewrite, Redirect } from "./rewrite.ts";
import type { PerFilter, RouteData, RouteFilters, RouteIdentity } from "./route.ts";
import { createRoute, noRouteFilters } from "./route.ts";
import { matchedRoutes } from "./route-choice.ts";
import type { RouteSource } from "./route-source.ts";
import type { RuntimeLookup } from "./runtime-fraction.ts";
import type { Slices } from "./slices.ts";
import type {
  ActionSpec,
  HeaderMutationsSpec,
  PathMatchSpec,
  PerFilterConfigSpec,
  RetryPolicySpec,
  RouteConfigSpec,
  RouteSpec,
  VirtualHostSpec,
  WeightedEntrySpec,
} from "./spec.ts";
import { wire } from "./text.ts";
import { LinkedVirtualHost } from "./virtual-host.ts";
import { WeightedChoice } from "./weighted.ts";

/** What linking routes takes from outside. */
export interface LinkDeps {
  compileValue: CompileValue;
  runtime: RuntimeLookup;
  /** Where requests are counted; null where there are none. */
  stats: StatsSlab | null;
  /** Makes Route.filters of what is said to the filters; called once a route (and weighted entry) that says something. */
  linkFilters: ((perFilter: PerFilter) => RouteFilters) | null;
}

/**
 * The virtual host over its routes. Those that count, that speak to filters or that are regexes are linked at once; the others when a request
 * first looks at them.
 */
export function* linkVirtualHost(
  spec: VirtualHostSpec,
  routes: RouteSource,
  config: RouteConfigSpec,
  deps: LinkDeps,
): Slices<LinkedVirtualHost> {
  const entries = new RouteEntries((order) => linkEntry(routes.route(order), levels));
  const choice =
    spec.matcher === null
      ? routes.set(entries, null)
      : matchedRoutes(spec.matcher, deps.runtime, (indices) => routes.set(entries, indices));
  const vhost = new LinkedVirtualHost(spec, choice, deps.stats);
  const perFilter = mergePerFilter([spec.perFilterConfig, config.perFilterConfig], noPerFilter);
  const levels: Levels = {
    vhost,
    perFilter,
    filters: linkFilters(perFilter, deps),
    spec,
    config,
    deps,
    retryPolicy: linkRetry(spec, deps),
    vhostRequest: requestMutations(spec.headers, deps),
    vhostResponse: responseMutations(spec.headers, deps),
    configRequest: requestMutations(config.headers, deps),
    configResponse: responseMutations(config.headers, deps),
    actions: new Map(),
  };
  let count = 0;
  for (const order of routes.telling()) {
    if (cannotWait(routes.route(order))) entries.get(order);
    if (++count % sliceSize === 0) yield;
  }
  return vhost;
}

function cannotWait({ match, action, perFilterConfig, statPrefix }: RouteSpec): boolean {
  const { kind } = match.path;
  return (
    kind === "regex" ||
    kind === "template" ||
    statPrefix !== "" ||
    Object.keys(perFilterConfig).length > 0 ||
    (action.kind === "cluster" &&
      action.target.kind === "weighted" &&
      action.target.entries.some((entry) => Object.keys(entry.perFilterConfig).length > 0))
  );
}

function linkEntry(route: RouteSpec, levels: Levels): RouteEntry {
  return {
    kind: route.match.path.kind,
    regex: regexOf(route.match.path),
    conditions: linkConditions(route.match, levels.deps.runtime),
    ...linkAction(route, levels),
  };
}

/** What all routes of a virtual host share. */
interface Levels {
  vhost: LinkedVirtualHost;
  /** Of a route that says nothing itself. */
  perFilter: PerFilter;
  filters: RouteFilters;
  spec: VirtualHostSpec;
  config: RouteConfigSpec;
  deps: LinkDeps;
  /** Of routes without one of their own. */
  retryPolicy: RetryPolicy | null;
  vhostRequest: HeaderMutations;
  vhostResponse: HeaderMutations;
  configRequest: HeaderMutations;
  configResponse: HeaderMutations;
  /** Those that several routes may share. */
  actions: Map<ActionSpec, LinkedAction>;
}

/** What routes with one action share. */
interface LinkedAction {
  data: RouteData;
  /** Of weighted clusters, in their order. */
  entries: readonly RouteData[];
}

function linkAction(route: RouteSpec, levels: Levels): Pick<RouteEntry, "route" | "weighted"> {
  const { action, name, metadata, match } = route;
  const own: RouteIdentity = { name, metadata, path: wirePath(match.path) };
  const { data, entries } = linkedAction(route, own.path, levels);
  if (action.kind !== "cluster" || action.target.kind !== "weighted") {
    return { route: createRoute(own, data), weighted: null };
  }
  const routes = entries.map((entry) => createRoute(own, entry));
  return { route: null, weighted: new WeightedChoice(action.target, routes, data.hashPolicy, levels.deps.runtime) };
}

function linkedAction(route: RouteSpec, path: PathMatchSpec, levels: Levels): LinkedAction {
  const { action } = route;
  const isShared = maySayTheSame(route);
  const known = isShared ? levels.actions.get(action) : undefined;
  if (known !== undefined) return known;
  const data = routeData(route, path, levels);
  const target = action.kind === "cluster" ? action.target : null;
  const entries = target?.kind === "weighted" ? target.entries.map((entry) => weightedData(entry, data, levels)) : [];
  data.filters = filtersOf(data, levels);
  const linked = { data, entries };
  if (isShared) levels.actions.set(action, linked);
  return linked;
}

/** A route that says nothing but its match, its metadata and where it leads: another with that action gives the same. */
function maySayTheSame({
  action,
  headers,
  perFilterConfig,
  statPrefix,
  decorator,
  bodyBufferLimitBytes,
}: RouteSpec): boolean {
  return (
    action.kind === "cluster" &&
    action.pathRewrite?.kind !== "template" &&
    isNothing(headers) &&
    statPrefix === "" &&
    decorator === null &&
    bodyBufferLimitBytes === null &&
    Object.keys(perFilterConfig).length === 0
  );
}

function isNothing({ requestAdd, requestRemove, responseAdd, responseRemove }: HeaderMutationsSpec): boolean {
  return requestAdd.length + requestRemove.length + responseAdd.length + responseRemove.length === 0;
}

/** In wire bytes. */
function wirePath(path: PathMatchSpec): PathMatchSpec {
  const value = wire(path.value);
  return value === path.value ? path : { kind: path.kind, value };
}

function weightedData(entry: WeightedEntrySpec, base: RouteData, levels: Levels): RouteData {
  const { deps } = levels;
  const request = requestMutations(entry.headers, deps);
  const response = responseMutations(entry.headers, deps);
  const data: RouteData = {
    ...base,
    cluster: entry.name,
    clusterHeader: entry.clusterHeader,
    criteria:
      entry.subset === null
        ? base.criteria
        : (base.criteria?.merge(entry.subset) ?? new MetadataCriteria(entry.subset)),
    // The entry's own mutations come before those of the three levels, whatever wins among these.
    requestMutations: request.isEmpty ? base.requestMutations : [request, ...base.requestMutations],
    responseMutations: response.isEmpty ? base.responseMutations : [response, ...base.responseMutations],
    entryHostRewrite:
      entry.hostRewriteLiteral === ""
        ? null
        : new HostRewrite({ kind: "literal", value: entry.hostRewriteLiteral }, deps.compileValue),
    perFilter: mergePerFilter([entry.perFilterConfig], base.perFilter),
  };
  data.filters = filtersOf(data, levels);
  return data;
}

function routeData(route: RouteSpec, path: PathMatchSpec, levels: Levels): RouteData {
  const { deps, config, spec } = levels;
  const action: ActionSpec = route.action;
  const cluster = action.kind === "cluster" ? action : null;
  const wins = config.mostSpecificHeaderMutationsWins;
  return {
    kind: action.kind,
    virtualHost: levels.vhost,
    status: action.kind === "redirect" || action.kind === "direct" ? action.status : 0,
    body: action.kind === "direct" ? Buffer.from(action.body) : noBody,
    replyDetails: action.kind === "direct" ? action.details : "direct_response",
    bodyContentType: action.kind === "direct" ? (action.bodyFormat?.contentType ?? "") : "",
    bodyFormatter:
      action.kind === "direct" && action.bodyFormat !== null
        ? compileKnown(action.bodyFormat.text, deps.compileValue)
        : null,
    clusterNotFoundStatus: cluster?.clusterNotFoundStatus ?? 503,
    timeoutMs: cluster?.timeoutMs ?? 0,
    idleTimeoutMs: cluster?.idleTimeoutMs ?? null,
    maxStreamDuration: cluster?.maxStreamDuration ?? null,
    retryPolicy: cluster === null || cluster.retryPolicy === null ? levels.retryPolicy : linkRetry(cluster, deps),
    hedgeOnPerTryTimeout: cluster?.hedgeOnPerTryTimeout ?? spec.hedgeOnPerTryTimeout ?? false,
    bodyBufferLimitBytes: route.bodyBufferLimitBytes ?? spec.bodyBufferLimitBytes,
    hashPolicy: cluster === null || cluster.hashPolicies.length === 0 ? null : new HashPolicy(cluster.hashPolicies),
    priority: cluster?.priority ?? "DEFAULT",
    mirrors: firstNonEmpty(cluster?.mirrors ?? [], spec.mirrors, config.mirrors).map(
      (mirror) => new Mirror(mirror, deps.runtime),
    ),
    upgrades: cluster?.upgrades ?? [],
    criteria: cluster === null || cluster.subset === null ? null : new MetadataCriteria(cluster.subset),
    internalRedirect: cluster?.internalRedirect ?? null,
    autoHostRewrite: cluster?.hostRewrite?.kind === "auto",
    stats:
      route.statPrefix === "" || deps.stats === null
        ? null
        : new RequestStats(deps.stats, `vhost.${spec.name}.route.${route.statPrefix}.`),
    decorator: route.decorator,
    filters: noRouteFilters,
    rateLimits: cluster === null || cluster.rateLimits.length === 0 ? null : new RateLimits(cluster.rateLimits, false),
    includesVirtualHostRateLimits: cluster?.includesVirtualHostRateLimits ?? false,
    cluster: cluster?.target.kind === "cluster" ? cluster.target.name : "",
    clusterHeader: cluster?.target.kind === "header" ? cluster.target.name : "",
    perFilter: mergePerFilter([route.perFilterConfig], levels.perFilter),
    requestMutations: mutationOrder(
      requestMutations(route.headers, deps),
      levels.vhostRequest,
      levels.configRequest,
      wins,
    ),
    responseMutations: mutationOrder(
      responseMutations(route.headers, deps),
      levels.vhostResponse,
      levels.configResponse,
      wins,
    ),
    pathRewrite: linkPathRewrite(cluster?.pathRewrite ?? null, path, deps.compileValue),
    hostRewrite:
      cluster === null || cluster.hostRewrite === null ? null : new HostRewrite(cluster.hostRewrite, deps.compileValue),
    entryHostRewrite: null,
    appendXForwardedHost: cluster?.appendXForwardedHost ?? false,
    redirect: action.kind === "redirect" ? new Redirect(action, path, deps.compileValue) : null,
  };
}

/** Routes that say nothing themselves share what the virtual host has. */
function filtersOf(data: RouteData, levels: Levels): RouteFilters {
  return data.perFilter === levels.perFilter ? levels.filters : linkFilters(data.perFilter, levels.deps);
}

function linkFilters(perFilter: PerFilter, { linkFilters: link }: LinkDeps): RouteFilters {
  return link === null || perFilter.size === 0 ? noRouteFilters : link(perFilter);
}

/** `levels`, the most specific first, in front of `base`. */
function mergePerFilter(levels: readonly PerFilterConfigSpec[], base: PerFilter): PerFilter {
  if (levels.every((level) => Object.keys(level).length === 0)) return base;
  const merged = new Map(base);
  for (const level of levels.toReversed()) {
    for (const [name, spec] of Object.entries(level)) merged.set(name, [spec, ...(merged.get(name) ?? [])]);
  }
  return merged;
}

function linkRetry(level: { retryPolicy: RetryPolicySpec | null }, { runtime }: LinkDeps): RetryPolicy | null {
  return level.retryPolicy === null ? null : new RetryPolicy(level.retryPolicy, runtime);
}

function firstNonEmpty<T>(...lists: readonly T[][]): readonly T[] {
  return lists.find((list) => list.length > 0) ?? [];
}

function requestMutations(spec: HeaderMutationsSpec, deps: LinkDeps): HeaderMutations {
  if (spec.requestAdd.length === 0 && spec.requestRemove.length === 0) return noMutations;
  return new HeaderMutations(spec.requestAdd, spec.requestRemove, deps.compileValue);
}

function responseMutations(spec: HeaderMutationsSpec, deps: LinkDeps): HeaderMutations {
  if (spec.responseAdd.length === 0 && spec.responseRemove.length === 0) return noMutations;
  return new HeaderMutations(spec.responseAdd, spec.responseRemove, deps.compileValue);
}

const noBody = Buffer.alloc(0);
const noMutations = new HeaderMutations([], [], () => ({ format: () => "" }));
const noPerFilter: PerFilter = new Map();
/** Routes; tens of microseconds of them, unless they are regexes. */
const sliceSize = 32;
