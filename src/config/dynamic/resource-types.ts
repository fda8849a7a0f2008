/** A type of resource by its names. */
export interface ResourceType {
  /** As the xDS API calls it. */
  short: string;
  /** The last word of its type URL. */
  name: string;
  typeUrl: string;
}

/** Those that come from outside, in the order that they are shown in. */
export const resourceTypes: readonly ResourceType[] = [
  type("lds", "envoy.config.listener.v3.Listener"),
  type("rds", "envoy.config.route.v3.RouteConfiguration"),
  type("vhds", "envoy.config.route.v3.VirtualHost"),
  type("srds", "envoy.config.route.v3.ScopedRouteConfiguration"),
  type("cds", "envoy.config.cluster.v3.Cluster"),
  type("eds", "envoy.config.endpoint.v3.ClusterLoadAssignment"),
  type("sds", "envoy.extensions.transport_sockets.tls.v3.Secret"),
  type("ecds", "envoy.config.core.v3.TypedExtensionConfig"),
  type("rtds", "envoy.service.runtime.v3.Runtime"),
];

/** By short name, last word or type URL; null where there is none. */
export function findResourceType(text: string): ResourceType | null {
  const lower = text.toLowerCase();
  return (
    resourceTypes.find(
      ({ short, name, typeUrl }) => lower === short || lower === name.toLowerCase() || text === typeUrl,
    ) ?? null
  );
}

function type(short: string, typeName: string): ResourceType {
  return { short, name: typeName.slice(typeName.lastIndexOf(".") + 1), typeUrl: `type.googleapis.com/${typeName}` };
}
