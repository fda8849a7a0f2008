import { checkCoverage } from "../proto/coverage.ts";
import { durationMs } from "../proto/duration.ts";
import {
  type RouteAction_HashPolicy,
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RegexMatchAndSubstitute } from "../proto/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "./parse-headers.ts";
import { parseRegex, parseRuntimeFraction } from "./parse-match.ts";
import type { HashPolicySpec, MirrorSpec, RegexRewriteSpec } from "./spec.ts";

/** `problems` is that of the message that holds request_mirror_policies. */
export function parseMirrors(messages: readonly RouteAction_RequestMirrorPolicy[], problems: Problems): MirrorSpec[] {
  return messages.map((message, i) => {
    checkCoverage(RouteAction_RequestMirrorPolicySchema, message, problems.at(`request_mirror_policies[${i}]`), {
      honoured: [
        "cluster",
        "cluster_header",
        "runtime_fraction",
        "disable_shadow_host_suffix_append",
        "host_rewrite_literal",
      ],
      harmless: ["trace_sampled", "request_headers_mutations"],
    });
    return {
      cluster: message.cluster,
      clusterHeader: parseHeaderName(message.clusterHeader),
      runtimeFraction: parseRuntimeFraction(message.runtimeFraction),
      disableShadowHostSuffix: message.disableShadowHostSuffixAppend,
      hostRewriteLiteral: message.hostRewriteLiteral,
    };
  });
}

/** null after telling that the policy is empty. `problems` is that of the policy. */
export function parseHashPolicy(message: RouteAction_HashPolicy, problems: Problems): HashPolicySpec | null {
  const { terminal, policySpecifier: specifier } = message;
  switch (specifier.case) {
    case "header": {
      const rewrite = specifier.value.regexRewrite;
      return {
        kind: "header",
        terminal,
        name: parseHeaderName(specifier.value.headerName),
        rewrite: rewrite === undefined ? null : parseRegexRewrite(rewrite, problems.at("header.regex_rewrite")),
      };
    }
    case "cookie": {
      const { name, ttl, path, attributes } = specifier.value;
      const plain = attributes.map((attribute) => ({ name: attribute.name, value: attribute.value }));
      return { kind: "cookie", terminal, name, ttlMs: durationMs(ttl), path, attributes: plain };
    }
    case "connectionProperties":
      return specifier.value.sourceIp ? { kind: "sourceIp", terminal } : null;
    case "queryParameter":
      return { kind: "query", terminal, name: specifier.value.name };
    case "filterState":
      return { kind: "filterState", terminal, key: specifier.value.key };
    case undefined:
      problems.error("", "is empty: a hash policy needs what to hash");
      return null;
  }
}

/** `problems` is that of the message. */
export function parseRegexRewrite(message: RegexMatchAndSubstitute, problems: Problems): RegexRewriteSpec {
  return { regex: parseRegex(message.pattern, problems.at("pattern")), substitution: message.substitution };
}
