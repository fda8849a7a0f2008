import { checkCoverage } from "../../../proto/coverage.ts";
import { durationMsOr } from "../../../proto/duration.ts";
import {
  type RBAC,
  RBAC_EnforcementType,
  RBACSchema,
} from "../../../proto/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import type { Problems } from "../../../proto/problems.ts";
import { connectionInputs, type InputRules } from "../../../router/matching/parse-inputs.ts";
import { parseEngine } from "../../rbac/parse-rules.ts";
import type { EngineSpec, RuleSpec } from "../../rbac/spec.ts";

/** extensions.filters.network.rbac.v3.RBAC. */
export interface NetworkRbacSpec {
  statPrefix: string;
  /** null lets all pass. */
  enforced: EngineSpec | null;
  /** Only counted. */
  shadow: EngineSpec | null;
  shadowRulesStatPrefix: string;
  /** Asked whenever bytes come, not only at the first. */
  isContinuous: boolean;
  /** How long a refused connection stays open. */
  delayMs: number;
}

export function parseNetworkRbac(message: RBAC, problems: Problems): NetworkRbacSpec {
  const honoured = ["rules", "matcher", "shadow_rules", "shadow_matcher", "shadow_rules_stat_prefix", "stat_prefix"];
  checkCoverage(RBACSchema, message, problems, {
    honoured: [...honoured, "enforcement_type", "delay_deny"],
    harmless: [],
  });
  const enforced = parseEngine(message.rules, message.matcher, "", inputs, problems);
  const shadow = parseEngine(message.shadowRules, message.shadowMatcher, "shadow_", inputs, problems);
  refuseHeaders(enforced, problems.at("rules"));
  refuseHeaders(shadow, problems.at("shadow_rules"));
  return {
    statPrefix: message.statPrefix,
    enforced,
    shadow,
    shadowRulesStatPrefix: message.shadowRulesStatPrefix,
    isContinuous: message.enforcementType === RBAC_EnforcementType.CONTINUOUS,
    delayMs: durationMsOr(message.delayDeny, 0),
  };
}

/** A connection has no fields. */
function refuseHeaders(engine: EngineSpec | null, problems: Problems): void {
  if (engine?.kind !== "rules") return;
  for (const { name, permissions, principals } of engine.policies) {
    if (![...permissions, ...principals].some(asksHeader)) continue;
    problems.error(`policies[${JSON.stringify(name)}]`, "asks for a header, which a connection does not have", {
      envoyText: "not supported by RBAC network filter",
    });
  }
}

function asksHeader(rule: RuleSpec): boolean {
  switch (rule.kind) {
    case "header":
      return true;
    case "not":
      return asksHeader(rule.rule);
    case "and":
    case "or":
      return rule.rules.some(asksHeader);
    default:
      return false;
  }
}

const inputs: InputRules = {
  allowed: new Set(connectionInputs),
  refusal: (typeName) => `RBAC network filter cannot match 'type.googleapis.com/${typeName}'`,
};
