import { toBinary } from "@bufbuild/protobuf";
import { parseCelConfig, parseCelExpr } from "../../observability/cel/parse.ts";
import { unpackExtension } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type Action,
  MetadataSource,
  type Permission,
  type Policy,
  PolicySchema,
  type Principal,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from "../../proto/generated/envoy/config/rbac/v3/rbac_pb.ts";
import type { Config as MtlsAuthenticated } from "../../proto/generated/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.ts";
import { SubjectAltNameMatcher_SanType } from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import { ExprSchema } from "../../proto/generated/google/api/expr/v1alpha1/syntax_pb.ts";
import type { Matcher } from "../../proto/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseMatcher } from "../../router/matching/parse.ts";
import type { InputRules } from "../../router/matching/parse-inputs.ts";
import { parseHeaderMatcher, parseStringMatcher } from "../../router/parse-match.ts";
import { parsePathMatchPolicy } from "../../router/parse-path-policy.ts";
import { parseCoreRange, type RangeSpec } from "../../router/parse-range.ts";
import { parseFilterState, parseMetadata } from "../../router/parse-stream-conditions.ts";
import type { EngineSpec, PolicySpec, RbacAction, RuleSpec } from "./spec.ts";

/** The engine of rules or of a matcher, which goes before; null for neither, and after telling what is wrong. */
export function parseEngine(
  rules: RBAC | undefined,
  matcher: Matcher | undefined,
  prefix: "" | "shadow_",
  inputs: InputRules,
  problems: Problems,
): EngineSpec | null {
  if (matcher !== undefined) {
    if (rules !== undefined) problems.warning(`${prefix}rules`, `is ignored, as ${prefix}matcher is set`);
    let hasLog = false;
    const spec = parseMatcher(
      matcher,
      {
        ...inputs,
        parseAction: ({ desc, message }, _name, scope) => {
          if (desc.typeName !== "envoy.config.rbac.v3.Action") {
            scope.error("", `is a ${desc.typeName}, and an action of RBAC is an envoy.config.rbac.v3.Action`);
            return null;
          }
          const { name, action } = message as Action;
          hasLog ||= action === RBAC_Action.LOG;
          return { name, action: actionName(action) };
        },
      },
      problems.at(`${prefix}matcher`),
    );
    return spec === null ? null : { kind: "matcher", matcher: spec, hasLog };
  }
  return rules === undefined ? null : parseRules(rules, problems.at(`${prefix}rules`));
}

function parseRules(message: RBAC, problems: Problems): EngineSpec {
  checkCoverage(RBACSchema, message, problems, { honoured: ["action", "policies"], harmless: [] });
  const policies = Object.entries(message.policies)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([name, policy]) => parsePolicy(name, policy, problems.at(`policies[${JSON.stringify(name)}]`)));
  return { kind: "rules", action: actionName(message.action), policies };
}

function parsePolicy(name: string, message: Policy, problems: Problems): PolicySpec {
  checkCoverage(PolicySchema, message, problems, {
    honoured: ["permissions", "principals", "condition", "checked_condition", "cel_config"],
    harmless: [],
  });
  const expr = message.checkedCondition?.expr ?? message.condition;
  return {
    name,
    permissions: parsed(message.permissions, (one, i) => parsePermission(one, problems.at(`permissions[${i}]`))),
    principals: parsed(message.principals, (one, i) => parsePrincipal(one, problems.at(`principals[${i}]`))),
    condition:
      expr === undefined
        ? null
        : parseCelExpr(toBinary(ExprSchema, expr), parseCelConfig(message.celConfig), problems.at("condition")),
  };
}

function parsePermission({ rule }: Permission, problems: Problems): RuleSpec | null {
  switch (rule.case) {
    case "andRules":
    case "orRules": {
      const [kind, field] = rule.case === "andRules" ? (["and", "and_rules"] as const) : (["or", "or_rules"] as const);
      return {
        kind,
        rules: parsed(rule.value.rules, (one, i) => parsePermission(one, problems.at(`${field}.rules[${i}]`))),
      };
    }
    case "notRule":
      return not(parsePermission(rule.value, problems.at("not_rule")));
    case "any":
      return { kind: "any" };
    case "header":
      return { kind: "header", header: parseHeaderMatcher(rule.value, problems.at("header")) };
    case "urlPath":
      return path(rule.value.rule.value, problems.at("url_path.path"));
    case "destinationIp":
      return range("destination_ip", parseCoreRange(rule.value, problems.at("destination_ip")));
    case "destinationPort":
      return { kind: "destination_port", start: rule.value, end: rule.value + 1 };
    case "destinationPortRange":
      return { kind: "destination_port", start: rule.value.start, end: rule.value.end };
    case "metadata":
      return metadata(parseMetadata(rule.value, problems.at("metadata")), false);
    case "sourcedMetadata":
      return sourced(rule.value, problems.at("sourced_metadata"));
    case "requestedServerName":
      return { kind: "server_name", string: parseStringMatcher(rule.value, problems.at("requested_server_name")) };
    case "uriTemplate":
      return { kind: "template", template: parsePathMatchPolicy(rule.value, problems.at("uri_template")) };
    case "matcher":
      problems.error("matcher", `the matcher "${rule.value.name}" is not implemented in Nuncio yet`);
      return null;
    case undefined:
      problems.error("", "is empty: a permission needs a rule");
      return null;
  }
}

function parsePrincipal({ identifier }: Principal, problems: Problems): RuleSpec | null {
  switch (identifier.case) {
    case "andIds":
    case "orIds": {
      const [kind, field] = identifier.case === "andIds" ? (["and", "and_ids"] as const) : (["or", "or_ids"] as const);
      return {
        kind,
        rules: parsed(identifier.value.ids, (one, i) => parsePrincipal(one, problems.at(`${field}.ids[${i}]`))),
      };
    }
    case "notId":
      return not(parsePrincipal(identifier.value, problems.at("not_id")));
    case "any":
      return { kind: "any" };
    case "authenticated": {
      const { principalName } = identifier.value;
      const scope = problems.at("authenticated.principal_name");
      return {
        kind: "authenticated",
        name: principalName === undefined ? null : parseStringMatcher(principalName, scope),
      };
    }
    case "sourceIp":
      return range("source_ip", parseCoreRange(identifier.value, problems.at("source_ip")));
    case "directRemoteIp":
      return range("direct_remote_ip", parseCoreRange(identifier.value, problems.at("direct_remote_ip")));
    case "remoteIp":
      return range("remote_ip", parseCoreRange(identifier.value, problems.at("remote_ip")));
    case "header":
      return { kind: "header", header: parseHeaderMatcher(identifier.value, problems.at("header")) };
    case "urlPath":
      return path(identifier.value.rule.value, problems.at("url_path.path"));
    case "metadata":
      return metadata(parseMetadata(identifier.value, problems.at("metadata")), false);
    case "sourcedMetadata":
      return sourced(identifier.value, problems.at("sourced_metadata"));
    case "filterState": {
      const matcher = parseFilterState(identifier.value, problems.at("filter_state"), parseStringMatcher);
      return matcher === null ? null : { kind: "filter_state", matcher };
    }
    case "custom":
      return parseCustom(identifier.value, problems.at("custom"));
    case undefined:
      problems.error("", "is empty: a principal needs an identifier");
      return null;
  }
}

function parseCustom(
  { name, typedConfig }: Extract<Principal["identifier"], { case: "custom" }>["value"],
  problems: Problems,
): RuleSpec | null {
  const unpacked = unpackExtension(name, typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  if (unpacked.desc.typeName !== "envoy.extensions.rbac.principals.mtls_authenticated.v3.Config") {
    scope.error("", `the principal ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const { sanMatcher, anyValidatedClientCertificate } = unpacked.message as MtlsAuthenticated;
  if (sanMatcher === undefined) {
    if (!anyValidatedClientCertificate) {
      scope.error("", "names nothing: san_matcher or any_validated_client_certificate must be set", {
        envoyText: "envoy.rbac.principals.mtls_authenticated did not have any configured validation",
      });
    }
    return { kind: "mtls_authenticated", san: null };
  }
  const type = sanTypes[sanMatcher.sanType];
  if (type === undefined || sanMatcher.matcher === undefined) {
    scope.error("san_matcher", "needs a san_type of EMAIL, DNS, URI or IP_ADDRESS, and a matcher");
    return null;
  }
  const san = { type, name: parseStringMatcher(sanMatcher.matcher, scope.at("san_matcher.matcher")) };
  return { kind: "mtls_authenticated", san };
}

function sourced(
  { metadataMatcher, metadataSource }: Extract<Permission["rule"], { case: "sourcedMetadata" }>["value"],
  problems: Problems,
): RuleSpec | null {
  if (metadataMatcher === undefined) {
    problems.error("metadata_matcher", "is missing");
    return null;
  }
  const matcher = parseMetadata(metadataMatcher, problems.at("metadata_matcher"));
  return metadata(matcher, metadataSource === MetadataSource.ROUTE);
}

function metadata(matcher: ReturnType<typeof parseMetadata>, isOfRoute: boolean): RuleSpec | null {
  return matcher === null ? null : { kind: "metadata", matcher, isOfRoute };
}

function path(message: Parameters<typeof parseStringMatcher>[0] | undefined, problems: Problems): RuleSpec | null {
  if (message !== undefined) return { kind: "path", string: parseStringMatcher(message, problems) };
  problems.error("", "is missing");
  return null;
}

function range(
  kind: "destination_ip" | "source_ip" | "direct_remote_ip" | "remote_ip",
  parsedRange: RangeSpec | null,
): RuleSpec | null {
  return parsedRange === null ? null : { kind, range: parsedRange };
}

function not(rule: RuleSpec | null): RuleSpec | null {
  return rule === null ? null : { kind: "not", rule };
}

function parsed<Message>(
  list: readonly Message[],
  parse: (one: Message, index: number) => RuleSpec | null,
): RuleSpec[] {
  return list.map(parse).filter((rule) => rule !== null);
}

function actionName(action: RBAC_Action): RbacAction {
  return action === RBAC_Action.DENY ? "DENY" : action === RBAC_Action.LOG ? "LOG" : "ALLOW";
}

const sanTypes: Partial<Record<SubjectAltNameMatcher_SanType, string>> = {
  [SubjectAltNameMatcher_SanType.EMAIL]: "EMAIL",
  [SubjectAltNameMatcher_SanType.DNS]: "DNS",
  [SubjectAltNameMatcher_SanType.URI]: "URI",
  [SubjectAltNameMatcher_SanType.IP_ADDRESS]: "IP_ADDRESS",
};
