import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMs, durationMsOr } from "../proto/duration.ts";
import type { TypedExtensionConfig } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  type HedgePolicy,
  HedgePolicySchema,
  type RetryPolicy,
  type RetryPolicy_RetryHostPredicate,
  type RetryPolicy_RetryPriority,
  RetryPolicySchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { OmitHostMetadataConfig } from "../proto/generated/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts";
import type { PreviousPrioritiesConfig } from "../proto/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { suggest } from "../proto/suggest.ts";
import { parseHeaderName } from "./parse-headers.ts";
import { parseHeaderMatcher } from "./parse-match.ts";
import { parseRetryGrpcOn, parseRetryOn, retryWords, unknownRetryWords } from "./retry-on.ts";
import type { HostPredicateSpec, RateLimitedBackoffSpec, RetryPolicySpec } from "./spec.ts";

/** config.route.v3.RetryPolicy. Envoy's defaults: one retry, back-off from 25 ms up to ten times that. Envoy: RetryPolicyImpl. */
export function parseRetryPolicy(message: RetryPolicy, problems: Problems): RetryPolicySpec {
  checkCoverage(RetryPolicySchema, message, problems, { honoured, harmless: [] });
  for (const [i, predicate] of message.retryOptionsPredicates.entries())
    refuseOptions(predicate, problems.at(`retry_options_predicates[${i}]`));
  for (const word of unknownRetryWords(message.retryOn)) {
    const similar = suggest(word, retryWords());
    problems.warning(
      "retry_on",
      `"${word}" is no condition and means nothing${similar === null ? "" : `; did you mean "${similar}"?`}`,
    );
  }
  return {
    retryOn: parseRetryOn(message.retryOn) | parseRetryGrpcOn(message.retryOn),
    numRetries: message.numRetries ?? 1,
    perTryTimeoutMs: wholeMs(durationMsOr(message.perTryTimeout, 0)),
    perTryIdleTimeoutMs: wholeMs(durationMsOr(message.perTryIdleTimeout, 0)),
    retriableStatusCodes: message.retriableStatusCodes,
    retriableHeaders: message.retriableHeaders.map((m, i) =>
      parseHeaderMatcher(m, problems.at(`retriable_headers[${i}]`)),
    ),
    retriableRequestHeaders: message.retriableRequestHeaders.map((m, i) =>
      parseHeaderMatcher(m, problems.at(`retriable_request_headers[${i}]`)),
    ),
    ...parseBackoff(message, problems),
    rateLimitedBackoff: parseRateLimited(message),
    hostPredicates: message.retryHostPredicate
      .map((predicate, i) => parsePredicate(predicate, problems.at(`retry_host_predicate[${i}]`)))
      .filter((predicate) => predicate !== null),
    hostSelectionMaxAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
    priorityUpdateFrequency: parsePriority(message.retryPriority, problems.at("retry_priority")),
  };
}

/** config.route.v3.HedgePolicy: whether a try that takes too long goes on beside the next one. Envoy 1.40 reads nothing else of it. */
export function parseHedgePolicy(message: HedgePolicy | undefined, problems: Problems): boolean | null {
  if (message === undefined) return null;
  checkCoverage(HedgePolicySchema, message, problems, {
    honoured: ["hedge_on_per_try_timeout"],
    harmless: ["initial_requests", "additional_request_chance"],
  });
  return message.hedgeOnPerTryTimeout;
}

/** Below a millisecond Envoy takes one. */
function parseBackoff(
  { retryBackOff }: RetryPolicy,
  problems: Problems,
): Pick<RetryPolicySpec, "backoffBaseMs" | "backoffMaxMs"> {
  if (retryBackOff === undefined) return { backoffBaseMs: 0, backoffMaxMs: 0 };
  const baseMs = Math.max(1, wholeMs(durationMsOr(retryBackOff.baseInterval, 0)));
  const given = durationMs(retryBackOff.maxInterval);
  const maxMs = given === null ? baseMs * 10 : Math.max(1, wholeMs(given));
  if (maxMs < baseMs) {
    const text = "retry_policy.max_interval must greater than or equal to the base_interval";
    problems.error("retry_back_off.max_interval", text, { envoyText: text });
  }
  return { backoffBaseMs: baseMs, backoffMaxMs: maxMs };
}

function parseRateLimited({ rateLimitedRetryBackOff: message }: RetryPolicy): RateLimitedBackoffSpec | null {
  if (message === undefined) return null;
  return {
    headers: message.resetHeaders.map((header) => ({
      name: parseHeaderName(header.name),
      format: header.format === 0 ? "SECONDS" : "UNIX_TIMESTAMP",
    })),
    maxMs: Math.max(1, wholeMs(durationMsOr(message.maxInterval, 300_000))),
  };
}

function parsePredicate(message: RetryPolicy_RetryHostPredicate, problems: Problems): HostPredicateSpec | null {
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null) return null;
  switch (unpacked.desc.typeName) {
    case "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate":
      return { kind: "previousHosts" };
    case "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate":
      return { kind: "omitCanaryHosts" };
    case "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig": {
      const { metadataMatch } = unpacked.message as OmitHostMetadataConfig;
      return { kind: "omitHostMetadata", labels: metadataMatch?.filterMetadata["envoy.lb"] ?? {} };
    }
    default:
      problems.error("typed_config", `${unpacked.desc.typeName} is no retry host predicate that Nuncio has`);
      return null;
  }
}

/** Envoy 1.40 has the extension point, and no extension for it. */
function refuseOptions({ name, typedConfig }: TypedExtensionConfig, problems: Problems): void {
  const unpacked = unpackExtension(name, typedConfig, problems, "typed_config");
  if (unpacked === null) return;
  const type = unpacked.desc.typeName;
  problems.error("typed_config", `${type} is no retry options predicate; Envoy 1.40 comes without any`, {
    envoyText: `Didn't find a registered implementation for '${name}' with type URL: '${type}'`,
  });
}

/** After how many attempts priorities are left out; 0 without a retry_priority. */
function parsePriority(message: RetryPolicy_RetryPriority | undefined, problems: Problems): number {
  if (message === undefined || message.name === "") return 0;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null) return 0;
  if (unpacked.desc.typeName === "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig")
    return (unpacked.message as PreviousPrioritiesConfig).updateFrequency;
  problems.error("typed_config", `${unpacked.desc.typeName} is no retry priority that Nuncio has`);
  return 0;
}

/** Envoy's timers know whole milliseconds. */
function wholeMs(ms: number): number {
  return Math.floor(ms);
}

const honoured = [
  "retry_on",
  "num_retries",
  "per_try_timeout",
  "per_try_idle_timeout",
  "retry_priority",
  "retry_host_predicate",
  "retry_options_predicates",
  "host_selection_retry_max_attempts",
  "retriable_status_codes",
  "retry_back_off",
  "rate_limited_retry_back_off",
  "retriable_headers",
  "retriable_request_headers",
];
