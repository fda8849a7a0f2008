import type { FilterConfigSpec } from "../filters/http-filters.ts";
import type { ListenerSpec, ScopeSpec } from "../proxy/spec.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import type { ClusterSpec, LocalitySpec } from "../upstream/spec.ts";

/** A configuration that is asked about: a file's, or that of a running proxy as it is now. */
export interface ExplainWorld {
  /** With the ports that they are bound to. */
  listeners: readonly ListenerSpec[];
  /** By RDS; null for what has not come. */
  routes: (name: string) => RouteConfigSpec | null;
  /** By SRDS. */
  scopes: (setId: string) => readonly ScopeSpec[];
  /** By ECDS; null for what has not come. */
  filterConfigs: (name: string) => FilterConfigSpec | null;
  cluster: (name: string) => WorldCluster | null;
  runtime: RuntimeLookup;
  /** From a file alone: what comes from control planes is not there. */
  isOffline: boolean;
}

/** A cluster with its endpoints of now. */
export interface WorldCluster {
  spec: ClusterSpec;
  localities: readonly LocalitySpec[];
}
