import type { HeaderMutationsSpec, PerFilterConfigSpec, RouteMatchSpec, RouteSpec } from "./spec.ts";

/** An empty list, one for all. */
const none: never[] = [];

/** Matches every request. */
export const matchesEverything: RouteMatchSpec = {
  path: { kind: "prefix", value: "/" },
  caseSensitive: true,
  headers: none,
  query: none,
  cookies: none,
  runtimeFraction: null,
  grpc: false,
  tls: null,
  metadata: none,
  filterState: none,
};

/** Nothing is said to filters. */
export const noPerFilterConfig: PerFilterConfigSpec = {};

/** The same list where there is something in it. */
export function orNone<T>(list: T[]): T[] {
  return list.length === 0 ? none : list;
}

/** Most routes have none: as one object they go to a worker once a part. */
export const noMutations: HeaderMutationsSpec = {
  requestAdd: [],
  requestRemove: [],
  responseAdd: [],
  responseRemove: [],
};

/** A route that says nothing but its name, its path and what it does. */
export const plainRoute: RouteSpec = {
  name: "",
  match: matchesEverything,
  action: { kind: "none" },
  headers: noMutations,
  perFilterConfig: noPerFilterConfig,
  metadata: null,
  statPrefix: "",
  decorator: null,
  bodyBufferLimitBytes: null,
};
