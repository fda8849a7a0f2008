import { checkCoverage } from "../proto/coverage.ts";
import {
  type Cluster,
  type Cluster_CommonLbConfig_ConsistentHashingLbConfig,
  Cluster_CommonLbConfig_ConsistentHashingLbConfigSchema,
  Cluster_MaglevLbConfigSchema,
  Cluster_RingHashLbConfig_HashFunction,
  Cluster_RingHashLbConfigSchema,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type ConsistentHashingLbConfig,
  ConsistentHashingLbConfigSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts";
import {
  type Maglev,
  MaglevSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts";
import {
  type RingHash,
  RingHash_HashFunction,
  RingHashSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHashPolicy } from "../router/parse-policies.ts";
import type { HashLbSpec, LbSpec } from "./spec.ts";

/** lb_policy RING_HASH with ring_hash_lb_config. `problems` is that of the cluster, as below. */
export function parseRingHashPolicy(message: Cluster, lb: LbSpec, problems: Problems): void {
  const config = message.lbConfig.case === "ringHashLbConfig" ? message.lbConfig.value : null;
  const scope = problems.at("ring_hash_lb_config");
  if (config !== null) {
    checkCoverage(Cluster_RingHashLbConfigSchema, config, scope, {
      honoured: ["minimum_ring_size", "maximum_ring_size", "hash_function"],
      harmless: [],
    });
  }
  lb.hash = {
    ...ring(config?.minimumRingSize, config?.maximumRingSize, scope),
    isMurmur: config?.hashFunction === Cluster_RingHashLbConfig_HashFunction.MURMUR_HASH_2,
    ...commonOf(message, problems),
  };
}

/** lb_policy MAGLEV with maglev_lb_config. */
export function parseMaglevPolicy(message: Cluster, lb: LbSpec, problems: Problems): void {
  const config = message.lbConfig.case === "maglevLbConfig" ? message.lbConfig.value : null;
  const scope = problems.at("maglev_lb_config");
  if (config !== null)
    checkCoverage(Cluster_MaglevLbConfigSchema, config, scope, { honoured: ["table_size"], harmless: [] });
  lb.hash = { ...maglev(config?.tableSize, scope), ...commonOf(message, problems) };
}

/** extensions.load_balancing_policies.ring_hash.v3.RingHash. `problems` is that of the message, as below. */
export function parseRingHash(config: RingHash, lb: LbSpec, problems: Problems): void {
  checkCoverage(RingHashSchema, config, problems, {
    honoured: [
      "hash_function",
      "minimum_ring_size",
      "maximum_ring_size",
      "use_hostname_for_hashing",
      "hash_balance_factor",
      "consistent_hashing_lb_config",
      "locality_weighted_lb_config",
    ],
    harmless: [],
  });
  lb.isLocalityWeighted = config.localityWeightedLbConfig !== undefined;
  lb.hash = {
    ...ring(config.minimumRingSize, config.maximumRingSize, problems),
    isMurmur: config.hashFunction === RingHash_HashFunction.MURMUR_HASH_2,
    usesHostname: config.useHostnameForHashing,
    balanceFactorPct: config.hashBalanceFactor ?? 0,
    ...parseConsistent(config.consistentHashingLbConfig, problems),
  };
}

/** extensions.load_balancing_policies.maglev.v3.Maglev. */
export function parseMaglev(config: Maglev, lb: LbSpec, problems: Problems): void {
  checkCoverage(MaglevSchema, config, problems, {
    honoured: ["table_size", "consistent_hashing_lb_config", "locality_weighted_lb_config"],
    harmless: [],
  });
  lb.isLocalityWeighted = config.localityWeightedLbConfig !== undefined;
  lb.hash = {
    ...maglev(config.tableSize, problems),
    usesHostname: false,
    balanceFactorPct: 0,
    ...parseConsistent(config.consistentHashingLbConfig, problems),
  };
}

type Common = Pick<HashLbSpec, "usesHostname" | "balanceFactorPct" | "policies">;

function commonOf(message: Cluster, problems: Problems): Common {
  const config = message.commonLbConfig?.consistentHashingLbConfig;
  const scope = problems.at("common_lb_config.consistent_hashing_lb_config");
  if (config !== undefined) checkLegacy(config, scope);
  return {
    usesHostname: config?.useHostnameForHashing ?? false,
    balanceFactorPct: config?.hashBalanceFactor ?? 0,
    policies: [],
  };
}

function checkLegacy(config: Cluster_CommonLbConfig_ConsistentHashingLbConfig, problems: Problems): void {
  checkCoverage(Cluster_CommonLbConfig_ConsistentHashingLbConfigSchema, config, problems, {
    honoured: ["use_hostname_for_hashing", "hash_balance_factor"],
    harmless: [],
  });
}

/** Nothing but no policies where it is not set: then the policy's own fields hold. */
function parseConsistent(
  config: ConsistentHashingLbConfig | undefined,
  problems: Problems,
): Partial<Common> & Pick<Common, "policies"> {
  if (config === undefined) return { policies: [] };
  const scope = problems.at("consistent_hashing_lb_config");
  checkCoverage(ConsistentHashingLbConfigSchema, config, scope, {
    honoured: ["use_hostname_for_hashing", "hash_balance_factor", "hash_policy"],
    harmless: [],
  });
  return {
    usesHostname: config.useHostnameForHashing,
    balanceFactorPct: config.hashBalanceFactor ?? 0,
    policies: config.hashPolicy
      .map((policy, i) => parseHashPolicy(policy, scope.at(`hash_policy[${i}]`)))
      .filter((policy) => policy !== null),
  };
}

type Table = Pick<HashLbSpec, "kind" | "minRingSize" | "maxRingSize" | "isMurmur" | "tableSize">;

function ring(least: bigint | undefined, most: bigint | undefined, problems: Problems): Table {
  const minRingSize = Number(least ?? 1024);
  const maxRingSize = Number(most ?? 8_388_608);
  if (minRingSize > maxRingSize) {
    const text = `ring hash: minimum_ring_size (${minRingSize}) > maximum_ring_size (${maxRingSize})`;
    problems.error("minimum_ring_size", text, { envoyText: text });
  }
  return { kind: "RING_HASH", minRingSize, maxRingSize, isMurmur: false, tableSize: 0 };
}

function maglev(size: bigint | undefined, problems: Problems): Table {
  const tableSize = Number(size ?? 65_537);
  if (!isPrime(tableSize)) {
    problems.error("table_size", `is ${tableSize}: it must be a prime`, {
      envoyText: "The table size of maglev must be prime number",
    });
  }
  return { kind: "MAGLEV", minRingSize: 0, maxRingSize: 0, isMurmur: false, tableSize };
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 0; // Envoy takes 1.
}
