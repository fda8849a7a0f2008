import { unpackAny } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import {
  type Cluster,
  type Cluster_CommonLbConfig_ZoneAwareLbConfig,
  Cluster_CommonLbConfig_ZoneAwareLbConfigSchema,
  Cluster_CommonLbConfigSchema,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type LoadBalancingPolicy,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { RuntimeDouble } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { HealthStatus } from "../proto/generated/envoy/config/core/v3/health_check_pb.ts";
import {
  type ClientSideWeightedRoundRobin,
  ClientSideWeightedRoundRobinSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts";
import {
  type LocalityLbConfig,
  type LocalityLbConfig_ZoneAwareLbConfig,
  LocalityLbConfig_ZoneAwareLbConfig_LocalityBasis,
  LocalityLbConfig_ZoneAwareLbConfigSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts";
import {
  type LeastRequest,
  LeastRequest_SelectionMethod,
  LeastRequestSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts";
import {
  type Maglev,
  MaglevSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts";
import {
  type OverrideHost,
  OverrideHostSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts";
import {
  type Random,
  RandomSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts";
import {
  type RingHash,
  RingHashSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts";
import {
  type RoundRobin,
  RoundRobinSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts";
import {
  type Subset,
  SubsetSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts";
import {
  type WrrLocality,
  WrrLocalitySchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseMaglev, parseMaglevPolicy, parseRingHash, parseRingHashPolicy } from "./parse-hash-lb.ts";
import { parseSlowStart } from "./parse-slow-start.ts";
import { parseLbSubsetConfig, parseSubset } from "./parse-subset-lb.ts";
import { parseClientSideWeighted, parseOverrideHost, parseWrrLocality } from "./parse-wrapping-lb.ts";
import type { LbSpec, ZoneAwareSpec } from "./spec.ts";

/** How a cluster chooses hosts: load_balancing_policy where it is set, else lb_policy with its config. */
export function parseLb(message: Cluster, problems: Problems): LbSpec {
  const lb: LbSpec = {
    policy: "ROUND_ROBIN",
    hash: null,
    choiceCount: 2,
    activeRequestBias: 1,
    isFullScan: false,
    slowStart: null,
    subset: null,
    overrideHost: null,
    isLocalityWeighted: false,
    zoneAware: parseZoneAware(undefined),
    panicThresholdPct: 50,
    overrideStatuses: statusBits([HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.DEGRADED]),
  };
  parseCommon(message, lb, problems);
  const typed = message.loadBalancingPolicy;
  if (typed !== undefined) {
    parseTyped(
      typed,
      lb,
      problems.at("load_balancing_policy"),
      (names) =>
        `cluster: didn't find a registered load balancer factory implementation for cluster: '${message.name}' with names from [${names.join(", ")}]`,
    );
    return lb;
  }
  parsePolicy(message, lb, problems);
  lb.subset = parseLbSubsetConfig(message, problems);
  return lb;
}

function parseCommon(message: Cluster, lb: LbSpec, problems: Problems): void {
  const common = message.commonLbConfig;
  if (common === undefined) return;
  checkCoverage(Cluster_CommonLbConfigSchema, common, problems.at("common_lb_config"), {
    honoured: [
      "healthy_panic_threshold",
      "locality_weighted_lb_config",
      "zone_aware_lb_config",
      "consistent_hashing_lb_config",
      "override_host_status",
    ],
    harmless: ["update_merge_window", "ignore_new_hosts_until_first_hc", "close_connections_on_host_set_change"],
  });
  if (common.consistentHashingLbConfig?.useHostnameForHashing === true) checkHostnames(message, problems);
  if (common.overrideHostStatus !== undefined) lb.overrideStatuses = statusBits(common.overrideHostStatus.statuses);
  lb.panicThresholdPct = common.healthyPanicThreshold?.value ?? 50;
  // A typed policy has a locality config of its own.
  if (message.loadBalancingPolicy !== undefined) return;
  const locality = common.localityConfigSpecifier;
  lb.isLocalityWeighted = locality.case === "localityWeightedLbConfig";
  if (locality.case !== "zoneAwareLbConfig") return;
  checkCoverage(
    Cluster_CommonLbConfig_ZoneAwareLbConfigSchema,
    locality.value,
    problems.at("common_lb_config.zone_aware_lb_config"),
    {
      honoured: ["routing_enabled", "min_cluster_size", "fail_traffic_on_panic"],
      harmless: [],
    },
  );
  lb.zoneAware = parseZoneAware(locality.value);
}

/** Envoy takes the legacy field for type STRICT_DNS alone, whatever the policy. */
function checkHostnames(message: Cluster, problems: Problems): void {
  const type = message.clusterDiscoveryType;
  if (type.case === "type" && type.value === Cluster_DiscoveryType.STRICT_DNS) return;
  const name = type.case === "clusterType" ? "" : discoveryNames[type.value ?? Cluster_DiscoveryType.STATIC];
  problems.error(
    "common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing",
    "is for clusters of type STRICT_DNS; the typed policies have one for all",
    {
      envoyText: `Cannot use hostname for consistent hashing loadbalancing for cluster of type: '${name}'`,
    },
  );
}

function parsePolicy(message: Cluster, lb: LbSpec, problems: Problems): void {
  switch (message.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      lb.policy = "ROUND_ROBIN";
      break;
    case Cluster_LbPolicy.RANDOM:
      lb.policy = "RANDOM";
      break;
    case Cluster_LbPolicy.LEAST_REQUEST: {
      const config = message.lbConfig.case === "leastRequestLbConfig" ? message.lbConfig.value : null;
      lb.policy = "LEAST_REQUEST";
      lb.choiceCount = config?.choiceCount ?? 2;
      lb.activeRequestBias = runtimeDouble(config?.activeRequestBias, 1);
      break;
    }
    case Cluster_LbPolicy.RING_HASH:
      parseRingHashPolicy(message, lb, problems);
      break;
    case Cluster_LbPolicy.MAGLEV:
      parseMaglevPolicy(message, lb, problems);
      break;
    case Cluster_LbPolicy.LOAD_BALANCING_POLICY_CONFIG:
      problems.error("load_balancing_policy", "must be set for lb_policy LOAD_BALANCING_POLICY_CONFIG", {
        envoyText: "cluster: field load_balancing_policy need to be set",
      });
      break;
    case Cluster_LbPolicy.CLUSTER_PROVIDED:
      problems.error("lb_policy", "CLUSTER_PROVIDED needs a cluster type that brings its own", {
        envoyText:
          message.lbSubsetConfig === undefined
            ? `cluster manager: cluster provided LB specified but cluster '${message.name}' did not provide one. Check cluster documentation.`
            : "cluster: LB policy CLUSTER_PROVIDED cannot be combined with lb_subset_config",
      });
      break;
  }
  const config = message.lbConfig;
  if (config.case === "roundRobinLbConfig" || config.case === "leastRequestLbConfig") {
    const path = config.case === "roundRobinLbConfig" ? "round_robin_lb_config" : "least_request_lb_config";
    lb.slowStart = parseSlowStart(config.value.slowStartConfig, problems.at(`${path}.slow_start_config`));
  }
}

/** Envoy takes the first policy of the list that it knows. `problems` is that of the list, `fault` is Envoy's text where it knows none. */
function parseTyped(
  { policies }: Pick<LoadBalancingPolicy, "policies">,
  lb: LbSpec,
  problems: Problems,
  fault: Fault,
): void {
  const names = policies.map((policy) => policy.typedExtensionConfig?.name ?? "");
  let unknown = "";
  for (const [i, policy] of policies.entries()) {
    const scope = problems.at(`policies[${i}].typed_extension_config`);
    const unpacked = unpackAny(policy.typedExtensionConfig?.typedConfig, scope, "typed_config");
    if (unpacked === null) return;
    const config = scope.at("typed_config");
    switch (unpacked.desc.typeName) {
      case RoundRobinSchema.typeName:
        parseRoundRobin(unpacked.message as RoundRobin, lb, config);
        return;
      case LeastRequestSchema.typeName:
        parseLeastRequest(unpacked.message as LeastRequest, lb, config);
        return;
      case RingHashSchema.typeName:
        parseRingHash(unpacked.message as RingHash, lb, config);
        return;
      case MaglevSchema.typeName:
        parseMaglev(unpacked.message as Maglev, lb, config);
        return;
      case SubsetSchema.typeName: {
        const subset = unpacked.message as Subset;
        lb.subset = parseSubset(subset, config);
        const inner = subset.subsetLbPolicy ?? noPolicy;
        parseTyped(inner, lb, config.at("subset_lb_policy"), subsetFallback);
        return;
      }
      case OverrideHostSchema.typeName: {
        const override = unpacked.message as OverrideHost;
        lb.overrideHost = parseOverrideHost(override, config);
        parseTyped(override.fallbackPolicy ?? noPolicy, lb, config.at("fallback_policy"), overrideFallback);
        return;
      }
      case WrrLocalitySchema.typeName:
        parseWrrLocality(unpacked.message as WrrLocality, lb, config);
        return;
      case ClientSideWeightedRoundRobinSchema.typeName:
        parseClientSideWeighted(unpacked.message as ClientSideWeightedRoundRobin, lb, config);
        return;
      case RandomSchema.typeName:
        checkCoverage(RandomSchema, unpacked.message as Random, config, {
          honoured: ["locality_lb_config"],
          harmless: [],
        });
        lb.policy = "RANDOM";
        parseLocality((unpacked.message as Random).localityLbConfig, lb, config);
        return;
      default:
        unknown ||= unpacked.desc.typeName;
    }
  }
  problems.error("", unknown === "" ? "names no policy" : `the policy ${unknown} is not implemented in Nuncio yet`, {
    envoyText: fault(names),
  });
}

function parseRoundRobin(config: RoundRobin, lb: LbSpec, problems: Problems): void {
  lb.policy = "ROUND_ROBIN";
  lb.slowStart = parseSlowStart(config.slowStartConfig, problems.at("slow_start_config"));
  parseLocality(config.localityLbConfig, lb, problems);
}

function parseLeastRequest(config: LeastRequest, lb: LbSpec, problems: Problems): void {
  lb.policy = "LEAST_REQUEST";
  lb.choiceCount = config.choiceCount ?? 2;
  lb.activeRequestBias = runtimeDouble(config.activeRequestBias, 1);
  lb.isFullScan = config.selectionMethod === LeastRequest_SelectionMethod.FULL_SCAN || (config.enableFullScan ?? false);
  lb.slowStart = parseSlowStart(config.slowStartConfig, problems.at("slow_start_config"));
  parseLocality(config.localityLbConfig, lb, problems);
}

function parseLocality(config: LocalityLbConfig | undefined, lb: LbSpec, problems: Problems): void {
  if (config === undefined) return;
  const choice = config.localityConfigSpecifier.case;
  lb.isLocalityWeighted = choice === "localityWeightedLbConfig";
  if (choice !== "zoneAwareLbConfig") return;
  const zoneAware = config.localityConfigSpecifier.value as LocalityLbConfig_ZoneAwareLbConfig;
  checkCoverage(
    LocalityLbConfig_ZoneAwareLbConfigSchema,
    zoneAware,
    problems.at("locality_lb_config.zone_aware_lb_config"),
    {
      honoured: [
        "routing_enabled",
        "min_cluster_size",
        "fail_traffic_on_panic",
        "force_locality_direct_routing",
        "force_local_zone",
        "locality_basis",
      ],
      harmless: [],
    },
  );
  lb.zoneAware = parseZoneAware(zoneAware);
}

/** Envoy routes so by default, once there is a local cluster. */
function parseZoneAware(
  config: LocalityLbConfig_ZoneAwareLbConfig | Cluster_CommonLbConfig_ZoneAwareLbConfig | undefined,
): ZoneAwareSpec {
  const typed = config?.$typeName === LocalityLbConfig_ZoneAwareLbConfigSchema.typeName ? config : undefined;
  const force = typed?.forceLocalZone;
  const always = typed?.forceLocalityDirectRouting === true ? 1 : null;
  return {
    routingEnabledPct: Math.round(config?.routingEnabled?.value ?? 100),
    minClusterSize: Number(config?.minClusterSize ?? 6),
    failsOnPanic: config?.failTrafficOnPanic ?? false,
    forceLocalMinSize: force === undefined ? always : (force.minSize ?? 1),
    isByWeight: typed?.localityBasis === LocalityLbConfig_ZoneAwareLbConfig_LocalityBasis.HEALTHY_HOSTS_WEIGHT,
  };
}

function statusBits(statuses: readonly HealthStatus[]): number {
  let bits = 0;
  for (const status of statuses) bits |= 1 << status;
  return bits;
}

function runtimeDouble(value: RuntimeDouble | undefined, otherwise: number): number {
  return value?.defaultValue ?? otherwise;
}

type Fault = (names: readonly string[]) => string;

const overrideFallback: Fault = (names) =>
  `dynamic forwarding LB: didn't find a registered fallback load balancer factory with names from ${names.join(", ")}`;
const subsetFallback: Fault = (names) =>
  `cluster: didn't find a registered load balancer factory implementation for subset lb with names from [${names.join(", ")}]`;
const noPolicy: Pick<LoadBalancingPolicy, "policies"> = { policies: [] };
/** Envoy's names of the cluster types. */
const discoveryNames: Record<number, string> = {
  [Cluster_DiscoveryType.STATIC]: "envoy.cluster.static",
  [Cluster_DiscoveryType.LOGICAL_DNS]: "envoy.cluster.logical_dns",
  [Cluster_DiscoveryType.EDS]: "envoy.cluster.eds",
  [Cluster_DiscoveryType.ORIGINAL_DST]: "envoy.cluster.original_dst",
};
