import { create, type DescMessage, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { protoJson, redact, typedJson, typePrefix } from "../config/resource-json.ts";
import type { SdsSecret } from "../config/sds-secret.ts";
import type { SecretStore } from "../config/secret-store.ts";
import type { SocketAddress } from "../net/address.ts";
import type { TagSpec } from "../observability/tags.ts";
import { durationMsOr } from "../proto/duration.ts";
import { type Bootstrap, BootstrapSchema } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { ClusterSchema } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Address } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import { type Node, NodeSchema } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { ListenerSchema } from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import { type Secret, SecretSchema } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { typeRegistry } from "../proto/type-registry.ts";
import type { LocalZoneSpec } from "../upstream/local-zone.ts";
import type { ConfigSnapshot, DumpedResource, DumpedSdsSecret, DynamicDump } from "./admin/state.ts";
import { dumpedRefusal } from "./dumped-refusal.ts";
import type { Flags } from "./flags.ts";
import { userAgentBuildVersion } from "./version.ts";

type Json = Record<string, unknown>;

/** What the process itself, not its listeners and clusters, takes from the bootstrap. */
export interface BootConfig {
  /** null: no admin interface. */
  admin: { address: SocketAddress; profilePath: string } | null;
  node(): Json;
  snapshot(includeEds: boolean): ConfigSnapshot;
}

/** How stats are named and when histograms are merged. */
export interface StatsOptions {
  tags: TagSpec[];
  useAllDefaultTags: boolean;
  flushIntervalMs: number;
}

/** stats_config and stats_flush_interval. Regexes are such as the loader has found sound. */
export function statsOptions(bootstrap: Bootstrap): StatsOptions {
  const config = bootstrap.statsConfig;
  return {
    tags: (config?.statsTags ?? []).map(({ tagName, tagValue }) => ({
      name: tagName,
      regex: tagValue.case === "regex" ? tagValue.value : "",
      fixedValue: tagValue.case === "fixedValue" ? tagValue.value : null,
    })),
    useAllDefaultTags: config?.useAllDefaultTags ?? true,
    flushIntervalMs: durationMsOr(bootstrap.statsFlushInterval, 5000),
  };
}

/** application_log_config's format as a pattern of --log-format; null without one. */
export function logPattern(bootstrap: Bootstrap): string | null {
  const format = bootstrap.applicationLogConfig?.logFormat?.logFormat;
  if (format?.case === "textFormat") return format.value;
  return format?.case === "jsonFormat" ? JSON.stringify(format.value) : null;
}

/** Reads the process's part of a bootstrap that has been found valid. JSON is made only when the admin interface asks. */
export function bootConfig(
  bootstrap: Bootstrap,
  flags: Flags,
  secrets: SecretStore,
  dynamic: () => DynamicDump,
): BootConfig {
  const loadedAt = new Date();
  const address = bootstrap.admin === undefined ? null : socketAddress(bootstrap.admin.address);
  return {
    admin: address && { address, profilePath: bootstrap.admin?.profilePath || "/var/log/envoy/envoy.prof" },
    node: () => nodeJson(bootstrap, flags),
    snapshot: (includeEds) => ({
      ...snapshot(bootstrap, flags, loadedAt, includeEds),
      dynamic: dynamic(),
      sdsSecrets: secrets.sdsSecrets.map(dumpedSecret),
    }),
  };
}

/** The node as control planes are told of it. */
export function nodeMessage(bootstrap: Bootstrap, flags: Flags): Node {
  return fromJson(NodeSchema, nodeJson(bootstrap, flags) as JsonValue, {
    registry: typeRegistry,
    ignoreUnknownFields: true,
  });
}

/** Where the node stands, for zone-aware routing. */
export function localZoneOf(bootstrap: Bootstrap | null, node: Node | null): LocalZoneSpec {
  const locality = node?.locality;
  return {
    clusterName: bootstrap?.clusterManager?.localClusterName ?? "",
    region: locality?.region ?? "",
    zone: locality?.zone ?? "",
    subZone: locality?.subZone ?? "",
  };
}

/** The node, by the names of its fields. */
export function nodeJson(bootstrap: Bootstrap, flags: Flags): Json {
  const node = bootstrap.node === undefined ? {} : protoJson(NodeSchema, bootstrap.node);
  if (flags.serviceNode !== "") node.id = flags.serviceNode;
  if (flags.serviceCluster !== "") node.cluster = flags.serviceCluster;
  if (flags.serviceZone !== "") node.locality = { ...(node.locality as Json | undefined), zone: flags.serviceZone };
  node.user_agent_name = "envoy";
  node.user_agent_build_version = userAgentBuildVersion();
  node.extensions ??= [];
  return node;
}

function dumpedSecret({ name, message, versionInfo, updatedAt, refusal }: SdsSecret): DumpedSdsSecret {
  return {
    name,
    json: secretJson(message ?? create(SecretSchema, { name })),
    versionInfo,
    updatedAt,
    refusal: refusal && dumpedRefusal(refusal, (refused) => secretJson(refused as Secret)),
    isWarming: message === null,
  };
}

/** Redacted. */
function secretJson(secret: Secret): Json {
  const json = typedJson(SecretSchema, secret);
  redact(json);
  return json;
}

function snapshot(
  bootstrap: Bootstrap,
  flags: Flags,
  at: Date,
  includeEds: boolean,
): Omit<ConfigSnapshot, "sdsSecrets" | "dynamic"> {
  const json = protoJson(BootstrapSchema, bootstrap);
  const node = nodeJson(bootstrap, flags);
  if ((node.extensions as unknown[]).length === 0) delete node.extensions;
  const { node: _, ...withoutNode } = json;
  const resources = bootstrap.staticResources;
  const dumped = <M extends Message & { name: string }>(schema: DescMessage, list: readonly M[]): DumpedResource[] =>
    list.map((message) => ({ name: message.name, json: typedJson(schema, message), updatedAt: at }));
  const clusters = dumped(ClusterSchema, resources?.clusters ?? []);
  const listeners = dumped(ListenerSchema, resources?.listeners ?? []);
  const secrets = ((json.static_resources as Json | undefined)?.secrets ?? []) as Json[];
  for (const secret of secrets) redact(secret);
  return {
    bootstrap: { node, ...withoutNode },
    bootstrapAt: at,
    clusters,
    listeners,
    routes: listeners
      .flatMap((listener) => routeConfigs(listener.json))
      .map((route) => ({
        name: String(route.name ?? ""),
        json: route,
        updatedAt: at,
      })),
    scopedRoutes: listeners
      .flatMap((listener) => inlineScopes(listener.json))
      .map(({ name, scopes }) => ({ name, scopes, versionInfo: "", updatedAt: at })),
    secrets: secrets.map((secret) => ({
      name: String(secret.name ?? ""),
      json: { "@type": `${typePrefix}envoy.extensions.transport_sockets.tls.v3.Secret`, ...secret },
      updatedAt: at,
    })),
    endpoints: includeEds ? clusters.flatMap((cluster) => endpointsOf(cluster.json)) : null,
  };
}

/** The inline route configurations of a listener's connection managers, wherever they are nested. */
function routeConfigs(value: unknown): Json[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(routeConfigs);
  const message = value as Json;
  const inner = Object.entries(message).flatMap(([key, child]) => (key === "route_config" ? [] : routeConfigs(child)));
  const own = message["@type"] === hcmType ? message.route_config : undefined;
  return own === undefined ? inner : [{ "@type": routeConfigType, ...(own as Json) }, ...inner];
}

/** The scopes that stand in a listener's connection managers. */
function inlineScopes(value: unknown): { name: string; scopes: Json[] }[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(inlineScopes);
  const message = value as Json;
  if (message["@type"] !== hcmType) return Object.values(message).flatMap(inlineScopes);
  const scoped = message.scoped_routes as Json | undefined;
  const list = scoped?.scoped_route_configurations_list as Json | undefined;
  if (scoped === undefined || list === undefined) return [];
  const scopes = ((list.scoped_route_configurations ?? []) as Json[]).map((scope) => ({
    "@type": scopeType,
    ...scope,
  }));
  return [{ name: String(scoped.name), scopes }];
}

/** A cluster's endpoints with every default written out, as Envoy dumps them. */
function endpointsOf(cluster: Json): Json[] {
  const assignment = cluster.load_assignment as Json | undefined;
  if (assignment === undefined) return [];
  const localities = (assignment.endpoints ?? []) as Json[];
  const endpoints = localities.map(({ locality, lb_endpoints, load_balancing_weight, ...rest }) => ({
    locality: locality ?? {},
    lb_endpoints: ((lb_endpoints ?? []) as Json[]).map(({ endpoint, ...fields }) => ({
      endpoint: { ...(endpoint as Json), health_check_config: (endpoint as Json).health_check_config ?? {} },
      ...fields,
      health_status: fields.health_status ?? "HEALTHY",
      load_balancing_weight: fields.load_balancing_weight ?? 1,
    })),
    load_balancing_weight: load_balancing_weight ?? 0,
    ...rest,
  }));
  return [
    {
      "@type": `${typePrefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
      ...assignment,
      endpoints,
      policy: { overprovisioning_factor: 140, ...(assignment.policy as Json | undefined) },
    },
  ];
}

function socketAddress(address: Address | undefined): SocketAddress | null {
  const choice = address?.address;
  if (choice?.case === "pipe") return { host: "", port: 0, path: choice.value.path };
  if (choice?.case !== "socketAddress") return null;
  const port = choice.value.portSpecifier;
  return { host: choice.value.address, port: port.case === "portValue" ? port.value : 0, path: null };
}

const hcmType = `${typePrefix}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`;
const scopeType = `${typePrefix}envoy.config.route.v3.ScopedRouteConfiguration`;
const routeConfigType = `${typePrefix}envoy.config.route.v3.RouteConfiguration`;
