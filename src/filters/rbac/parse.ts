import { checkCoverage } from "../../proto/coverage.ts";
import {
  type RBAC,
  type RBACPerRoute,
  RBACPerRouteSchema,
  RBACSchema,
} from "../../proto/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { connectionInputs, type InputRules } from "../../router/matching/parse-inputs.ts";
import { parseEngine } from "./parse-rules.ts";
import type { EngineSpec } from "./spec.ts";

/** extensions.filters.http.rbac.v3.RBAC, of the filter or of a route. */
export interface RbacSpec {
  /** null lets all pass. */
  enforced: EngineSpec | null;
  /** Only counted and told of. */
  shadow: EngineSpec | null;
  rulesStatPrefix: string;
  shadowRulesStatPrefix: string;
  trackPerRuleStats: boolean;
}

export function parseRbac(message: RBAC, problems: Problems): RbacSpec {
  const honoured = ["rules", "rules_stat_prefix", "matcher", "shadow_rules", "shadow_matcher"];
  checkCoverage(RBACSchema, message, problems, {
    honoured: [...honoured, "shadow_rules_stat_prefix", "track_per_rule_stats"],
    harmless: [],
  });
  return {
    enforced: parseEngine(message.rules, message.matcher, "", inputs, problems),
    shadow: parseEngine(message.shadowRules, message.shadowMatcher, "shadow_", inputs, problems),
    rulesStatPrefix: message.rulesStatPrefix,
    shadowRulesStatPrefix: message.shadowRulesStatPrefix,
    trackPerRuleStats: message.trackPerRuleStats,
  };
}

/** Without rbac: nothing is checked there. */
export function parseRbacPerRoute(message: RBACPerRoute, problems: Problems): RbacSpec {
  checkCoverage(RBACPerRouteSchema, message, problems, { honoured: ["rbac"], harmless: [] });
  if (message.rbac !== undefined) return parseRbac(message.rbac, problems.at("rbac"));
  const nothing = { enforced: null, shadow: null, rulesStatPrefix: "", shadowRulesStatPrefix: "" };
  return { ...nothing, trackPerRuleStats: false };
}

const inputs: InputRules = {
  allowed: new Set([
    ...connectionInputs,
    "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
    "xds.type.matcher.v3.HttpAttributesCelMatchInput",
    "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
  ]),
  refusal: (typeName) =>
    `while creating RBAC match tree: INVALID_ARGUMENT: RBAC HTTP filter cannot match on 'type.googleapis.com/${typeName}'`,
};
