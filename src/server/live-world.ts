import type { ExplainWorld } from "../explain/world.ts";
import { RuntimeValues } from "../proxy/runtime-values.ts";
import type { ListenerSpec, ScopeSetSpec } from "../proxy/spec.ts";
import type { NamedFilterConfig } from "../proxy/worker-runtime.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import type { ClusterSpec } from "../upstream/spec.ts";
import type { MainClusters } from "./main-clusters.ts";
import type { ConfigUpdate } from "./messages.ts";
import type { RuntimeLayers } from "./runtime-layers.ts";

/** The world of the running process. `config`: the whole config of now, as a worker that starts gets it. */
export function liveWorld(config: ConfigUpdate, clusters: MainClusters, runtime: RuntimeLayers): ExplainWorld {
  const named = <T extends { name: string }>(list: readonly { name: string }[], name: string) =>
    (list.find((one) => one.name === name) as T | undefined) ?? null;
  return {
    listeners: config.listeners as readonly ListenerSpec[],
    routes: (name) => named<RouteConfigSpec>(config.routes, name),
    scopes: (setId) => named<ScopeSetSpec>(config.scopes, setId)?.scopes ?? [],
    filterConfigs: (name) => named<NamedFilterConfig>(config.filterConfigs, name),
    cluster: (name) => {
      const spec = named<ClusterSpec>(config.clusters, name);
      return spec === null ? null : { spec, localities: clusters.localities(name) ?? spec.localities };
    },
    runtime: new RuntimeValues(runtime.finalEntries()),
    isOffline: false,
  };
}
