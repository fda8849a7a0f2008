import { checkCoverage } from "../proto/coverage.ts";
import {
  type Cluster,
  type Cluster_LbSubsetConfig_LbSubsetSelector,
  Cluster_LbSubsetConfig_LbSubsetSelectorSchema,
  Cluster_LbSubsetConfigSchema,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type Subset,
  type Subset_LbSubsetSelector,
  Subset_LbSubsetSelectorSchema,
  SubsetSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { SubsetFallback, SubsetSelectorSpec, SubsetSpec } from "./spec.ts";

/** Cluster.lb_subset_config; null without selectors, which Envoy takes for off. `problems` is that of the cluster. */
export function parseLbSubsetConfig(message: Cluster, problems: Problems): SubsetSpec | null {
  const config = message.lbSubsetConfig;
  if (config === undefined || config.subsetSelectors.length === 0) return null;
  const scope = problems.at("lb_subset_config");
  checkCoverage(Cluster_LbSubsetConfigSchema, config, scope, {
    honoured: [
      "fallback_policy",
      "default_subset",
      "subset_selectors",
      "locality_weight_aware",
      "scale_locality_weight",
      "panic_mode_any",
      "list_as_any",
      "metadata_fallback_policy",
    ],
    harmless: [],
  });
  const selectors = config.subsetSelectors.map((selector, i) => {
    const at = scope.at(`subset_selectors[${i}]`);
    checkCoverage(Cluster_LbSubsetConfig_LbSubsetSelectorSchema, selector, at, {
      honoured: ["keys", "single_host_per_subset", "fallback_policy", "fallback_keys_subset"],
      harmless: [],
    });
    return parseSelector(selector, at);
  });
  return { ...common(config), selectors, allowRedundantKeys: false };
}

/** extensions.load_balancing_policies.subset.v3.Subset, without its subset_lb_policy. `problems` is that of the message. */
export function parseSubset(config: Subset, problems: Problems): SubsetSpec {
  checkCoverage(SubsetSchema, config, problems, {
    honoured: [
      "fallback_policy",
      "default_subset",
      "subset_selectors",
      "allow_redundant_keys",
      "locality_weight_aware",
      "scale_locality_weight",
      "panic_mode_any",
      "list_as_any",
      "metadata_fallback_policy",
      "subset_lb_policy",
    ],
    harmless: [],
  });
  const selectors = config.subsetSelectors.map((selector, i) => {
    const at = problems.at(`subset_selectors[${i}]`);
    checkCoverage(Subset_LbSubsetSelectorSchema, selector, at, {
      honoured: ["keys", "single_host_per_subset", "fallback_policy", "fallback_keys_subset"],
      harmless: [],
    });
    return parseSelector(selector, at);
  });
  return { ...common(config), selectors, allowRedundantKeys: config.allowRedundantKeys };
}

function common(
  config: NonNullable<Cluster["lbSubsetConfig"]> | Subset,
): Omit<SubsetSpec, "selectors" | "allowRedundantKeys"> {
  return {
    fallback: fallbacks[config.fallbackPolicy] ?? "NO_FALLBACK",
    defaultSubset: (config.defaultSubset ?? {}) as Record<string, unknown>,
    isLocalityWeightAware: config.localityWeightAware,
    scalesLocalityWeight: config.scaleLocalityWeight,
    panicModeAny: config.panicModeAny,
    listAsAny: config.listAsAny,
    usesFallbackList: config.metadataFallbackPolicy === 1,
  };
}

function parseSelector(
  selector: Cluster_LbSubsetConfig_LbSubsetSelector | Subset_LbSubsetSelector,
  problems: Problems,
): SubsetSelectorSpec {
  const keys = [...new Set(selector.keys)].sort();
  const fallbackKeys = [...new Set(selector.fallbackKeysSubset)].sort();
  const fallback = selectorFallbacks[selector.fallbackPolicy] ?? "NOT_DEFINED";
  const text = selectorFault(keys, fallback, fallbackKeys);
  if (text !== null) problems.error("fallback_keys_subset", text, { envoyText: text });
  return { keys, isSingle: selector.singleHostPerSubset, fallback, fallbackKeys };
}

/** Envoy's words; null where it takes the selector. */
function selectorFault(keys: readonly string[], fallback: SubsetFallback, own: readonly string[]): string | null {
  if (fallback !== "KEYS_SUBSET")
    return own.length === 0 ? null : "fallback_keys_subset can be set only for KEYS_SUBSET fallback_policy";
  if (own.length === 0) return "fallback_keys_subset cannot be empty";
  if (!own.every((key) => keys.includes(key))) return "fallback_keys_subset must be a subset of selector keys";
  return own.length === keys.length ? "fallback_keys_subset cannot be equal to keys" : null;
}

/** By the number of the enum. */
const fallbacks = ["NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET"] as const;
const selectorFallbacks = ["NOT_DEFINED", "NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET", "KEYS_SUBSET"] as const;
