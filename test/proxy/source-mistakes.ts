/** The mistakes people make, each one change to a good bootstrap: what Nuncio says, and that real Envoy refuses it too. */
export interface Mistake {
  name: string;
  /** `from` stands once in the good text. */
  edit: { from: string; to: string };
  /** On stderr, in this order. */
  says: string[];
  /** Words of Envoy's that stand in Nuncio's text too, for tools that look for them; null where Envoy's are of its parser. */
  envoySays: string | null;
}

const toApp = "[{envoy_grpc: {cluster_name: app}}]";

/** Clusters by an api_config_source, in YAML of one line. */
function cdsBy(api: string): string {
  return `dynamic_resources: {cds_config: {resource_api_version: V3, api_config_source: {transport_api_version: V3, ${api}}}}`;
}

function withCds(api: string): Mistake["edit"] {
  const node = "node: { id: here, cluster: test }";
  return { from: node, to: `${node}\n${cdsBy(api)}` };
}

/** Of sources of resources; the bootstrap has a cluster "app". */
export const sourceMistakes: readonly Mistake[] = [
  {
    name: "resources from outside, and no name to ask by",
    edit: { from: "node: { id: here, cluster: test }", to: cdsBy(`grpc_services: ${toApp}, api_type: GRPC`) },
    says: ["node: has no id or no cluster"],
    envoySays:
      "type.googleapis.com/envoy.config.cluster.v3.Cluster: node 'id' and 'cluster' are required. Set it either in 'node' config or via --service-node and --service-cluster options.",
  },
  {
    name: "a control plane of a cluster that is not there",
    edit: withCds("api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: apps}}]"),
    says: ["dynamic_resources.cds_config.api_config_source: the bootstrap has no cluster", 'Did you mean "app"?'],
    envoySays:
      "envoy.config.core.v3.ApiConfigSource must have a statically defined non-EDS cluster: 'apps' does not exist, was added via api, or is an EDS cluster",
  },
  {
    name: "a control plane that nobody names",
    edit: withCds("api_type: DELTA_GRPC"),
    says: ["dynamic_resources.cds_config.api_config_source: says not whom to ask"],
    envoySays: "API configs must have either a gRPC service or a cluster name defined",
  },
  {
    name: "gRPC with a cluster's name as REST has it",
    edit: withCds("api_type: GRPC, cluster_names: [app]"),
    says: ["dynamic_resources.cds_config.api_config_source.cluster_names"],
    envoySays: "envoy.config.core.v3.ApiConfigSource::(AGGREGATED_)(DELTA_)GRPC must not have a cluster name specified",
  },
  {
    name: "two control planes",
    edit: withCds(
      "api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: app}}, {envoy_grpc: {cluster_name: app}}]",
    ),
    says: ["dynamic_resources.cds_config.api_config_source.grpc_services[1]"],
    envoySays:
      "envoy.config.core.v3.ApiConfigSource::(AGGREGATED_)(DELTA_)GRPC must have no more than 1 gRPC services specified",
  },
  {
    name: "REST that says not how often",
    edit: withCds("api_type: REST, cluster_names: [app]"),
    says: ["dynamic_resources.cds_config.api_config_source.refresh_delay: is missing"],
    envoySays: "refresh_delay is required for REST API configuration sources",
  },
  {
    name: "REST of two clusters",
    edit: withCds("api_type: REST, refresh_delay: 1s, cluster_names: [app, b]"),
    says: ["dynamic_resources.cds_config.api_config_source.cluster_names"],
    envoySays: "envoy.config.core.v3.ApiConfigSource must have a singleton cluster name specified",
  },
  {
    name: "REST by gRPC",
    edit: withCds(`api_type: REST, refresh_delay: 1s, grpc_services: ${toApp}`),
    says: ["dynamic_resources.cds_config.api_config_source.grpc_services"],
    envoySays: "envoy.config.core.v3.ApiConfigSource, if not a gRPC type, must not have a gRPC service specified",
  },
  {
    name: "metadata of a control plane that is no header",
    edit: withCds(
      "api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: app}, initial_metadata: [{key: ':path', value: x}]}]",
    ),
    says: ["dynamic_resources.cds_config.api_config_source.grpc_services[0].initial_metadata[0].key"],
    envoySays: ":-prefixed or host headers may not be modified",
  },
];
