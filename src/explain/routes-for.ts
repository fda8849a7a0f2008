import type { RequestHead } from "../http/header-block.ts";
import { emptyRoutes } from "../proxy/link-hcm.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import { scopeKeyOf } from "../router/scope-key.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import type { ExplainWorld } from "./world.ts";

/** The routes that a connection manager asks for a request. */
export interface FoundRoutes {
  /** null: no scope is the request's. */
  config: RouteConfigSpec | null;
  source: string;
  notes: string[];
}

/** As linkRouting and ScopedTables choose them. */
export function routesFor(hcm: HcmSpec, head: RequestHead, world: ExplainWorld): FoundRoutes {
  const scoped = hcm.scopedRoutes;
  if (scoped === null) {
    if (hcm.rds === null) return { config: hcm.routeConfig ?? emptyRoutes, source: "route_config", notes: [] };
    return byName(hcm.rds.routeConfigName, "RDS", world);
  }
  const scopes = scoped.inline ?? (scoped.scopedRds === null ? [] : world.scopes(scoped.scopedRds.setId));
  const notes = scopes.length === 0 ? [`there are no scopes of "${scoped.name}"${whyMissing(world)}`] : [];
  const key = scopeKeyOf(scoped.fragments, head);
  const headers = scoped.fragments.map(({ header }) => header).join(", ");
  if (key === null) return { config: null, source: "", notes: [...notes, `no scope key: ${headers} do not give one`] };
  // Of two with one key the later replaces the earlier.
  const scope = scopes.findLast((one) => one.key === key);
  if (scope === undefined) {
    const text = key.replaceAll("\0", " ").trim();
    return { config: null, source: "", notes: [...notes, `no scope has the key "${text}" (of ${headers})`] };
  }
  const source = `scope "${scope.name}"`;
  if (scope.routeConfig !== null) return { config: scope.routeConfig, source, notes };
  return byName(scope.routeConfigName, `${source}, RDS`, world);
}

function byName(name: string, source: string, world: ExplainWorld): FoundRoutes {
  const config = world.routes(name);
  if (config !== null) return { config, source, notes: [] };
  return { config: null, source, notes: [`routes "${name}" by ${source} have not come${whyMissing(world)}`] };
}

function whyMissing({ isOffline }: ExplainWorld): string {
  return isOffline ? ": ask the running proxy with --admin" : "";
}
