import { isIP } from "node:net";
import { canonicalIp, type SocketAddress } from "../net/address.ts";
import { parseTlvs } from "../net/parse-proxy-header.ts";
import type { ProxyTlv } from "../net/proxy-protocol.ts";
import { unpackAs } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { type Address, SocketAddress_Protocol } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import type { Metadata } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { HealthStatus } from "../proto/generated/envoy/config/core/v3/health_check_pb.ts";
import { PerHostConfigSchema } from "../proto/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import {
  type Endpoint,
  EndpointSchema,
  type LbEndpoint,
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from "../proto/generated/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignment_PolicySchema,
  ClusterLoadAssignmentSchema,
} from "../proto/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { MetadataSpec } from "../router/spec.ts";
import { allocateHostStats } from "./host-stats.ts";
import type { Discovery } from "./parse-discovery.ts";
import type { SocketChoice } from "./parse-socket-matches.ts";
import type { HostHealth, HostSpec, LocalitySpec } from "./spec.ts";

/** What endpoints depend on besides themselves. */
export interface EndpointOptions {
  /** Workers that will share their counters. */
  workers: number;
  /** Index of the transport socket for an endpoint and its locality; -1 for the cluster's. */
  socketOf: SocketChoice;
}

/** The localities of a load assignment. With DNS discovery the addresses are names. `problems` is at the assignment. */
export function parseLocalities(
  assignment: ClusterLoadAssignment | undefined,
  discovery: Discovery | null,
  problems: Problems,
  options: EndpointOptions,
): LocalitySpec[] {
  const kind = discovery?.kind ?? "STATIC";
  if (assignment !== undefined) {
    checkCoverage(ClusterLoadAssignmentSchema, assignment, problems, {
      honoured: ["cluster_name", "endpoints", "policy"],
      harmless: [],
    });
    if (assignment.policy !== undefined) {
      checkCoverage(ClusterLoadAssignment_PolicySchema, assignment.policy, problems.at("policy"), {
        honoured: ["overprovisioning_factor"],
        harmless: ["endpoint_stale_after"],
      });
    }
  }
  const groups = assignment?.endpoints ?? [];
  if (kind === "LOGICAL_DNS") checkLogical(groups, problems);
  return groups.map((group, i) => parseLocality(group, kind, problems.at(`endpoints[${i}]`), options));
}

/** Percent; 140 unless set. */
export function parseOverprovisioning(assignment: ClusterLoadAssignment | undefined): number {
  return assignment?.policy?.overprovisioningFactor ?? 140;
}

function checkLogical(groups: readonly LocalityLbEndpoints[], problems: Problems): void {
  if (groups.length === 1 && groups[0]?.lbEndpoints.length === 1) return;
  const isEmpty = groups.length === 0;
  problems.error("endpoints", "must be one locality with one endpoint for LOGICAL_DNS", {
    envoyText: isEmpty
      ? "LOGICAL_DNS clusters must have a single host"
      : "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint",
  });
}

function parseLocality(
  group: LocalityLbEndpoints,
  kind: Discovery["kind"],
  problems: Problems,
  options: EndpointOptions,
): LocalitySpec {
  checkCoverage(LocalityLbEndpointsSchema, group, problems, {
    honoured: ["locality", "lb_endpoints", "load_balancing_weight", "priority", "metadata"],
    harmless: ["proximity"],
  });
  return {
    region: group.locality?.region ?? "",
    zone: group.locality?.zone ?? "",
    subZone: group.locality?.subZone ?? "",
    priority: group.priority,
    weight: group.loadBalancingWeight ?? 0,
    hosts: group.lbEndpoints.flatMap((endpoint, i) => {
      const host = parseHost(endpoint, kind, problems.at(`lb_endpoints[${i}]`), group.metadata, options);
      return host === null ? [] : [host];
    }),
  };
}

function parseHost(
  entry: LbEndpoint,
  kind: Discovery["kind"],
  problems: Problems,
  localityMetadata: Metadata | undefined,
  { workers, socketOf }: EndpointOptions,
): HostSpec | null {
  if (entry.hostIdentifier.case !== "endpoint") {
    problems.error(
      entry.hostIdentifier.case === undefined ? "endpoint" : "endpoint_name",
      "only endpoint is implemented in Nuncio",
    );
    return null;
  }
  const endpoint: Endpoint = entry.hostIdentifier.value;
  checkCoverage(EndpointSchema, endpoint, problems.at("endpoint"), {
    honoured: ["address", "hostname"],
    harmless: ["health_check_config", "additional_addresses", "observability_name"],
  });
  const address = parseAddress(endpoint.address, kind, problems.at("endpoint.address"));
  if (address === null) return null;
  const isName = (kind === "STRICT_DNS" || kind === "LOGICAL_DNS") && address.path === null;
  return {
    address,
    // Envoy gives the hosts of a DNS cluster the name they were found by.
    hostname: endpoint.hostname || (isName ? address.host : ""),
    weight: entry.loadBalancingWeight ?? 1,
    health: healthOf(entry.healthStatus),
    healthStatus: entry.healthStatus,
    metadata: (entry.metadata?.filterMetadata as MetadataSpec | undefined) ?? null,
    socket: socketOf(entry.metadata, localityMetadata),
    tlvs: hostTlvs(entry.metadata, problems.at("metadata")),
    shared: allocateHostStats(workers),
  };
}

/** A config that cannot be read is as none in Envoy; here its fault is told. */
function hostTlvs(metadata: Metadata | undefined, problems: Problems): ProxyTlv[] {
  const any = metadata?.typedFilterMetadata[proxyProtocolKey];
  if (any === undefined) return [];
  const path = `typed_filter_metadata["${proxyProtocolKey}"]`;
  const config = unpackAs(PerHostConfigSchema, any, problems, path);
  return config === null ? [] : parseTlvs(config.addedTlvs, problems.at(`${path}.added_tlvs`));
}

function healthOf(status: number): HostHealth {
  if (status === HealthStatus.DEGRADED) return "DEGRADED";
  return status === HealthStatus.UNKNOWN || status === HealthStatus.HEALTHY ? "HEALTHY" : "UNHEALTHY";
}

function parseAddress(message: Address | undefined, kind: Discovery["kind"], problems: Problems): SocketAddress | null {
  const choice = message?.address;
  if (choice?.case === "pipe") return { host: "", port: 0, path: choice.value.path };
  if (choice?.case !== "socketAddress") {
    problems.error(
      "",
      choice?.case === undefined ? "is missing" : "internal listeners are not implemented in Nuncio yet",
    );
    return null;
  }
  const socket = choice.value;
  const at = problems.at("socket_address");
  if (socket.protocol === SocketAddress_Protocol.UDP)
    at.error("protocol", "UDP upstreams are not implemented in Nuncio yet");
  if (socket.portSpecifier.case === "namedPort")
    at.error("named_port", "is not implemented in Nuncio; give port_value");
  if (socket.resolverName !== "") {
    at.error("resolver_name", "custom resolvers are not implemented in Nuncio", {
      envoyText: kind === "STATIC" ? null : `${kind} clusters must NOT have a custom resolver name set`,
    });
  }
  if ((kind === "STATIC" || kind === "EDS") && isIP(socket.address) === 0) {
    at.error(
      "address",
      `"${socket.address}" is not an IP address: set type to STRICT_DNS or LOGICAL_DNS to use names`,
      {
        envoyText: `malformed IP address: ${socket.address}. Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'`,
      },
    );
    return null;
  }
  const port = socket.portSpecifier.case === "portValue" ? socket.portSpecifier.value : 0;
  return { host: isIP(socket.address) === 6 ? canonicalIp(socket.address) : socket.address, port, path: null };
}

/** Envoy: MetadataFilters::ENVOY_TRANSPORT_SOCKETS_PROXY_PROTOCOL. */
const proxyProtocolKey = "envoy.transport_sockets.proxy_protocol";
