import type { FilterConfigSpec, HttpFilterSpec } from "../filters/http-filters.ts";
import { type FilterDeps, linkFilter } from "../filters/linkers.ts";
import type { RouterSpec } from "../filters/router/parse.ts";
import type { ClusterDirectory, RouterOptions } from "../filters/router/router-parts.ts";
import { RouterRequest } from "../filters/router/router-request.ts";
import type { Http1Options } from "../http/h1/options.ts";
import type { Http2Counters } from "../http/h2/counters.ts";
import { HeadPool } from "../http/h2/message-head.ts";
import { eventClock } from "../net/event-clock.ts";
import { threadChunks } from "../net/transport.ts";
import { linkAccessLogs } from "../observability/access-log.ts";
import type { AccessLogSinks } from "../observability/access-log-sink.ts";
import type { NodeFacts } from "../observability/facts.ts";
import { compileFormat } from "../observability/format.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { noMutations } from "../router/empty-specs.ts";
import type { CompileValue } from "../router/header-mutation.ts";
import { linkRouteTable, type RouteTable } from "../router/route-table.ts";
import { finish, type Slices } from "../router/slices.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import { FilterChain } from "./filter-chain.ts";
import { Hcm, type Routing } from "./hcm.ts";
import { linkLocalReplies } from "./link-local-replies.ts";
import { listenerFacts, logFilterContext } from "./log-parts.ts";
import type { RuntimeValues } from "./runtime-values.ts";
import { ScopedTables } from "./scoped-tables.ts";
import type { FilterChainSpec, HcmSpec, ListenerSpec, ScopeSpec } from "./spec.ts";

/** What linking takes from the worker. */
export interface HcmDeps {
  slab: StatsSlab;
  node: NodeFacts;
  /** The worker's index. */
  worker: number;
  clusters: ClusterDirectory;
  /** What came by RDS; null for what has not come. */
  routes: (name: string) => RouteConfigSpec | null;
  /** What came by SRDS from one source. */
  scopes: (setId: string) => readonly ScopeSpec[];
  /** What came by ECDS; null for what has not come. */
  filterConfigs: (name: string) => FilterConfigSpec | null;
  runtime: RuntimeValues;
  logs: AccessLogSinks;
  filters: Omit<FilterDeps, "statPrefix" | "filterName" | "headLimits">;
  /** `http2.*` of the worker. */
  http2Counters: Http2Counters;
  /** Tables of routes that say nothing to filters: the same for all connection managers of a worker. */
  tables: WeakMap<RouteConfigSpec, RouteTable>;
}

/** A connection manager, live. */
export interface LinkedHcm {
  hcm: Hcm;
  http1: Http1Options;
  /** Routes came by RDS, or scopes by SRDS. */
  relinkRoutes: () => Slices<void>;
  /** A filter's config came by ECDS. */
  relinkFilters: () => void;
}

/** Spec to the live connection manager of one filter chain. Cannot fail on what parse gave. */
export function linkHcm(listener: ListenerSpec, chain: FilterChainSpec, deps: HcmDeps): LinkedHcm {
  const spec = chain.hcm;
  const filterChain = linkFilterChain(spec, deps);
  let chainInForce = filterChain;
  let routing = finish(linkRouting(spec, filterChain, deps, null));
  const filterContext = logFilterContext(deps.runtime);
  const options: RouterOptions = {
    suppressEnvoyHeaders: suppressesEnvoyHeaders(spec, deps),
    bufferLimitBytes: listener.bufferLimitBytes,
  };
  const hcm = new Hcm({
    spec,
    listener: listenerFacts(listener, deps.node),
    listenerStatName: listener.statName,
    filterChainName: chain.name,
    bufferLimitBytes: listener.bufferLimitBytes,
    slab: deps.slab,
    chain: filterChain,
    clusters: deps.clusters,
    routes: routing,
    accessLogs: linkAccessLogs(spec.accessLogs, deps.logs, filterContext),
    localReplies: spec.localReply === null ? null : linkLocalReplies(spec.localReply, filterContext),
    answersMisdirected: deps.runtime.isTrue("nuncio.answer_misdirected_requests"),
    http2: {
      options: { ...spec.http2.options, leniency: deps.runtime.isTrue("nuncio.http1_envoy_leniency") },
      counters: deps.http2Counters,
      heads,
      chunks: threadChunks,
      now: () => eventClock.now,
    },
    newTerminal: (owner, stream) => new RouterRequest(stream, deps.clusters, owner.stats, options),
  });
  function* relinkRoutes(): Slices<void> {
    routing = yield* linkRouting(spec, chainInForce, deps, routing);
    hcm.replaceRoutes(routing);
  }
  const relinkFilters = () => {
    chainInForce = linkFilterChain(spec, deps);
    options.suppressEnvoyHeaders = suppressesEnvoyHeaders(spec, deps);
    // What routes have of their own for filters is linked by these.
    routing = finish(linkRouting(spec, chainInForce, deps, null));
    hcm.replaceFilters(chainInForce, routing);
  };
  const http1 = http1Options(spec, deps.runtime.isTrue("nuncio.http1_envoy_leniency"));
  return { hcm, http1, relinkRoutes, relinkFilters };
}

/** The filters in front of the router, those by ECDS as they have come. */
function linkFilterChain(spec: HcmSpec, deps: HcmDeps): FilterChain {
  const filterDeps = {
    ...deps.filters,
    statPrefix: `http.${spec.statPrefix}.`,
    headLimits: { fields: spec.maxHeadersCount, bytes: spec.maxRequestHeadersKb * 1024 },
  };
  return new FilterChain(
    spec.filters
      .map((filter) => ({ filter, config: presentConfig(filter, deps) }))
      .filter(({ config }) => config.type !== routerType)
      .map(({ filter: { name, disabled }, config }, slot) => ({
        name,
        type: config.type,
        filter: linkFilter(config, slot, { ...filterDeps, filterName: name }),
        disabled,
      })),
  );
}

function presentConfig(filter: HttpFilterSpec, deps: HcmDeps): FilterConfigSpec {
  return (filter.discovery === null ? null : deps.filterConfigs(filter.name)) ?? filter;
}

function suppressesEnvoyHeaders(spec: HcmSpec, deps: HcmDeps): boolean {
  const last = spec.filters.at(-1);
  const router = last === undefined ? null : (presentConfig(last, deps).config as RouterSpec | null);
  return router?.suppressEnvoyHeaders ?? false;
}

/** The routes as they have come; `before`: what was in force, of the same chain. */
function* linkRouting(spec: HcmSpec, chain: FilterChain, deps: HcmDeps, before: Routing | null): Slices<Routing> {
  const link = function* (routes: RouteConfigSpec): Slices<RouteTable> {
    const known = deps.tables.get(routes);
    if (known !== undefined) return known;
    let saysToFilters = false;
    const table = yield* linkRouteTable(routes, {
      compileValue,
      runtime: deps.runtime,
      stats: deps.slab,
      linkFilters: (perFilter) => {
        saysToFilters = true;
        return chain.linkRoute(perFilter);
      },
    });
    if (!saysToFilters) deps.tables.set(routes, table);
    return table;
  };
  const scoped = spec.scopedRoutes;
  if (scoped === null) {
    const byName = spec.rds === null ? null : deps.routes(spec.rds.routeConfigName);
    return yield* link(spec.routeConfig ?? byName ?? emptyRoutes);
  }
  const scopes = scoped.inline ?? (scoped.scopedRds === null ? [] : deps.scopes(scoped.scopedRds.setId));
  const known = before instanceof ScopedTables ? before : null;
  return yield* ScopedTables.link(scoped.fragments, scopes, deps.routes, link, known);
}

function http1Options(spec: HcmSpec, leniency: boolean): Http1Options {
  return {
    leniency,
    maxHeadBytes: spec.maxRequestHeadersKb * 1024,
    maxHeaders: spec.maxHeadersCount,
    acceptHttp10: spec.http1.acceptHttp10,
    defaultHostForHttp10: spec.http1.defaultHostForHttp10,
    underscores: spec.headersWithUnderscores,
    allowCustomMethods: spec.http1.allowCustomMethods,
    enableTrailers: spec.http1.enableTrailers,
    headerCase: headerCases[spec.http1.headerFormat],
  };
}

/** Formats of routes, live. */
export const compileValue: CompileValue = (template, missing = "") => {
  const formatter = compileFormat(template, { missing });
  return typeof formatter === "string" ? { error: formatter } : formatter;
};
/** Heads of the thread's HTTP/2 streams. */
const heads = new HeadPool();
const routerType = "envoy.extensions.filters.http.router.v3.Router";
const headerCases = { default: "lower", proper_case: "proper", preserve_case: "preserve" } as const;
/** Before routes by RDS came. */
export const emptyRoutes: RouteConfigSpec = {
  name: "",
  virtualHosts: [],
  internalOnlyHeaders: [],
  headers: noMutations,
  mostSpecificHeaderMutationsWins: false,
  validateClusters: null,
  ignorePortInHostMatching: false,
  ignorePathParameters: false,
  isOnDemand: false,
  vhostHeader: "",
  perFilterConfig: {},
  mirrors: [],
  metadata: null,
  compiled: null,
};
