import { checkCoverage } from "./coverage.ts";
import { durationMsOr } from "./duration.ts";
import {
  type ApiConfigSource,
  ApiConfigSource_ApiType,
  ApiConfigSourceSchema,
} from "./generated/envoy/config/core/v3/config_source_pb.ts";
import {
  type GrpcService,
  GrpcService_EnvoyGrpcSchema,
  GrpcServiceSchema,
} from "./generated/envoy/config/core/v3/grpc_service_pb.ts";
import { type GoogleGrpcSpec, parseGoogleGrpc } from "./google-grpc.ts";
import type { Problems } from "./problems.ts";

/** How a control plane is asked. Plain data. Envoy: ApiConfigSource. */
export interface ApiSourceSpec {
  /** The cluster whose endpoints are the control plane; of google_grpc what it is called in its stead. */
  cluster: string;
  /** null where it is a cluster of the config. */
  google: GoogleGrpcSpec | null;
  /** The :authority of streams; "" for the cluster's name. */
  authority: string;
  /** initial_metadata of streams. Names in lower case, each once. */
  metadata: [string, string][];
  /** skip_envoy_headers */
  skipsEnvoyHeaders: boolean;
  isDelta: boolean;
  isNodeOnFirstOnly: boolean;
  /** Of the requests on one stream; null for none. */
  rateLimit: RateLimitSpec | null;
  /** null for a gRPC stream. */
  rest: RestSpec | null;
}

/** rate_limit_settings: a bucket of tokens, full at first. */
interface RateLimitSpec {
  maxTokens: number;
  tokensPerSecond: number;
}

/** A control plane that is asked again and again by HTTP. Times in ms. */
export interface RestSpec {
  /** Between an answer and the next request; Envoy adds up to as much again at random. */
  refreshMs: number;
  /** Of one request. */
  timeoutMs: number;
}

/** ads_config, or the api_config_source of one type; null after telling a fault. */
export function parseApiSource(message: ApiConfigSource, problems: Problems): ApiSourceSpec | null {
  checkCoverage(ApiConfigSourceSchema, message, problems, {
    honoured: [
      "api_type",
      "transport_api_version",
      "cluster_names",
      "grpc_services",
      "set_node_on_first_message_only",
      "refresh_delay",
      "request_timeout",
      "rate_limit_settings",
    ],
    harmless: ["config_validators"],
  });
  if (message.grpcServices.length === 0 && message.clusterNames.length === 0) {
    problems.error("", "says not whom to ask: it has no grpc_services, nor cluster_names for REST", {
      envoyText: "API configs must have either a gRPC service or a cluster name defined",
    });
    return null;
  }
  return grpcTypes.has(message.apiType) ? parseGrpc(message, problems) : parseRest(message, problems);
}

function parseGrpc(message: ApiConfigSource, problems: Problems): ApiSourceSpec | null {
  const [service, second] = message.grpcServices;
  if (message.clusterNames.length > 0 || service === undefined) {
    problems.error("cluster_names", "are for REST; gRPC names its cluster in grpc_services", {
      envoyText: `${typeName}::(AGGREGATED_)(DELTA_)GRPC must not have a cluster name specified`,
    });
    return null;
  }
  if (second !== undefined) {
    problems.error("grpc_services[1]", "is one too many: one control plane is asked", {
      envoyText: `${typeName}::(AGGREGATED_)(DELTA_)GRPC must have no more than 1 gRPC services specified`,
    });
    return null;
  }
  const target = parseGrpcService(service, problems.at("grpc_services[0]"));
  if (target === null) return null;
  return {
    ...target,
    isDelta: deltaTypes.has(message.apiType),
    isNodeOnFirstOnly: message.setNodeOnFirstMessageOnly,
    rateLimit:
      message.rateLimitSettings === undefined
        ? null
        : {
            maxTokens: message.rateLimitSettings.maxTokens ?? 100,
            tokensPerSecond: message.rateLimitSettings.fillRate ?? 10,
          },
    rest: null,
  };
}

function parseRest(message: ApiConfigSource, problems: Problems): ApiSourceSpec | null {
  if (message.grpcServices.length > 0) {
    problems.error("grpc_services", "are for gRPC; set api_type to GRPC or DELTA_GRPC", {
      envoyText: `${typeName}, if not a gRPC type, must not have a gRPC service specified`,
    });
    return null;
  }
  const [cluster = ""] = message.clusterNames;
  if (message.clusterNames.length > 1) {
    problems.error("cluster_names", "has more than one name", {
      envoyText: `${typeName} must have a singleton cluster name specified`,
    });
    return null;
  }
  if (message.refreshDelay === undefined) {
    problems.error("refresh_delay", "is missing: REST asks again after that time", {
      envoyText: "refresh_delay is required for REST API configuration sources",
    });
    return null;
  }
  return {
    cluster,
    google: null,
    authority: "",
    metadata: [],
    skipsEnvoyHeaders: false,
    isDelta: false,
    isNodeOnFirstOnly: false,
    rateLimit: null,
    rest: { refreshMs: durationMsOr(message.refreshDelay, 0), timeoutMs: durationMsOr(message.requestTimeout, 1000) },
  };
}

/** A gRPC service, as control planes and filters ask it. */
export type GrpcServiceSpec = Pick<
  ApiSourceSpec,
  "cluster" | "google" | "authority" | "metadata" | "skipsEnvoyHeaders"
>;

/** null after a fault. `readsTimeout`: the caller does, for its calls. */
export function parseGrpcService(
  message: GrpcService,
  problems: Problems,
  readsTimeout = false,
): GrpcServiceSpec | null {
  // Of a stream that goes on for ever, the time limit of a call is none, and to try again is the client's own.
  checkCoverage(GrpcServiceSchema, readsTimeout ? { ...message, timeout: undefined } : message, problems, {
    honoured: ["envoy_grpc", "google_grpc", "initial_metadata"],
    harmless: ["timeout", "retry_policy"],
  });
  const target = message.targetSpecifier;
  const metadata = parseMetadata(message, problems);
  if (target.case === "googleGrpc") {
    const google = parseGoogleGrpc(target.value, problems.at("google_grpc"));
    if (google === null) return null;
    const cluster = target.value.targetUri;
    return {
      cluster,
      google,
      authority: google.path === null ? `${google.host}:${google.port}` : "localhost",
      metadata: [...google.metadata, ...metadata],
      skipsEnvoyHeaders: true,
    };
  }
  if (target.case === undefined) return null;
  checkCoverage(GrpcService_EnvoyGrpcSchema, target.value, problems.at("envoy_grpc"), {
    honoured: ["cluster_name", "authority", "skip_envoy_headers"],
    harmless: ["retry_policy"],
  });
  const { clusterName, authority, skipEnvoyHeaders } = target.value;
  return {
    cluster: clusterName,
    google: null,
    authority,
    metadata,
    skipsEnvoyHeaders: skipEnvoyHeaders,
  };
}

/** Values are sent as they stand: Envoy formats them by the request that a call is for, and these are for none. */
function parseMetadata(message: GrpcService, problems: Problems): [string, string][] {
  const fields = new Map<string, string>();
  for (const [i, { key, value }] of message.initialMetadata.entries()) {
    const name = key.toLowerCase();
    if (name.startsWith(":") || name === "host") {
      problems.error(`initial_metadata[${i}].key`, "may not be a pseudo-header or host", {
        envoyText: ":-prefixed or host headers may not be modified",
      });
    }
    if (value !== "") fields.set(name, value);
  }
  return [...fields];
}

const typeName = ApiConfigSourceSchema.typeName;
const deltaTypes: ReadonlySet<ApiConfigSource_ApiType> = new Set([
  ApiConfigSource_ApiType.DELTA_GRPC,
  ApiConfigSource_ApiType.AGGREGATED_DELTA_GRPC,
]);
const grpcTypes: ReadonlySet<ApiConfigSource_ApiType> = new Set([
  ...deltaTypes,
  ApiConfigSource_ApiType.GRPC,
  ApiConfigSource_ApiType.AGGREGATED_GRPC,
]);
