import { checkCoverage } from "./coverage.ts";
import { durationMsOr } from "./duration.ts";
import {
  type ApiConfigSource,
  ApiConfigSource_ApiType,
  ApiConfigSourceSchema,
  type ConfigSource,
} from "./generated/envoy/config/core/v3/config_source_pb.ts";
import type { Problems } from "./problems.ts";

/** Where resources come from. Plain data. Envoy: ConfigSource. */
export type ConfigSourceSpec = { /** 0 waits for ever. */ fetchTimeoutMs: number } & (
  | { kind: "ADS" }
  | { kind: "FILE"; path: string /** watched_directory; "" for none. */; folder: string }
  | { kind: "GRPC"; api: ApiSourceSpec }
);

/** A gRPC stream to a control plane. */
export interface ApiSourceSpec {
  isDelta: boolean;
  /** The cluster whose endpoints are the control plane. */
  cluster: string;
  /** initial_metadata */
  metadata: [string, string][];
  isNodeOnFirstOnly: boolean;
}

/** null after telling a fault. */
export function parseConfigSource(message: ConfigSource | undefined, problems: Problems): ConfigSourceSpec | null {
  const fetchTimeoutMs = durationMsOr(message?.initialFetchTimeout, 15_000);
  const source = message?.configSourceSpecifier;
  switch (source?.case) {
    case "ads":
      return { kind: "ADS", fetchTimeoutMs };
    case "path":
      return { kind: "FILE", path: source.value, folder: "", fetchTimeoutMs };
    case "pathConfigSource": {
      const { path, watchedDirectory } = source.value;
      return { kind: "FILE", path, folder: watchedDirectory?.path ?? "", fetchTimeoutMs };
    }
    case "apiConfigSource": {
      const api = parseApiSource(source.value, problems.at("api_config_source"));
      return api === null ? null : { kind: "GRPC", api, fetchTimeoutMs };
    }
    default:
      problems.error(
        "",
        `${source?.case ?? "an empty source"} is not implemented in Nuncio; use ads, api_config_source or path_config_source`,
      );
      return null;
  }
}

/** ads_config, or the api_config_source of one type; null after telling a fault. */
export function parseApiSource(message: ApiConfigSource, problems: Problems): ApiSourceSpec | null {
  checkCoverage(ApiConfigSourceSchema, message, problems, {
    honoured: ["api_type", "transport_api_version", "grpc_services", "set_node_on_first_message_only"],
    harmless: ["rate_limit_settings", "config_validators", "request_timeout", "refresh_delay"],
  });
  const isGrpc = grpcTypes.has(message.apiType);
  if (!isGrpc) {
    problems.error(
      "api_type",
      "must be GRPC, DELTA_GRPC or their AGGREGATED forms: REST is not implemented in Nuncio yet",
    );
    return null;
  }
  const [service] = message.grpcServices;
  if (service === undefined) {
    problems.error("grpc_services", "is empty: a cluster to ask is needed", {
      envoyText: "API configs must have either a gRPC service or a cluster name defined",
    });
    return null;
  }
  if (service.targetSpecifier.case !== "envoyGrpc") {
    problems.error("grpc_services[0]", "google_grpc is not implemented in Nuncio yet; use envoy_grpc");
    return null;
  }
  return {
    isDelta: deltaTypes.has(message.apiType),
    cluster: service.targetSpecifier.value.clusterName,
    metadata: service.initialMetadata.map(({ key, value }) => [key.toLowerCase(), value]),
    isNodeOnFirstOnly: message.setNodeOnFirstMessageOnly,
  };
}

const deltaTypes: ReadonlySet<ApiConfigSource_ApiType> = new Set([
  ApiConfigSource_ApiType.DELTA_GRPC,
  ApiConfigSource_ApiType.AGGREGATED_DELTA_GRPC,
]);
const grpcTypes: ReadonlySet<ApiConfigSource_ApiType> = new Set([
  ...deltaTypes,
  ApiConfigSource_ApiType.GRPC,
  ApiConfigSource_ApiType.AGGREGATED_GRPC,
]);
