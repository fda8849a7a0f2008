import { checkCoverage } from "../proto/coverage.ts";
import { durationMs, durationMsOr } from "../proto/duration.ts";
import {
  type RetryPolicy,
  RetryPolicySchema,
  type RouteAction_HashPolicy,
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RegexMatchAndSubstitute } from "../proto/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "./parse-headers.ts";
import { parseHeaderMatcher, parseRegex, parseRuntimeFraction } from "./parse-match.ts";
import type { HashPolicySpec, MirrorSpec, RegexRewriteSpec, RetryPolicySpec } from "./spec.ts";

/** config.route.v3.RetryPolicy. Envoy's defaults: one retry, back-off from 25 ms up to ten times that. */
export function parseRetryPolicy(message: RetryPolicy, problems: Problems): RetryPolicySpec {
  checkCoverage(RetryPolicySchema, message, problems, {
    honoured: [
      "retry_on",
      "num_retries",
      "per_try_timeout",
      "per_try_idle_timeout",
      "retry_host_predicate",
      "host_selection_retry_max_attempts",
      "retriable_status_codes",
      "retry_back_off",
      "rate_limited_retry_back_off",
      "retriable_headers",
      "retriable_request_headers",
    ],
    harmless: ["retry_priority", "retry_options_predicates", "refresh_cluster_on_retry"],
  });
  const baseMs = durationMsOr(message.retryBackOff?.baseInterval, 25);
  const maxMs = durationMsOr(message.retryBackOff?.maxInterval, baseMs * 10);
  if (maxMs < baseMs) {
    const text = "retry_policy.max_interval must greater than or equal to the base_interval";
    problems.error("retry_back_off.max_interval", text, { envoyText: text });
  }
  const limited = message.rateLimitedRetryBackOff;
  return {
    retryOn: message.retryOn
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    numRetries: message.numRetries ?? 1,
    perTryTimeoutMs: durationMsOr(message.perTryTimeout, 0),
    perTryIdleTimeoutMs: durationMsOr(message.perTryIdleTimeout, 0),
    retriableStatusCodes: message.retriableStatusCodes,
    retriableHeaders: message.retriableHeaders.map((m, i) =>
      parseHeaderMatcher(m, problems.at(`retriable_headers[${i}]`)),
    ),
    retriableRequestHeaders: message.retriableRequestHeaders.map((m, i) =>
      parseHeaderMatcher(m, problems.at(`retriable_request_headers[${i}]`)),
    ),
    backoffBaseMs: baseMs,
    backoffMaxMs: maxMs,
    rateLimitedBackoff:
      limited === undefined
        ? null
        : {
            headers: limited.resetHeaders.map((header) => ({
              name: parseHeaderName(header.name),
              format: header.format === 0 ? "SECONDS" : "UNIX_TIMESTAMP",
            })),
            maxMs: durationMsOr(limited.maxInterval, 300_000),
          },
    hostPredicates: message.retryHostPredicate.map((predicate) => predicate.name),
    hostSelectionMaxAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
  };
}

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
