import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import type { ServerSpec } from "./resources.ts";
import type { RuntimeLayerSpec } from "./runtime-layers.ts";

/** Whoever asks for resources says who asks, for files too. Envoy: Config::Utility::checkLocalInfo. */
export function checkNode(
  node: Pick<Node, "id" | "cluster">,
  specs: ServerSpec,
  runtime: readonly RuntimeLayerSpec[],
  hasSecrets: boolean,
  problems: Problems,
): void {
  if (node.id !== "" && node.cluster !== "") return;
  const asker = firstAsker(specs, runtime, hasSecrets);
  if (asker === "") return;
  problems.error(
    "node",
    "has no id or no cluster, and resources come from outside: set both, or give --service-node and --service-cluster",
    {
      envoyText: `${asker}: node 'id' and 'cluster' are required. Set it either in 'node' config or via --service-node and --service-cluster options.`,
    },
  );
}

/** "ads", or the type of resources that is asked for; "" for none. */
function firstAsker(
  { dynamic, clusters, listeners }: ServerSpec,
  runtime: readonly RuntimeLayerSpec[],
  hasSecrets: boolean,
): string {
  const managers = listeners.flatMap(({ filterChains }) => filterChains.map(({ hcm }) => hcm));
  const asks: [boolean, string][] = [
    [dynamic.ads !== null, "ads"],
    [runtime.some(({ kind }) => kind === "rtds"), "type.googleapis.com/envoy.service.runtime.v3.Runtime"],
    [hasSecrets, "TlsCertificateSdsApi"],
    [clusters.some(({ eds }) => eds !== null), "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"],
    [dynamic.cds !== null, "type.googleapis.com/envoy.config.cluster.v3.Cluster"],
    [managers.some(asksForRoutes), "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"],
    [managers.some(asksForFilters), "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"],
    [dynamic.lds !== null, "type.googleapis.com/envoy.config.listener.v3.Listener"],
  ];
  return asks.find(([does]) => does)?.[1] ?? "";
}

function asksForRoutes({ rds, scopedRoutes }: HcmSpec): boolean {
  return rds !== null || (scopedRoutes !== null && scopedRoutes.scopedRds !== null);
}

function asksForFilters({ filters }: HcmSpec): boolean {
  return filters.some(({ discovery }) => discovery !== null);
}
