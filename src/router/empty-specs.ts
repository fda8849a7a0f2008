import type { HeaderMutationsSpec, RouteMatchSpec } from "./spec.ts";

/** Matches every request. */
export const matchesEverything: RouteMatchSpec = {
  path: { kind: "prefix", value: "/" },
  caseSensitive: true,
  headers: [],
  query: [],
  cookies: [],
  runtimeFraction: null,
  grpc: false,
  tls: null,
  metadata: [],
  filterState: [],
};

/** Most routes have none: as one object they go to a worker once a part. */
export const noMutations: HeaderMutationsSpec = {
  requestAdd: [],
  requestRemove: [],
  responseAdd: [],
  responseRemove: [],
};
