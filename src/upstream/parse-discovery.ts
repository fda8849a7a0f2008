import { unpackExtension } from "../proto/any.ts";
import { parseConfigSource } from "../proto/config-source.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMs, durationMsOr } from "../proto/duration.ts";
import { type Cluster, Cluster_DiscoveryType } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type DnsCluster,
  DnsClusterSchema,
} from "../proto/generated/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { ClusterSpec, DnsSpec, EdsSpec } from "./spec.ts";

/** How a cluster learns its endpoints. */
export interface Discovery {
  kind: ClusterSpec["discovery"];
  /** Without the template. */
  dns: Omit<DnsSpec, "template"> | null;
  eds: EdsSpec | null;
}

/** type or cluster_type; null after telling that it is not one Nuncio has. */
export function parseDiscovery(message: Cluster, problems: Problems): Discovery | null {
  const choice = message.clusterDiscoveryType;
  if (choice.case === "clusterType") return parseClusterType(message, choice.value, problems);
  switch (choice.value ?? Cluster_DiscoveryType.STATIC) {
    case Cluster_DiscoveryType.STATIC:
      return { kind: "STATIC", dns: null, eds: null };
    case Cluster_DiscoveryType.STRICT_DNS:
      return { kind: "STRICT_DNS", dns: legacyDns(message), eds: null };
    case Cluster_DiscoveryType.LOGICAL_DNS:
      return { kind: "LOGICAL_DNS", dns: legacyDns(message), eds: null };
    case Cluster_DiscoveryType.EDS:
      if (message.edsClusterConfig === undefined) {
        problems.error("eds_cluster_config", "is missing for type EDS", {
          envoyText: "cannot create an EDS cluster without an EDS config",
        });
        return null;
      }
      return parseEds(message, problems.at("eds_cluster_config"));
    default:
      problems.error("type", "ORIGINAL_DST is not implemented in Nuncio yet");
      return null;
  }
}

function parseEds(message: Cluster, problems: Problems): Discovery | null {
  const source = parseConfigSource(message.edsClusterConfig?.edsConfig, problems.at("eds_config"));
  if (source === null) return null;
  const serviceName = message.edsClusterConfig?.serviceName || message.name;
  return { kind: "EDS", dns: null, eds: { serviceName, source } };
}

function parseClusterType(
  message: Cluster,
  type: Extract<Cluster["clusterDiscoveryType"], { case: "clusterType" }>["value"],
  problems: Problems,
): Discovery | null {
  const unpacked = unpackExtension(type.name, type.typedConfig, problems, "cluster_type.typed_config");
  if (unpacked === null) return null;
  if (unpacked.desc.typeName !== DnsClusterSchema.typeName) {
    problems.error("cluster_type", `clusters of type ${unpacked.desc.typeName} are not implemented in Nuncio yet`, {
      envoyText: `Didn't find a registered cluster factory implementation for type: '${unpacked.desc.typeName}'`,
    });
    return null;
  }
  const config = unpacked.message as DnsCluster;
  checkCoverage(DnsClusterSchema, config, problems.at("cluster_type.typed_config"), {
    honoured: [
      "dns_refresh_rate",
      "dns_failure_refresh_rate",
      "respect_dns_ttl",
      "dns_jitter",
      "dns_lookup_family",
      "all_addresses_in_single_endpoint",
      "dns_min_refresh_rate",
    ],
    harmless: ["typed_dns_resolver_config"],
  });
  const refreshMs = durationMsOr(config.dnsRefreshRate ?? message.dnsRefreshRate, defaultRefreshMs);
  return {
    kind: config.allAddressesInSingleEndpoint ? "LOGICAL_DNS" : "STRICT_DNS",
    dns: {
      refreshMs,
      ...failureTimes(config.dnsFailureRefreshRate, refreshMs),
      jitterMs: durationMsOr(config.dnsJitter, 0),
      respectTtl: config.respectDnsTtl,
      minRefreshMs: durationMsOr(config.dnsMinRefreshRate, defaultMinRefreshMs),
      // DnsLookupFamily has UNSPECIFIED, which means AUTO, in front.
      family: families[Math.max(0, config.dnsLookupFamily - 1)] ?? "AUTO",
    },
    eds: null,
  };
}

function legacyDns(message: Cluster): Omit<DnsSpec, "template"> {
  const refreshMs = durationMsOr(message.dnsRefreshRate, defaultRefreshMs);
  return {
    refreshMs,
    ...failureTimes(message.dnsFailureRefreshRate, refreshMs),
    jitterMs: durationMsOr(message.dnsJitter, 0),
    respectTtl: message.respectDnsTtl,
    minRefreshMs: defaultMinRefreshMs,
    family: families[message.dnsLookupFamily] ?? "AUTO",
  };
}

/** Envoy: the refresh rate itself unless set; the maximum is ten times the base unless set. */
function failureTimes(
  rate: DnsCluster["dnsFailureRefreshRate"] | Cluster["dnsFailureRefreshRate"],
  refreshMs: number,
): { failureBaseMs: number; failureMaxMs: number } {
  if (rate === undefined) return { failureBaseMs: refreshMs, failureMaxMs: refreshMs };
  const failureBaseMs = durationMsOr(rate.baseInterval, refreshMs);
  return { failureBaseMs, failureMaxMs: durationMs(rate.maxInterval) ?? failureBaseMs * 10 };
}

const families = ["AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL"] as const;
const defaultRefreshMs = 5000;
const defaultMinRefreshMs = 1000;
