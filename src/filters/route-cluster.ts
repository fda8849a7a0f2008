import type { Cluster } from "../upstream/cluster.ts";
import type { FilterStream } from "./api.ts";

/** The cluster that a request would go to as its head is now; null where there is none. Envoy: StreamFilterCallbacks::clusterInfo. */
export function routeCluster(stream: FilterStream, clusters: (name: string) => Cluster | null): Cluster | null {
  const { route } = stream;
  return route?.kind === "cluster" ? clusters(route.clusterFor(stream.request)) : null;
}
